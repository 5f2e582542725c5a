"""Prune a model: measure, choose a ratio for each part of each layer, cut, refit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...progress import Progress, Silent
from ..runtime.batch import Task
from ..v3.gate_load import counting_load, expert_load
from ..v3.gates import TASKS
from .importance import energy, importance, joined, most_important
from .models import as_v3, embed_all, token_batches, v3_of, with_inner
from .refit import input_moments, refitted
from .samples import Batches, Samples
from .sensitivity import RATIOS, Curve, check_ratio, choose_ratios
from .units import Site, cut_experts, cut_units, removed, units

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True, slots=True)
class Pruning:
    """How much to prune and how to measure.

    Attributes:
        ratio: share of the prunable parameters to remove, 0.2 to 0.5; each part's own ratio
            lies there too.
        idle: an expert goes whose load, through both gates, is below this share of an even one;
            0 removes those alone that no token reached.
        texts: documents, and queries, that importance and refitting are measured on.
        curve_texts: documents, and queries, that the curves are measured on.
        max_tokens: texts are cut to this while measuring.
        refit: whether the units that stay are fitted to make up for those that go.
        seed: of the choice of texts and of the random directions.

    """

    ratio: float = 0.3
    idle: float = 0.05
    texts: int = 512
    curve_texts: int = 48
    max_tokens: int = 64
    refit: bool = True
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Pruned:
    """A pruned model and what was measured for it.

    Attributes:
        model: the pruned model.
        curves: the loss of each site by ratio.
        ratios: what was chosen.
        experts: for each layer with experts, those that stayed.
        cosine: mean to the unpruned vectors over the curves' texts.

    """

    model: SentenceTransformer
    curves: list[Curve]
    ratios: dict[Site, float]
    experts: dict[int, list[int]]
    cosine: float


def prune_model(
    model: SentenceTransformer,
    samples: Samples,
    pruning: Pruning,
    *,
    progress: Progress | None = None,
) -> Pruned:
    """Prune heads, channels and idle experts; the model given stays as it is.

    A dense BERT becomes a V3 without experts: its own kind cannot have layers that differ.

    Raises:
        InputError: the ratio lies outside 0.2 to 0.5.
        EncoderError: the model is of a family that cannot become V3.

    """
    check_ratio(pruning.ratio)
    return Pruner(model, samples, pruning, progress=progress).prune(pruning.ratio)


class Pruner:
    """Measures a model once, then prunes it by any ratios.

    Attributes:
        model: as V3, without its idle experts.
        experts: for each layer that had idle experts, those that stayed.
        curves: the loss of each site by ratio, measured when first asked for.

    """

    def __init__(
        self,
        model: SentenceTransformer,
        samples: Samples,
        pruning: Pruning,
        *,
        progress: Progress | None = None,
    ) -> None:
        self._pruning, self._progress = pruning, progress or Silent()
        tokens, whole = pruning.max_tokens, as_v3(model)
        measured = samples.some(pruning.texts, pruning.seed)
        self._probe = _Probe(whole, samples.some(pruning.curve_texts, pruning.seed + 1), tokens)
        self.experts = idle_experts(whole, measured, pruning.idle, max_tokens=tokens)
        if self.experts:
            whole = with_inner(whole, cut_experts(v3_of(whole), self.experts))
        self.model, self._v3 = whole, v3_of(whole)
        self._moments = input_moments(whole, measured, max_tokens=tokens, progress=self._progress)
        slopes = importance(
            whole, measured, max_tokens=tokens, seed=pruning.seed, progress=self._progress
        )
        self._scores = {site: joined(slopes[site], self._energy(site)) for site in slopes}

    @cached_property
    def curves(self) -> list[Curve]:
        """Measure what pruning one site alone costs."""
        self._progress.start("curves", len(self._scores) * len(RATIOS))
        curves = []
        for site in self._scores:
            losses = []
            for ratio in RATIOS:
                losses.append(self._probe.loss(self.cut({site: ratio})))
                self._progress.advance()
            curves.append(Curve(site, RATIOS, losses))
        self._progress.finish()
        return curves

    def prune(self, ratio: float) -> Pruned:
        """Prune `ratio` of all that can be pruned, each site as its curve allows."""
        ratios = choose_ratios(self._v3.config, self.curves, ratio)
        made = self.cut(ratios)
        return Pruned(made, self.curves, ratios, self.experts, 1 - self._probe.loss(made))

    def prune_alike(self, ratio: float) -> Pruned:
        """Prune every site by the same ratio: what chosen ratios are compared with."""
        ratios = dict.fromkeys(self._scores, ratio)
        made = self.cut(ratios)
        return Pruned(made, [], ratios, self.experts, 1 - self._probe.loss(made))

    def cut(self, ratios: Mapping[Site, float]) -> SentenceTransformer:
        """Return the model without the least important units of the sites named."""
        config, state = self._v3.config, self._v3.state_dict()
        kept: dict[Site, Tensor] = {}
        outputs: dict[str, Tensor] = {}
        for site, ratio in ratios.items():
            if not (gone := removed(config, site, ratio)):
                continue
            kept[site] = most_important(self._scores[site], units(config, site) - gone)
            if self._pruning.refit:
                outputs |= refitted(state, config, site, kept[site], self._moments[site])
        return with_inner(self.model, cut_units(self._v3, kept, outputs))

    def _energy(self, site: Site) -> Tensor:
        return energy(self._v3.state_dict(), self._v3.config, site, self._moments[site])


class _Probe:
    """Measures how far a model's vectors are from the unpruned ones."""

    def __init__(self, model: SentenceTransformer, samples: Samples, max_tokens: int) -> None:
        self._batches: dict[Task, Batches] = {
            task: token_batches(model, samples.of(task), task, max_tokens) for task in TASKS
        }
        self._target = {task: embed_all(model, self._batches[task], task) for task in TASKS}

    def loss(self, model: SentenceTransformer) -> float:
        """Return 1 - mean cosine."""
        cosines = [
            (embed_all(model, self._batches[task], task) * self._target[task]).sum(-1)
            for task in TASKS
        ]
        return 1 - float(torch.cat(cosines).mean())


def idle_experts(
    model: SentenceTransformer, samples: Samples, least: float, *, max_tokens: int
) -> dict[int, list[int]]:
    """Return, for the layers that have idle experts, the experts that are to stay.

    An expert is idle whose share of the choices is at most `least` of an even share through each
    gate. As many as a token visits stay in any case, the busiest. Where a gate has no bias,
    removing experts that no token chose leaves all vectors as they were; a bias is compared with
    scores that grow by what the removed experts had.
    """
    v3 = v3_of(model)
    shares: dict[int, Tensor] = {}
    with counting_load(v3):
        for task in TASKS:
            embed_all(model, token_batches(model, samples.of(task), task, max_tokens), task)
    for load in expert_load(v3, reset=True):
        found = torch.tensor(load.shares)
        shares[load.layer] = torch.maximum(shares.get(load.layer, found), found)
    kept = {}
    for layer, share in shares.items():
        busy = share > least / len(share)
        busy[share.topk(v3.config.num_experts_per_tok).indices] = True
        if not busy.all():
            kept[layer] = busy.nonzero().flatten().tolist()
    return kept
