"""Divide a dense feed-forward's channels between a shared expert and routed experts, exactly.

A feed-forward is a sum over channels: down[:, c] * act(up[c] · x + bias[c]). A channel may so move
from one expert to another, or sit in two with its `down` halved, and the sum stays the same.

The routed part of a token is a weighted mean of two experts, with weights that only the gate knows.
It equals the moved channels' sum for every pair and every weight only if each expert alone equals
it. So all experts start as copies of the same channels (as in Komatsuzaki et al. 2022, "Sparse
Upcycling"; fine-grained with a shared expert as in He et al. 2024, "Upcycling Large Language Models
into Mixture of Experts", and Dai et al. 2024, "DeepSeekMoE"), and part ways as they are trained on
different tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...errors import InputError
from ..v3.experts import Experts, FeedForward, Mixture


@dataclass(frozen=True, slots=True)
class Division:
    """Which channels of a dense feed-forward go where, and how much of each.

    Attributes:
        shared: channels of the shared expert.
        routed: channels of every routed expert.
        factor: (channels,) what `down` is multiplied by in each place: 1, or 1/2 where the channel
            is both in `shared` and in `routed`.

    """

    shared: Tensor
    routed: Tensor
    factor: Tensor


def divide(channels: int, shared: int, routed: int) -> Division:
    """Give the shared expert the first channels and the routed experts the last.

    Args:
        channels: width of the dense feed-forward.
        shared: width of the shared expert.
        routed: width of a routed expert.

    Raises:
        InputError: shared and routed together are narrower than the dense feed-forward.

    """
    if shared + routed < channels:
        raise InputError(
            f"a shared expert {shared} wide and experts {routed} wide cannot hold the base's "
            f"{channels} channels: together they must be at least as wide"
        )
    in_shared = torch.arange(min(shared, channels))
    in_routed = torch.arange(max(channels - routed, 0), channels)
    copies = torch.zeros(channels)
    copies[in_shared] += 1
    copies[in_routed] += 1
    return Division(in_shared, in_routed, 1 / copies)


@torch.no_grad()
def fill_mixture(mixture: Mixture, dense: FeedForward, *, noise: float = 0.0) -> None:
    """Make a mixture compute what a dense feed-forward computes.

    Places beyond the dense width keep their random `up` and get a `down` of zero: they are silent
    at first, and free to learn.

    Args:
        mixture: what to fill, freshly initialised.
        dense: the feed-forward to divide.
        noise: standard deviation of what is added to the experts' weights, as a share of theirs.

    """
    experts = mixture.experts
    shared = mixture.shared.up.out_features if mixture.shared is not None else 0
    division = divide(dense.up.out_features, shared, experts.up_proj.size(1))
    if mixture.shared is not None:
        _fill_shared(mixture.shared, dense, division)
        experts.down_proj_bias.zero_()
    else:
        experts.down_proj_bias.copy_(dense.down.bias.expand_as(experts.down_proj_bias))
    _fill_experts(experts, dense, division)
    if noise:
        for weight in (experts.up_proj, experts.down_proj):
            weight.add_(torch.randn_like(weight), alpha=noise * float(weight.std()))


def _fill_shared(shared: FeedForward, dense: FeedForward, division: Division) -> None:
    taken = division.shared
    filled = slice(0, len(taken))
    shared.up.weight[filled] = dense.up.weight[taken]
    shared.up.bias[filled] = dense.up.bias[taken]
    shared.down.weight.zero_()
    shared.down.weight[:, filled] = dense.down.weight[:, taken] * division.factor[taken]
    shared.down.bias.copy_(dense.down.bias)


def _fill_experts(experts: Experts, dense: FeedForward, division: Division) -> None:
    taken = division.routed
    filled = slice(0, len(taken))
    experts.up_proj[:, filled] = dense.up.weight[taken]
    experts.up_proj_bias[:, filled] = dense.up.bias[taken]
    experts.down_proj.zero_()
    experts.down_proj[:, :, filled] = dense.down.weight[:, taken] * division.factor[taken]


def copy_linear(target: nn.Linear, source: nn.Linear) -> None:
    """Copy weight and bias."""
    with torch.no_grad():
        target.weight.copy_(source.weight)
        target.bias.copy_(source.bias)
