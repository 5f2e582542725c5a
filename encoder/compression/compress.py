"""Compress a model by one or several methods: one call from a name to a folder."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ...errors import InputError
from ...files import free_folder, whole_folder
from ...progress import Progress, Silent
from ..export import export_encoder
from ..training.settings import TrainingSettings
from .depth import keep_layers, rank_starts
from .distil import DISTILLATION, Learned, distil, longest_text, mean_cosine
from .models import as_v3, find_model, inner, open_model, save_model
from .prune import Pruned, Pruning, prune_model
from .samples import Samples, make_samples

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Method = Literal["distil", "prune", "int8"]
# Also the order in which they are applied.
METHODS: tuple[Method, ...] = get_args(Method)
# What was done, beside the model; it cannot change a vector.
RECORD = "compression.json"
_START_TEXTS = 64
_RANGE_TEXTS = 256
# A pruned model is near the original already: at the student's rate it would first move away.
# On product texts an eighth took the mean cosine from 0.952 to 0.958, the whole rate to 0.945.
_RECOVERY_RATE = 1 / 8


@dataclass(frozen=True, slots=True)
class Compression:
    """How to compress.

    Attributes:
        methods: applied in the order distil, prune, int8, whatever order they are named in.
        layers: of the teacher, that the student begins with; None measures which are nearest.
        distillation: how a student is trained.
        pruning: how much, and how it is measured.
        recovery: steps of distillation after pruning, at an eighth of its rate; 0 for none.

    """

    methods: Sequence[str]
    layers: Sequence[int] | None = None
    distillation: TrainingSettings = DISTILLATION
    pruning: Pruning = field(default_factory=Pruning)
    recovery: int = 0


def compress_model(
    name: str,
    out: Path,
    documents: Sequence[str],
    how: Compression,
    *,
    queries: Sequence[str] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a smaller model; `out` appears whole or not at all.

    Args:
        name: "default", a folder or a hub name.
        out: folder to write: a model's, or a compiled encoder's where int8 is the last step.
        documents: product texts, unlabelled.
        queries: what shoppers type; words out of the documents stand in for them.
        how: the methods and their settings.
        progress: told of each stage.

    Returns:
        what was done and measured, as JSON can hold it; also written to `out`/compression.json.

    Raises:
        InputError: an unknown method or none, too few texts, a setting out of range, or `out` is
            in use.
        EncoderError: the model cannot be read, or is of a family that cannot be compressed.

    """
    methods = _methods(how.methods)
    out = free_folder(out)
    samples = make_samples(documents, queries, how.distillation.seed)
    follow = progress or Silent()
    begin = time.monotonic()
    folder = find_model(name)
    original = open_model(folder)
    model, record = original, _Record(name, methods, original)
    if "distil" in methods:
        model = _distil(model, samples, how, record, follow)
    if "prune" in methods:
        model = _prune(model, original, samples, how, record, follow)
    with tempfile.TemporaryDirectory(prefix="dsv3-compress-") as scratch:
        made = folder
        if model is not original:
            made = Path(scratch) / "model"
            save_model(model, made)
        record.measure(model, original, samples, longest_text(original, how.distillation))
        record.fields["seconds"] = round(time.monotonic() - begin, 1)
        if "int8" in methods:
            _write_int8(made, out, samples, record)
        else:
            with whole_folder(out) as unfinished:
                shutil.copytree(made, unfinished, dirs_exist_ok=True)
                record.write(unfinished)
    return {"folder": str(out), **record.fields}


def _methods(named: Sequence[str]) -> list[Method]:
    unknown = sorted(set(named) - set(METHODS))
    if unknown or not named:
        wrong = f"no method {unknown[0]!r}" if unknown else "no method was named"
        raise InputError(f"{wrong}; there are {', '.join(METHODS)}")
    return [method for method in METHODS if method in named]


class _Record:
    """Collects what was done and measured."""

    def __init__(self, name: str, methods: Sequence[str], model: SentenceTransformer) -> None:
        self.fields: dict[str, Any] = {
            "base": name,
            "methods": list(methods),
            "parameters_before": inner(as_v3(model)).num_parameters(),
        }

    def measure(
        self,
        model: SentenceTransformer,
        original: SentenceTransformer,
        samples: Samples,
        max_tokens: int,
    ) -> None:
        """Note the size of the model and how near its vectors are to the original's."""
        few = samples.some(_START_TEXTS, 1)
        self.fields["parameters"] = inner(as_v3(model)).num_parameters()
        self.fields["cosine"] = mean_cosine(model, original, few, max_tokens)

    def write(self, folder: Path) -> None:
        """Write it beside the model."""
        text = json.dumps(self.fields, indent=2)
        (folder / RECORD).write_text(text + "\n", encoding="utf-8")


def _distil(
    teacher: SentenceTransformer,
    samples: Samples,
    how: Compression,
    record: _Record,
    progress: Progress,
) -> SentenceTransformer:
    """Return a student of half the layers."""
    starts = rank_starts(
        teacher,
        samples.some(_START_TEXTS, how.distillation.seed),
        max_tokens=longest_text(teacher, how.distillation),
    )
    layers = tuple(how.layers or starts[0].layers)
    student = keep_layers(teacher, layers)
    learned = distil(student, teacher, samples, how.distillation, progress=progress)
    record.fields["distil"] = {
        "starts": [asdict(start) for start in starts],
        "layers": list(layers),
        "distillation": how.distillation.to_json(),
        **_learned(learned),
    }
    return student


def _prune(
    model: SentenceTransformer,
    teacher: SentenceTransformer,
    samples: Samples,
    how: Compression,
    record: _Record,
    progress: Progress,
) -> SentenceTransformer:
    """Return the model pruned, and distilled from the original where that was asked for."""
    found = prune_model(model, samples, how.pruning, progress=progress)
    record.fields["prune"] = {"settings": asdict(how.pruning), **_pruned(found)}
    if how.recovery:
        settings = replace(
            how.distillation,
            steps=how.recovery,
            learning_rate=how.distillation.learning_rate * _RECOVERY_RATE,
        )
        learned = distil(found.model, teacher, samples, settings, progress=progress)
        record.fields["prune"]["recovery"] = _learned(learned)
    return found.model


def _learned(found: Learned) -> dict[str, Any]:
    return {"losses": [round(loss, 5) for loss in found.losses], "cosine": found.cosine}


def _pruned(found: Pruned) -> dict[str, Any]:
    sites = [
        {
            "layer": curve.site.layer,
            "part": curve.site.part,
            "ratio": found.ratios[curve.site],
            "curve": dict(zip(map(str, curve.ratios), curve.losses, strict=True)),
        }
        for curve in found.curves
    ]
    return {"sites": sites, "experts": found.experts, "cosine": found.cosine}


def _write_int8(made: Path, out: Path, samples: Samples, record: _Record) -> None:
    """Compile to 8 bits, with ranges from the texts, and write the record into it."""
    texts = list(samples.some(_RANGE_TEXTS, 0).documents)
    with whole_folder(out) as unfinished:
        manifest = export_encoder(str(made), unfinished, precision="int8", texts=texts)
        record.fields["int8"] = {"mean_cosine": manifest.mean_cosine}
        record.write(unfinished)
