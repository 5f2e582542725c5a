"""Let a smaller model learn to place texts where a larger one places them, without labels.

What is copied, and by which formula, is `training/distillation.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from ...errors import InputError
from ...progress import Progress, Silent
from ..base import IntArray
from ..runtime.architecture import Unsupported
from ..runtime.batch import Task
from ..texts.text import encodable
from ..training.losses import TrainingData
from ..training.settings import TrainingSettings
from ..training.train import check_installed
from ..training.trainer import run_trainer
from .models import embed_all, inner, save_model, token_batches, with_inner
from .samples import Samples

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TASKS: tuple[Task, Task] = ("query", "document")
_POOLED_BATCHES = 16


# A student starts far from its teacher: it learns faster than an encoder that is trained further.
DISTILLATION = TrainingSettings(
    steps=400, batch_size=32, learning_rate=4e-4, freeze_embeddings=True, bf16=False
)


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of a student.

    Attributes:
        losses: mean of some steps each, in their order.
        cosine: mean to the teacher over texts that it did not learn from, after the last step.

    """

    losses: list[float]
    cosine: float


def distil(
    student: SentenceTransformer,
    teacher: SentenceTransformer,
    samples: Samples,
    settings: TrainingSettings = DISTILLATION,
    *,
    progress: Progress | None = None,
) -> Learned:
    """Train a student in place, without dropout; words' and positions' embeddings stay.

    Args:
        student: what learns.
        teacher: what it learns from.
        samples: texts; the last ones, a twentieth, are only measured on.
        settings: `steps` of `batch_size` queries and as many documents.
        progress: told of the stages "teacher" and "distil".

    Raises:
        InputError: fewer texts than a batch needs, or no steps.
        MissingExtra: the packages of the extra `train` are not installed.

    """
    check_installed()
    follow = progress or Silent()
    if settings.steps is None or settings.batch_size < 2:
        raise InputError("distillation needs at least 1 step and 2 texts in a batch")
    samples, test = _split(samples, settings)
    data = _data(samples, teacher, settings, follow)
    follow.start("distil", settings.steps)
    limit = student.max_seq_length
    if settings.max_tokens is not None:
        student.max_seq_length = min(settings.max_tokens, limit or settings.max_tokens)
    with TemporaryDirectory(prefix="dsv3-distil-") as scratch:
        trained = run_trainer(
            student,
            {"distil": data},
            settings,
            Path(scratch),
            on_progress=lambda step: follow.advance(),
        )
    student.max_seq_length = limit
    student.to(teacher.device).eval()
    follow.finish()
    cosine = mean_cosine(student, teacher, test, longest_text(teacher, settings))
    return Learned([loss for _, loss in trained.losses], cosine)


def longest_text(teacher: SentenceTransformer, settings: TrainingSettings) -> int:
    """Return the tokens that texts are cut to while a student learns."""
    return settings.max_tokens or int(teacher.max_seq_length or 0)


def _data(
    samples: Samples, teacher: SentenceTransformer, settings: TrainingSettings, progress: Progress
) -> TrainingData:
    """Lay out the texts of all steps, in their order, and the teacher's vectors of these."""
    from datasets import Dataset

    columns: dict[str, list[object]] = {}
    places: list[list[int]] = []
    used: dict[Task, list[str]] = {}
    first = 0
    for number, task in enumerate(_TASKS):
        texts = samples.of(task)
        rows = [int(row) for rows in _plan(texts, settings, number) for row in rows]
        place = {row: first + n for n, row in enumerate(dict.fromkeys(rows))}
        columns[task] = [encodable(texts[row]).strip() for row in rows]
        places.append([place[row] for row in rows])
        used[task] = [texts[row] for row in place]
        first += len(place)
    columns["label"] = [list(pair) for pair in zip(*places, strict=True)]
    chosen = Samples(used["document"], used["query"])
    vectors = teacher_vectors(teacher, chosen, longest_text(teacher, settings), progress)
    known = torch.cat([vectors[task] for task in _TASKS])
    return TrainingData(Dataset.from_dict(columns), known, ordered=True)


