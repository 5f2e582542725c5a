"""Divide the experts of a layer among processes; tokens travel to the process that has theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor, nn
from torch.distributed._functional_collectives import all_to_all_single_autograd
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.tensor import DTensor, Shard, distribute_tensor

from ....errors import InputError
from ...v3.experts import Experts, Mixture


class ParallelExperts(nn.Module):
    """One process's share of the experts of a layer.

    Parameters keep the names of `Experts` and are DTensors whose first dimension, the experts, is
    divided over the mesh, so that a checkpoint sees whole experts. Tokens are exchanged by two
    all-to-alls, as in Lepikhin et al. 2020, "GShard", with no capacity: none is dropped.

    Attributes:
        sent: called with the bytes that each exchange sends to other processes.

    """

    def __init__(self, experts: Experts, mesh: DeviceMesh) -> None:
        super().__init__()
        self.num_experts = experts.num_experts
        self.act_fn = experts.act_fn
        self.group = mesh.get_group()
        self.sent: Callable[[int], None] = _ignore
        for name, whole in experts.named_parameters():
            share = distribute_tensor(whole.detach(), mesh, [Shard(0)], src_data_rank=None)
            self.register_parameter(name, nn.Parameter(share))

    def forward(self, x: Tensor, index: Tensor, weights: Tensor) -> Tensor:
        """Return each token's weighted sum of its experts, wherever these are.

        Args:
            x: (tokens, hidden) of this process.
            index: (tokens, top_k) experts of each.
            weights: (tokens, top_k).

        Returns:
            (tokens, hidden).

        """
        chosen = index.flatten()  # (tokens * top_k,)
        order = chosen.argsort(stable=True)  # by expert, and so by process
        going = torch.bincount(chosen, minlength=self.num_experts)  # (experts,)
        coming = torch.empty_like(going)  # (processes * local experts,)
        dist.all_to_all_single(coming, going, group=self.group)
        there, here = self._by_process(going), self._by_process(coming)
        arrived = self._exchange(x[order // index.size(1)], there, here)
        made = self._compute(arrived, coming.view(self.group.size(), -1))
        returned = self._exchange(made, here, there)
        by_token = returned[order.argsort()].unflatten(0, index.shape)
        mixed: Tensor = (weights.unsqueeze(-1) * by_token).sum(1)
        return mixed

    def _by_process(self, counts: Tensor) -> list[int]:
        sums: list[int] = counts.view(self.group.size(), -1).sum(1).tolist()
        return sums

    def _exchange(self, rows: Tensor, going: list[int], coming: list[int]) -> Tensor:
        """Send `going` rows to each process; return the rows that come, in the senders' order."""
        elsewhere = sum(going) - going[dist.get_rank(self.group)]
        self.sent(elsewhere * rows[0:1].numel() * rows.element_size())
        return all_to_all_single_autograd(rows.contiguous(), coming, going, self.group)

    def _compute(self, rows: Tensor, counts: Tensor) -> Tensor:
        """Pass rows, sorted by (sender, expert), through their experts; keeps their order.

        Args:
            rows: (rows, hidden).
            counts: (processes, local experts) rows of each sender for each expert.

        """
        local = torch.arange(counts.size(1), device=rows.device).repeat(counts.size(0))
        order = local.repeat_interleave(counts.flatten()).argsort(stable=True)
        slices = rows[order].split(counts.sum(0).tolist())
        weights = list(zip(*(_local(one) for one in self._weights()), strict=True))
        # An expert without rows takes part too, so that every process has all gradients.
        made = [self._expert(x, *own) for x, own in zip(slices, weights, strict=True)]
        return torch.cat(made)[order.argsort()]

    def _weights(self) -> Iterator[Tensor]:
        for name in ("up_proj", "up_proj_bias", "down_proj", "down_proj_bias"):
            yield getattr(self, name)

    def _expert(self, x: Tensor, up: Tensor, up_bias: Tensor, down: Tensor, bias: Tensor) -> Tensor:
        wide = self.act_fn(F.linear(x, up, up_bias))  # (rows, width)
        return F.linear(wide, down, bias)  # (rows, hidden)


def divide_experts(model: nn.Module, mesh: DeviceMesh) -> list[ParallelExperts]:
    """Replace the experts of each mixture by this process's share of them.

    Raises:
        InputError: the model has no experts, or they cannot be divided evenly.

    """
    made = []
    for mixture in [module for module in model.modules() if isinstance(module, Mixture)]:
        experts = mixture.experts
        if experts.num_experts % mesh.size():
            raise InputError(
                f"{experts.num_experts} experts cannot be divided evenly among {mesh.size()} "
                "processes; choose another expert_parallel"
            )
        made.append(ParallelExperts(experts, mesh))
        mixture.experts = made[-1]  # type: ignore[assignment]
    if not made:
        raise InputError(
            "the base has no experts to divide; train without expert_parallel, or make a V3 of it "
            "with: dsv3 model upcycle"
        )
    return made


def _local(weight: Tensor) -> Tensor:
    return weight.to_local() if isinstance(weight, DTensor) else weight


def _ignore(sent: int) -> None:
    """Count nothing."""
