"""Divide a model's weights, gradients and optimiser state among processes."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import Shard
from transformers.modeling_layers import GradientCheckpointingLayer

from ...v3.gate_load import gates_of
from .communication import CompressedReduceScatter, CountedAllGather, Traffic
from .experts import ParallelExperts, divide_experts
from .processes import Processes
from .settings import DistributedSettings, Precision
from .wire import wire


def shard(
    model: nn.Module, processes: Processes, settings: DistributedSettings, traffic: Traffic
) -> FSDPModule:
    """Shard a model in place: its experts over a row of processes, all else over all of them.

    Each transformer layer is a unit of FSDP2 (`fully_shard`), and so is the rest. A gradient is
    the mean over processes of theirs; the balance loss is that of the whole batch.

    Raises:
        InputError: the experts cannot be divided as asked.

    """
    options: dict[str, Any] = {
        "reshard_after_forward": settings.reshard,
        "mp_policy": policy(settings.precision, processes.device),
    }
    divided: list[nn.Module] = []
    if settings.expert_parallel > 1:
        for experts in divide_experts(model, processes.rectangle["expert"]):
            experts.sent = traffic.dispatch
            _shard_experts(experts, processes, options)
            divided.append(experts)
    layers = [one for one in model.modules() if isinstance(one, GradientCheckpointingLayer)]
    for layer in layers:
        fully_shard(layer, mesh=processes.line, **options)
    fully_shard(model, mesh=processes.line, **options)
    for _, gates in gates_of(model):
        gates.group = processes.line.get_group()
    for module in model.modules():
        if isinstance(module, FSDPModule):
            mesh = processes.rectangle["data"] if module in divided else processes.line
            # A mesh of one divides by itself; asked to sum, it would divide twice.
            module.set_force_sum_reduction_for_comms(mesh.size() > 1)
            _communicate(module, settings, traffic)
    assert isinstance(model, FSDPModule)  # noqa: S101 - fully_shard changes the class in place
    return model


def _shard_experts(experts: ParallelExperts, processes: Processes, options: dict[str, Any]) -> None:
    """Shard a process's experts over its column; their gradient sums over the row by itself."""
    mesh = processes.rectangle["data"]

    def along_width(weight: nn.Parameter) -> Shard | None:
        return Shard(1) if weight.size(1) % mesh.size() == 0 else None

    sharded = fully_shard(experts, mesh=mesh, shard_placement_fn=along_width, **options)
    sharded.set_gradient_divide_factor(float(processes.size))


def _communicate(module: FSDPModule, settings: DistributedSettings, traffic: Traffic) -> None:
    module.set_custom_all_gather(CountedAllGather(traffic))
    module.set_custom_reduce_scatter(CompressedReduceScatter(wire(settings.compression), traffic))


def policy(precision: Precision, device: torch.device) -> MixedPrecisionPolicy:
    """Return the precision of the arithmetic; gradients are summed in float32 in any case."""
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "fp32"
    if precision == "fp32":
        return MixedPrecisionPolicy()
    return MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


def has_bf16(device: torch.device) -> bool:
    """Say whether a device multiplies bfloat16 in hardware; of CPUs none is taken to."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
