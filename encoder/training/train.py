"""Train an encoder's folder on examples, with sentence-transformers' own trainer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import EncoderError, InputError, MissingExtra
from ...files import free_folder, whole_folder
from ..folders import fingerprint_folder
from ..installed import MODELS
from .examples import Example
from .graded import GradedList, graded_columns
from .report import Progress, Trained
from .settings import TrainingSettings
from .validation import ValidationSet

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from .losses import TrainingData

REPORT = "training.json"


def train_encoder(
    base: Path,
    out: Path,
    examples: Sequence[Example],
    *,
    graded: Sequence[GradedList] = (),
    validation: ValidationSet | None = None,
    settings: TrainingSettings | None = None,
    checkpoints: Path | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train and write a sentence-transformers folder, whole or not at all.

    Every process that torchrun starts calls it with the same arguments, and the first writes;
    without torchrun the one process does all. A run that was interrupted leaves its checkpoints;
    the same call goes on from the last and ends as it would have. Where `out` is what the same
    call wrote before, nothing is done.

    Args:
        base: folder of a dense sentence-transformers model, or of V3.
        out: folder to write; must not exist, be empty, or be of the same run.
        examples: what to learn; `settings.seed` shuffles them.
        graded: lists to learn the order of, for `settings.graded` of the steps.
        validation: asked at the start and `settings.evaluations` times; the best state is kept.
        settings: see there.
        checkpoints: their folder, seen by all processes; beside `out` when None.
        on_progress: told of each step, in the first process.

    Returns:
        what was done; the same in all processes but for the time.

    Raises:
        InputError: too few examples, a batch that processes cannot share, `out` is in use, or
            `checkpoints` holds an unfinished run of other settings, examples or base.
        EncoderError: the base is not a sentence-transformers folder, or the loss is no number.
        MissingExtra: the packages of the extra `train` are not installed.

    """
    check_installed()
    chosen = settings or TrainingSettings()
    if len(examples) < 2:
        raise InputError(f"{len(examples)} examples: a contrast needs at least 2")
    if (finished := finished_run(base, out, examples, graded=graded, settings=chosen)) is not None:
        return finished
    out = free_folder(out)
    scratch = checkpoints or out.with_name(f".{out.name}.training")
    run = _run(base, examples, graded, chosen)
    from .checkpoints import prepare_checkpoints
    from .processes import check_share, joined_processes

    check_share(chosen.batch_size)
    with joined_processes() as processes:
        model = load_base(base)
        if processes.is_main_process:
            prepare_checkpoints(scratch, run)
        processes.wait_for_everyone()
        trained = _learn(
            model, base, examples, graded, validation, chosen, scratch, on_progress=on_progress
        )
        if processes.is_main_process:
            _write(model, out, {"run": _digest(run), "base": base.name}, chosen, trained)
            shutil.rmtree(scratch, ignore_errors=True)
        processes.wait_for_everyone()
    return trained


def _learn(
    model: SentenceTransformer,
    base: Path,
    examples: Sequence[Example],
    graded: Sequence[GradedList],
    validation: ValidationSet | None,
    settings: TrainingSettings,
    scratch: Path,
    *,
    on_progress: Callable[[Progress], None],
) -> Trained:
    """Train a loaded model and average it with its base."""
    from .blend import blend_weights
    from .trainer import run_trainer

    limit = model.max_seq_length
    if settings.max_tokens is not None:
        model.max_seq_length = min(settings.max_tokens, limit or settings.max_tokens)
    trained = run_trainer(
        model,
        _data(examples, graded, settings),
        settings,
        scratch,
        validation=validation,
        on_progress=on_progress,
    )
    model.max_seq_length = limit
    if settings.blend < 1:
        blend_weights(model, load_base(base), settings.blend)
    return trained


def _data(
    examples: Sequence[Example], graded: Sequence[GradedList], settings: TrainingSettings
) -> dict[str, TrainingData]:
    """Lay out what is learned, by the loss that learns it."""
    from .dataset import contrastive_columns
    from .losses import TrainingData

    contrast = contrastive_columns(examples, negatives=settings.negatives, seed=settings.seed)
    share = settings.graded
    rows = round(len(examples) * share / max(1 - share, 0.01))
    lists = graded_columns(graded, rows, scale=settings.scale / 4, seed=settings.seed)
    return {"contrast": contrast} | ({"graded": TrainingData(lists)} if len(lists) else {})


def _write(
    model: SentenceTransformer,
    out: Path,
    origin: dict[str, Any],
    settings: TrainingSettings,
    trained: Trained,
) -> None:
    with whole_folder(out) as unfinished:
        model.save_pretrained(str(unfinished), create_model_card=False)
        report = {**origin, "settings": settings.to_json(), **trained.to_json()}
        (unfinished / REPORT).write_text(json.dumps(report, indent=2), encoding="utf-8")


def finished_run(
    base: Path,
    out: Path,
    examples: Sequence[Example],
    *,
    graded: Sequence[GradedList],
    settings: TrainingSettings,
) -> Trained | None:
    """Return what the same call of `train_encoder` reported before; None where it never ended."""
    try:
        report = json.loads((out / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if report.get("run") != _digest(_run(base, examples, graded, settings)):
        return None
    return Trained.from_json(report)


def check_installed() -> None:
    """Say early what is missing.

    Raises:
        MissingExtra: the packages of the extra `train` are not installed.

    """
    from importlib.util import find_spec

    for package in (*MODELS, "accelerate", "datasets", "datasketch", "py3langid"):
        if find_spec(package) is None:
            raise MissingExtra(package.replace("_", "-"), "train", "Training an encoder")


def _run(
    base: Path,
    examples: Sequence[Example],
    graded: Sequence[GradedList],
    settings: TrainingSettings,
) -> dict[str, Any]:
    """Return what decides a run, so that a checkpoint of another one is not gone on with."""
    read = blake2b(digest_size=8)
    for example in examples:
        read.update(json.dumps(example.to_json()).encode())
    for one in graded:
        read.update(json.dumps([one.query, one.texts, one.grades]).encode())
    origin = {"base": fingerprint_folder(base, {}), "examples": read.hexdigest()}
    return {**origin, **settings.deciding()}


def _digest(run: Mapping[str, Any]) -> str:
    return blake2b(json.dumps(run).encode(), digest_size=8).hexdigest()


def load_base(base: Path) -> SentenceTransformer:
    """Load a folder for training, in float32.

    Raises:
        EncoderError: it cannot be loaded, or compares otherwise than training does.

    """
    from ..pytorch.load import load_model

    if not any((base / name).is_file() for name in ("config.json", "modules.json")):
        raise EncoderError(
            f"{base}: no encoder there; name a sentence-transformers folder, or make one with: "
            "dsv3 model upcycle default FOLDER"
        )
    model = load_model(base, device=None)
    if str(model.similarity_fn_name) == "dot":
        raise EncoderError(f"{base}: it compares by dot product, and training is by cosine")
    return model.float()
