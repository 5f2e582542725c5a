"""Let the units that stay make up, as far as they can, for those that go.

The output of a site is a linear map of its units. After a cut its weights are fitted anew, by
least squares over the texts, to what it gave before (as He et al. 2017, "Channel Pruning for
Accelerating Very Deep Neural Networks", do for convolutions).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn

from ...progress import Progress
from ..v3 import V3Config, V3Model
from ..v3.experts import Experts
from ..v3.gates import TASKS
from .models import embed, token_batches, v3_of
from .samples import Samples
from .units import Site, columns_of, output_of, sites_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# Added to the diagonal, as a share of its mean: keeps rarely used columns near their old weights.
_RIDGE = 1e-2

# For each site (groups, inputs + 1, inputs + 1): sums of products of the output's inputs and of a
# constant 1 that stands for the bias.
Moments = dict[Site, Tensor]


@torch.no_grad()
def input_moments(
    model: SentenceTransformer, samples: Samples, *, max_tokens: int, progress: Progress
) -> Moments:
    """Measure what reaches the outputs of all sites; a routed token counts with its weight."""
    moments: Moments = {}
    batches = [
        (task, features)
        for task in TASKS
        for _, features in token_batches(model, samples.of(task), task, max_tokens)
    ]
    progress.start("refit", len(batches))
    with _watched(v3_of(model), moments):
        for task, features in batches:
            embed(model, features, task)
            progress.advance()
    progress.finish()
    return moments


@contextmanager
def _watched(model: V3Model, moments: Moments) -> Iterator[None]:
    hooks = []
    for site in sites_of(model):
        block: Any = model.layers[site.layer]
        module, watch = _place(block, site)
        hooks.append(module.register_forward_pre_hook(watch(site, moments)))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _place(block: Any, site: Site) -> tuple[nn.Module, Callable[[Site, Moments], Any]]:
    if site.part == "heads":
        return block.attention.output, _watch_linear
    if site.part == "feed_forward":
        return block.feed_forward.down, _watch_linear
    if site.part == "shared":
        return block.mixture.shared.down, _watch_linear
    return block.mixture.experts, _watch_experts


def _watch_linear(site: Site, moments: Moments) -> Any:
    def watch(module: nn.Module, given: tuple[Tensor]) -> None:
        _add(moments, site, _products(given[0]).unsqueeze(0))

    return watch


def _watch_experts(site: Site, moments: Moments) -> Any:
    def watch(module: Experts, given: tuple[Tensor, Tensor, Tensor]) -> None:
        x, index, weights = given
        found = []
        for e in range(module.num_experts):
            rows, places = (index == e).nonzero(as_tuple=True)
            wide = module.act_fn(F.linear(x[rows], module.up_proj[e], module.up_proj_bias[e]))
            found.append(_products(wide, weights[rows, places].unsqueeze(-1)))
        _add(moments, site, torch.stack(found))

    return watch


def _products(inputs: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Return (inputs + 1, inputs + 1) from (tokens, inputs)."""
    with_one = F.pad(inputs, (0, 1), value=1.0) * weights
    return with_one.T @ with_one


def _add(moments: Moments, site: Site, found: Tensor) -> None:
    moments[site] = moments[site] + found if site in moments else found


@torch.no_grad()
def refitted(
    state: dict[str, Tensor], config: V3Config, site: Site, kept: Tensor, moments: Tensor
) -> dict[str, Tensor]:
    """Return the output's weight and bias for the kept units, by their names.

    With C the moments, K the kept columns and G those that go, W becomes W_K + W_G C_GK C_KK^-1.

    Args:
        state: the uncut model's parameters.
        config: its shape.
        site: what is cut.
        kept: (groups, kept) units.
        moments: (groups, inputs + 1, inputs + 1).

    """
    output = output_of(config, site)
    weight, bias = state[output.weight], state[output.bias]
    grouped = weight if weight.dim() == 3 else weight.unsqueeze(0)
    columns = columns_of(config, site, kept)
    fitted = [
        _fit(grouped[group], columns[group], moments[group].double())
        for group in range(grouped.size(0))
    ]
    weights = torch.stack([one for one, _ in fitted]).view(*weight.shape[:-1], -1)
    shifts = torch.stack([shift for _, shift in fitted]).view_as(bias)
    return {output.weight: weights, output.bias: bias + shifts}


def _fit(weight: Tensor, kept: Tensor, moments: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight (hidden, kept) and what is added to the bias (hidden,)."""
    inputs = weight.size(1)
    goes = torch.ones(inputs, dtype=torch.bool)
    goes[kept] = False
    gone = goes.nonzero().flatten()
    if not len(gone) or not moments.any():
        return weight[:, kept], weight.new_zeros(weight.size(0))
    stays = torch.cat([kept, torch.tensor([inputs])])  # with the bias's constant 1
    within = moments[stays][:, stays]
    ridge = _RIDGE * within.diagonal()[:-1].mean()
    within = within + torch.diag(F.pad(ridge.expand(len(kept)), (0, 1), value=1e-6))
    across = moments[gone][:, stays]  # (gone, kept + 1)
    share = torch.linalg.solve(within, across.T).T  # (gone, kept + 1)
    moved = (weight[:, gone].double() @ share).to(weight.dtype)
    return weight[:, kept] + moved[:, :-1], moved[:, -1]
