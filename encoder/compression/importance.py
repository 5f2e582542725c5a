"""How much each unit matters to the vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...progress import Progress
from ..runtime.batch import Task
from ..v3 import V3Config
from ..v3.gates import TASKS
from .models import embed, token_batches, v3_of
from .samples import Samples
from .units import Site, output_of, sites_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def importance(
    model: SentenceTransformer,
    samples: Samples,
    *,
    max_tokens: int,
    seed: int,
    progress: Progress,
) -> dict[Site, Tensor]:
    """Return for each site (groups, units): the loss that removing a unit is expected to add.

    The loss is 1 - cosine to the unpruned vectors. It has no slope where nothing is pruned, so the
    first-order term of Molchanov et al. 2019, "Importance Estimation for Neural Network Pruning",
    is taken of a random direction of the vectors instead: with z of random signs, the square of
    d(z · v)/d(gate), gate a factor of 1 on the unit, has the mean |dv/d(gate)|^2, which is twice
    the loss to second order (Hutchinson 1990's estimator). A unit's gate has the gradient
    sum(weight * gradient) over the columns in which the unit ends.
    """
    v3 = v3_of(model)
    sites = sites_of(v3)
    outputs = {site: output_of(v3.config, site) for site in sites}
    parameters = dict(v3.named_parameters())
    weights = {site: parameters[outputs[site].weight] for site in sites}
    batches = [
        (task, features)
        for task in _tasks()
        for _, features in token_batches(model, samples.of(task), task, max_tokens)
    ]
    scores = {site: torch.zeros(0) for site in sites}
    generator = torch.Generator().manual_seed(seed)
    v3.requires_grad_(False)
    for weight in weights.values():
        weight.requires_grad_(True)
    progress.start("rank", len(batches))
    for task, features in batches:
        vectors = embed(model, features, task)  # (n, dim)
        signs = torch.randint(0, 2, vectors.shape, generator=generator) * 2.0 - 1
        slopes = torch.autograd.grad(
            (vectors * signs).sum(), list(weights.values()), allow_unused=True
        )
        for site, slope in zip(sites, slopes, strict=True):
            found = _gate_slopes(weights[site].detach(), slope, outputs[site].columns) ** 2
            scores[site] = found + scores[site] if scores[site].numel() else found
        progress.advance()
    progress.finish()
    v3.requires_grad_(True)
    texts = len(samples.queries) + len(samples.documents)
    return {site: score / (2 * texts) for site, score in scores.items()}


def _gate_slopes(weight: Tensor, slope: Tensor | None, columns: int) -> Tensor:
    """Return (groups, units) from a weight (…, hidden, inputs) and its gradient."""
    if slope is None:
        slope = torch.zeros_like(weight)
    found = (weight * slope).sum(-2)  # (…, inputs)
    return found.view(weight.size(0) if weight.dim() == 3 else 1, -1, columns).sum(-1)


def energy(state: Mapping[str, Tensor], config: V3Config, site: Site, moments: Tensor) -> Tensor:
    """Return (groups, units): the mean square of what each unit gives to its layer.

    A unit that outweighs all others has next to no slope, because the normalisation after it takes
    its size away; this measure sees it.

    Args:
        state: the model's parameters.
        config: its shape.
        site: whose units.
        moments: (groups, inputs + 1, inputs + 1), see `input_moments`.

    """
    output = output_of(config, site)
    weight = state[output.weight]
    weight = weight if weight.dim() == 3 else weight.unsqueeze(0)  # (groups, hidden, inputs)
    within = (
        moments[:, :-1, :-1].unflatten(1, (-1, output.columns)).unflatten(3, (-1, output.columns))
    )
    own = within.diagonal(dim1=1, dim2=3)  # (groups, columns, columns, units)
    parts = weight.unflatten(2, (-1, output.columns))  # (groups, hidden, units, columns)
    return torch.einsum("ghuc,gcdu,ghud->gu", parts, own, parts)


def joined(slopes: Tensor, energies: Tensor) -> Tensor:
    """Add up two measures of (groups, units), each as a share of its sum over a site."""
    return slopes / slopes.sum().clamp_min(1e-12) + energies / energies.sum().clamp_min(1e-12)


def most_important(scores: Tensor, count: int) -> Tensor:
    """Return the places (groups, count) of the highest scores (groups, units), in rising order."""
    return scores.topk(count, dim=-1).indices.sort(dim=-1).values


def _tasks() -> tuple[Task, ...]:
    return TASKS