def mean_cosine(
    model: SentenceTransformer, other: SentenceTransformer, samples: Samples, max_tokens: int
) -> float:
    """Return the mean cosine of two models' vectors over texts, as queries and as documents."""
    found = []
    for task in _TASKS:
        batches = token_batches(model, samples.of(task), task, max_tokens)
        found.append((embed_all(model, batches, task) * embed_all(other, batches, task)).sum(-1))
    return float(torch.cat(found).mean())


def _split(samples: Samples, settings: TrainingSettings) -> tuple[Samples, Samples]:
    """Keep some texts back to measure on; the last ones, a twentieth, at most 200."""
    for task in _TASKS:
        if len(samples.of(task)) < settings.batch_size + 2:
            raise InputError(
                f"{len(samples.of(task))} texts to learn from as {task} are too few for batches "
                f"of {settings.batch_size}; give more texts or a smaller batch"
            )
    kept = {task: min(max(len(samples.of(task)) // 20, 2), 200) for task in _TASKS}
    learnt = Samples(samples.documents[: -kept["document"]], samples.queries[: -kept["query"]])
    held = Samples(samples.documents[-kept["document"] :], samples.queries[-kept["query"] :])
    return learnt, held


def _plan(texts: Sequence[str], settings: TrainingSettings, number: int) -> list[IntArray]:
    """Choose the texts of each step: drawn at random, put together by length."""
    generator = np.random.default_rng([settings.seed, number])
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    batches: list[IntArray] = []
    steps = settings.steps or 0
    for drawn in _drawn(len(texts), settings.batch_size, generator):
        alike = [drawn[rows] for rows in _by_length(lengths[drawn], settings.batch_size)]
        batches += [alike[place] for place in generator.permutation(len(alike))]
        if len(batches) >= steps:
            break
    return batches[:steps]


def _drawn(count: int, batch: int, generator: np.random.Generator) -> Iterator[IntArray]:
    """Yield pools of a few batches from endless passes over the texts."""
    size = min(_POOLED_BATCHES * batch, count // batch * batch)
    while True:
        order = generator.permutation(count)
        for start in range(0, count - size + 1, size):
            yield order[start : start + size]


def _by_length(lengths: IntArray, batch: int) -> Iterator[IntArray]:
    """Yield the positions of batches of one size, longest texts first."""
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order) - batch + 1, batch):
        yield order[start : start + batch]


def teacher_vectors(
    teacher: SentenceTransformer, samples: Samples, max_tokens: int, progress: Progress
) -> dict[Task, Tensor]:
    """Return the teacher's unit vectors of all texts, cut as the student will see them.

    They are computed by the compiled runtime, several times as fast as torch, or by torch where
    the model cannot be compiled.
    """
    cut = with_inner(teacher, inner(teacher))
    cut.max_seq_length = min(max_tokens, int(teacher.max_seq_length or max_tokens))
    progress.start("teacher", len(samples.queries) + len(samples.documents))
    with TemporaryDirectory(prefix="dsv3-teacher-") as scratch:
        found = {
            task: _vectors(cut, Path(scratch), samples.of(task), task, progress) for task in _TASKS
        }
    progress.finish()
    return found


def _vectors(
    teacher: SentenceTransformer,
    scratch: Path,
    texts: Sequence[str],
    task: Task,
    progress: Progress,
) -> Tensor:
    from ..runtime.encoder import CompiledEncoder
    from ..runtime.export import export_folder

    plain, compiled = scratch / "plain", scratch / "compiled"
    if not plain.exists():
        save_model(teacher, plain)
    try:
        if not compiled.exists():
            export_folder(plain, compiled, verify=False)
        encoder = CompiledEncoder(compiled)
    except (Unsupported, ImportError):
        batches = token_batches(teacher, texts, task, int(teacher.max_seq_length or 0))
        progress.advance(len(texts))
        return embed_all(teacher, batches, task)
    encode = encoder.encode_queries if task == "query" else encoder.encode_documents
    parts = []
    for start in range(0, len(texts), 256):
        parts.append(torch.from_numpy(encode(texts[start : start + 256])))
        progress.advance(len(parts[-1]))
    return F.normalize(torch.cat(parts), dim=-1)
