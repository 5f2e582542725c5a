"""Teach a smaller model to place texts where a larger one places them, without labels.

Two things are copied. A text's vector: Reimers & Gurevych 2020, "Making Monolingual Sentence
Embeddings Multilingual using Knowledge Distillation" (there by squared error, which for unit
vectors is twice 1 - cosine). And how texts lie to each other, which is what ranking reads: the
similarities within a batch, as in Tung & Mori 2019, "Similarity-Preserving Knowledge
Distillation", compared as distributions, as Passalis & Tefas 2018, "Learning Deep Representations
with Probabilistic Knowledge Transfer", do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from ...errors import InputError
from ...progress import Progress, Silent
from ..base import IntArray
from ..runtime.architecture import Unsupported
from ..runtime.batch import Task
from .models import embed, embed_all, inner, save_model, token_batches, with_inner
from .samples import Samples

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_TASKS: tuple[Task, Task] = ("query", "document")
_POOLED_BATCHES = 16


@dataclass(frozen=True, slots=True)
class Lessons:
    """How a student learns.

    Attributes:
        steps: of the optimiser.
        batch: queries, and documents, in a step.
        learning_rate: its peak, after a tenth of the steps; it falls to zero by a cosine.
        max_tokens: texts are cut to this while learning.
        temperature: of the softmax over similarities; lower looks at nearer neighbours alone.
        similarity_weight: of the similarities' part, against 1 for the vectors' part.
        seed: of the choice and order of the texts.

    """

    steps: int = 400
    batch: int = 32
    learning_rate: float = 4e-4
    max_tokens: int = 64
    temperature: float = 0.05
    similarity_weight: float = 0.5
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """What became of a student.

    Attributes:
        losses: of each step.
        cosine: mean to the teacher over texts that it did not learn from, after the last step.

    """

    losses: list[float]
    cosine: float


def vector_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Return the mean of 1 - cosine over unit vectors (n, dim)."""
    return 1 - (student * teacher).sum(-1).mean()


def similarity_loss(
    student: tuple[Tensor, Tensor], teacher: tuple[Tensor, Tensor], temperature: float
) -> Tensor:
    """Return the mean KL divergence of the student's similarities from the teacher's.

    Each query and each document sees the batch's documents, itself left out, as a distribution:
    softmax of cosine / temperature.

    Args:
        student: unit vectors of queries (q, dim) and of documents (n, dim).
        teacher: the same.
        temperature: of both softmaxes.

    """
    ours = _log_shares(*student, temperature)  # (q + n, n)
    theirs = _log_shares(*teacher, temperature)
    return F.kl_div(ours, theirs, log_target=True, reduction="batchmean")


def _log_shares(queries: Tensor, documents: Tensor, temperature: float) -> Tensor:
    scores = torch.cat([queries, documents]) @ documents.T / temperature
    itself = torch.zeros_like(scores, dtype=torch.bool)
    itself[len(queries) :].fill_diagonal_(True)
    # a large negative number, not infinity, whose share times its logarithm has no value
    return F.log_softmax(scores.masked_fill(itself, -1e4), dim=-1)


def teach(
    student: SentenceTransformer,
    teacher: SentenceTransformer,
    samples: Samples,
    lessons: Lessons,
    *,
    progress: Progress | None = None,
) -> Learned:
    """Train a student in place, without dropout; words' and positions' embeddings stay.

    Raises:
        InputError: fewer texts than a batch needs, or no steps.

    """
    follow = progress or Silent()
    if lessons.steps < 1 or lessons.batch < 2:
        raise InputError("distillation needs at least 1 step and 2 texts in a batch")
    samples, held_out = _split(samples, lessons)
    plan = {task: _plan(samples.of(task), lessons, number) for number, task in enumerate(_TASKS)}
    used = {task: sorted({int(row) for rows in plan[task] for row in rows}) for task in _TASKS}
    chosen = Samples(
        [samples.documents[row] for row in used["document"]],
        [samples.queries[row] for row in used["query"]],
    )
    targets = teacher_vectors(teacher, chosen, lessons.max_tokens, follow)
    places = {task: {row: n for n, row in enumerate(used[task])} for task in _TASKS}
    optimiser, schedule = _optimiser(student, lessons)
    losses = []
    follow.start("distil", lessons.steps)
    for step in range(lessons.steps):
        ours, theirs = [], []
        for task in _TASKS:
            rows = [int(row) for row in plan[task][step]]
            texts = [samples.of(task)[row] for row in rows]
            ours.append(_embed_texts(student, texts, task, lessons.max_tokens))
            theirs.append(targets[task][[places[task][row] for row in rows]])
        loss = _loss(ours, theirs, lessons)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(_learning(student), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        follow.advance()
    follow.finish()
    student.requires_grad_(True)
    return Learned(losses, mean_cosine(student, teacher, held_out, lessons.max_tokens))


def _loss(ours: list[Tensor], theirs: list[Tensor], lessons: Lessons) -> Tensor:
    vectors = vector_loss(torch.cat(ours), torch.cat(theirs))
    if not lessons.similarity_weight:
        return vectors
    near = similarity_loss((ours[0], ours[1]), (theirs[0], theirs[1]), lessons.temperature)
    return vectors + lessons.similarity_weight * near


def mean_cosine(
    model: SentenceTransformer, other: SentenceTransformer, samples: Samples, max_tokens: int
) -> float:
    """Return the mean cosine of two models' vectors over texts, as queries and as documents."""
    found = []
    for task in _TASKS:
        batches = token_batches(model, samples.of(task), task, max_tokens)
        found.append((embed_all(model, batches, task) * embed_all(other, batches, task)).sum(-1))
    return float(torch.cat(found).mean())


def _split(samples: Samples, lessons: Lessons) -> tuple[Samples, Samples]:
    """Keep some texts back to measure on; the last ones, a twentieth, at most 200."""
    for task in _TASKS:
        if len(samples.of(task)) < lessons.batch + 2:
            raise InputError(
                f"{len(samples.of(task))} texts to learn from as {task} are too few for batches "
                f"of {lessons.batch}; give more texts or a smaller batch"
            )
    kept = {task: min(max(len(samples.of(task)) // 20, 2), 200) for task in _TASKS}
    learnt = Samples(samples.documents[: -kept["document"]], samples.queries[: -kept["query"]])
    held = Samples(samples.documents[-kept["document"] :], samples.queries[-kept["query"] :])
    return learnt, held


def _plan(texts: Sequence[str], lessons: Lessons, number: int) -> list[IntArray]:
    """Choose the texts of each step: drawn at random, put together by length."""
    generator = np.random.default_rng([lessons.seed, number])
    lengths = np.array([len(text) for text in texts], dtype=np.int64)
    batches: list[IntArray] = []
    for drawn in _drawn(len(texts), lessons.batch, generator):
        alike = [drawn[rows] for rows in _by_length(lengths[drawn], lessons.batch)]
        batches += [alike[place] for place in generator.permutation(len(alike))]
        if len(batches) >= lessons.steps:
            break
    return batches[: lessons.steps]


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


def _embed_texts(
    model: SentenceTransformer, texts: Sequence[str], task: Task, max_tokens: int
) -> Tensor:
    """Return the unit vectors (n, dim) of one batch, with gradients."""
    batches = token_batches(model, texts, task, max_tokens)
    order = torch.cat([positions for positions, _ in batches])
    vectors = torch.cat([embed(model, features, task) for _, features in batches])
    return vectors[order.argsort()]


def _learning(student: SentenceTransformer) -> list[nn.Parameter]:
    return [weight for weight in student.parameters() if weight.requires_grad]


def _optimiser(
    student: SentenceTransformer, lessons: Lessons
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """Freeze the embeddings, half of a small model's weights; warm up, then a cosine."""
    embeddings = cast("nn.Module", inner(student).embeddings)
    embeddings.requires_grad_(False)
    optimiser = torch.optim.AdamW(_learning(student), lr=lessons.learning_rate, weight_decay=0.01)
    warm = max(lessons.steps // 10, 1)

    def share(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        done = (step - warm) / max(lessons.steps - warm, 1)
        return 0.5 * (1 + math.cos(math.pi * done))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, share)


def teacher_vectors(
    teacher: SentenceTransformer, samples: Samples, max_tokens: int, progress: Progress
) -> dict[Task, Tensor]:
    """Return the teacher's unit vectors of all texts, cut as the student will see them.

    They are computed by the compiled runtime, several times as fast as torch, or by torch where
    the model cannot be compiled.
    """
    cut = with_inner(teacher, inner(teacher))
    cut.max_seq_length = min(max_tokens, int(teacher.max_seq_length or max_tokens))
    progress.start("teach", len(samples.queries) + len(samples.documents))
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
