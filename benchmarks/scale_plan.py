"""What would the presets take on a cluster that shards them? Calculated, nothing is measured.

    python benchmarks/scale_plan.py [--utilisation 0.35] [--network 50e9] [--examples 64]

Prints a Markdown table: for each preset the least number of GPUs whose memory is enough, and a
larger one; with experts gathered like all else, and divided among eight GPUs.
dsv3 itself does not shard: each process holds a whole model.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from dsv3.encoder.v3.accounts import build_empty, count_operations
from dsv3.encoder.v3.config import V3Config
from dsv3.encoder.v3.experts import Experts
from dsv3.encoder.v3.model import Block
from dsv3.encoder.v3.presets import preset
from torch import nn

PRESETS = {"v3-base": 8, "v3-1b": 64, "v3-260b": 1024}
# float32 weights, gradients and AdamW's two moments, all sharded (Rajbhandari et al. 2019, "ZeRO:
# Memory Optimizations Toward Training Trillion Parameter Models", section 3, stage 3; FSDP2 keeps
# gradients in the weights' own float32 and has no second copy in half precision).
STATE_BYTES = {"weights": 4, "gradients": 4, "moments": 8}
_ARITHMETIC = 2  # bytes of a number in bfloat16


@dataclass(frozen=True, slots=True)
class Machine:
    """Assume a GPU; by default one H100 SXM and its share of the network.

    Attributes:
        memory: bytes.
        usable: share of it that a plan may fill.
        flops: bfloat16 operations a second, dense, as the maker states them.
        utilisation: share of them that training reaches; an assumption.
        network: bytes a second that one GPU sends, in each direction.

    """

    memory: float = 80e9
    usable: float = 0.85
    flops: float = 989e12
    utilisation: float = 0.35
    network: float = 50e9


@dataclass(frozen=True, slots=True)
class Work:
    """Assume what a step learns.

    Attributes:
        examples: of one GPU in one micro-batch.
        micro_batches: that make a step.
        query_tokens, document_tokens: mean lengths.
        gradient_checkpointing: whether activations are computed twice.
        gradient_bytes: of a gradient's number on its way: 4, 2 (FP16) or 1 (FP8).

    """

    examples: int = 64
    micro_batches: int = 4
    query_tokens: int = 8
    document_tokens: int = 128
    gradient_checkpointing: bool = True
    gradient_bytes: int = 2

    @property
    def tokens(self) -> int:
        """Return the tokens of one GPU in one micro-batch."""
        return self.examples * (self.query_tokens + self.document_tokens)


@dataclass(frozen=True, slots=True)
class Shape:
    """Count what of a model is sharded how.

    Attributes:
        shared: parameters outside the experts.
        divided: parameters of experts.
        unit_shared, unit_divided: the same, of the largest layer, which is gathered as one.
        tables: parameters outside the layers, which stay gathered from forward to backward.
        layers, sparse_layers: how many.
        width: hidden size.
        active_width: of the feed-forward that a token passes in one layer, at most.
        top_k: experts a token passes.
        query_flops, document_flops: of one token's forward pass.

    """

    shared: int
    divided: int
    unit_shared: int
    unit_divided: int
    tables: int
    layers: int
    sparse_layers: int
    width: int
    active_width: int
    top_k: int
    query_flops: int
    document_flops: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what one GPU of a plan stores, sends and computes in a step.

    Attributes:
        gpus: how many.
        expert_parallel: among how many of them experts are divided.
        state: bytes of weights, gradients and moments.
        gathered: bytes of the layers that are whole at one time, and of their gradient.
        activations: bytes.
        sent_weights, sent_gradients, sent_tokens: bytes that it sends in a step.
        compute_seconds, send_seconds: of a step, each as if it were alone.

    """

    gpus: int
    expert_parallel: int
    state: float
    gathered: float
    activations: float
    sent_weights: float
    sent_gradients: float
    sent_tokens: float
    compute_seconds: float
    send_seconds: float

    @property
    def memory(self) -> float:
        """Return the bytes in use."""
        return self.state + self.gathered + self.activations

    @property
    def step_seconds(self) -> tuple[float, float]:
        """Return a step's seconds if sending hides behind computing, and if it does not."""
        return (
            max(self.compute_seconds, self.send_seconds),
            self.compute_seconds + self.send_seconds,
        )


def shape_of(config: V3Config, work: Work) -> Shape:
    """Count a shape's parameters and operations, without memory for its weights."""
    model = build_empty(config)
    divided = _experts(model)
    blocks = [block for block in model.modules() if isinstance(block, Block)]
    largest = max(blocks, key=_size)
    sparse = config.shared_intermediate_size + (
        config.num_experts_per_tok * config.moe_intermediate_size
    )
    dense = config.intermediate_size if len(config.sparse_layers) < len(blocks) else 0
    return Shape(
        shared=_size(model) - divided,
        divided=divided,
        unit_shared=_size(largest) - _experts(largest),
        unit_divided=_experts(largest),
        tables=_size(model) - sum(_size(block) for block in blocks),
        layers=len(blocks),
        sparse_layers=len(config.sparse_layers),
        width=config.hidden_size,
        active_width=max(sparse if config.sparse_layers else 0, dense),
        top_k=config.num_experts_per_tok,
        query_flops=count_operations(model, "query", work.query_tokens).sparse,
        document_flops=count_operations(model, "document", work.document_tokens).sparse,
    )


def plan(
    shape: Shape, gpus: int, work: Work, machine: Machine, *, expert_parallel: int = 1
) -> Plan:
    """Calculate what a GPU holds and does when `gpus` of them train a shape."""
    columns = gpus // expert_parallel
    whole = shape.shared / gpus + shape.divided / expert_parallel / columns
    unit = shape.unit_shared + shape.unit_divided / expert_parallel
    weights, gradients = _sent(shape, work, gpus, expert_parallel)
    tokens = _sent_tokens(shape, work, expert_parallel)
    return Plan(
        gpus=gpus,
        expert_parallel=expert_parallel,
        state=sum(STATE_BYTES.values()) * whole,
        # The layer in use and the one fetched ahead; the first's gradient, and as it is sent.
        gathered=unit * (2 * _ARITHMETIC + _ARITHMETIC + STATE_BYTES["gradients"])
        + shape.tables * (_ARITHMETIC + _ARITHMETIC + STATE_BYTES["gradients"]),
        activations=_activations(shape, work),
        sent_weights=weights,
        sent_gradients=gradients,
        sent_tokens=tokens,
        compute_seconds=_operations(shape, work) / (machine.flops * machine.utilisation),
        send_seconds=(weights + gradients + tokens) / machine.network,
    )


def least_gpus(
    shape: Shape, work: Work, machine: Machine, *, expert_parallel: int = 1, most: int = 1 << 16
) -> Plan | None:
    """Return the plan of the smallest power of two of GPUs whose memory is enough, if any is."""
    gpus = expert_parallel
    while gpus <= most:
        found = plan(shape, gpus, work, machine, expert_parallel=expert_parallel)
        if found.memory <= machine.memory * machine.usable:
            return found
        gpus *= 2
    return None


def _sent(shape: Shape, work: Work, gpus: int, expert_parallel: int) -> tuple[float, float]:
    """Return the bytes of weights and of gradients that a GPU sends in a step.

    A ring sends (n - 1) / n of what it gathers or reduces. Each micro-batch gathers weights for the
    forward and again for the backward pass, of queries and of documents; a step reduces once.
    """
    columns = gpus // expert_parallel
    travels = shape.shared * (gpus - 1) / gpus
    travels += shape.divided / expert_parallel * (columns - 1) / columns
    return 4 * work.micro_batches * _ARITHMETIC * travels, work.gradient_bytes * travels


def _sent_tokens(shape: Shape, work: Work, expert_parallel: int) -> float:
    """Return the bytes of tokens sent to experts elsewhere and back, forward and backward."""
    away = (expert_parallel - 1) / expert_parallel
    trips = 2 * (3 if work.gradient_checkpointing else 2)
    rows = work.micro_batches * work.tokens * shape.top_k * shape.sparse_layers
    return trips * rows * away * shape.width * _ARITHMETIC


def _activations(shape: Shape, work: Work) -> float:
    """Return the bytes of activations of one micro-batch.

    Korthikanti et al. 2022, "Reducing Activation Recomputation in Large Transformer Models",
    equation 2, without the scores that fused attention does not keep: a layer keeps 18 bytes for
    each hidden unit of a token and 4 for each unit of its feed-forward (34 when that is 4 times
    as wide). Recomputed, a layer keeps its input, and one layer at a time the rest.
    """
    layer = 18 * shape.width + 4 * shape.active_width
    if not work.gradient_checkpointing:
        return float(work.tokens * shape.layers * layer)
    return float(work.tokens * (shape.layers * _ARITHMETIC * shape.width + layer))


def _operations(shape: Shape, work: Work) -> float:
    """Return a GPU's operations in a step: backward is twice forward, and forward may be redone."""
    forward = work.query_tokens * shape.query_flops + work.document_tokens * shape.document_flops
    times = 4 if work.gradient_checkpointing else 3
    return float(times * work.micro_batches * work.examples * forward)


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _experts(module: nn.Module) -> int:
    return sum(_size(one) for one in module.modules() if isinstance(one, Experts))


def main() -> None:
    parser = argparse.ArgumentParser()
    usual = Machine()
    parser.add_argument("--utilisation", type=float, default=usual.utilisation)
    parser.add_argument("--network", type=float, default=usual.network)
    parser.add_argument("--memory", type=float, default=usual.memory)
    parser.add_argument("--flops", type=float, default=usual.flops)
    parser.add_argument("--examples", type=int, default=64, help="of a GPU in a micro-batch")
    parser.add_argument("--micro-batches", type=int, default=4)
    options = parser.parse_args()
    machine = Machine(
        memory=options.memory,
        flops=options.flops,
        utilisation=options.utilisation,
        network=options.network,
    )
    work = Work(examples=options.examples, micro_batches=options.micro_batches)
    print(f"{machine}\n{work}\n")
    print(
        "| preset | GPUs | experts | state | layers at hand | activations | memory | weights sent "
        "| gradients | tokens | computing | sending | step | examples/s |"
    )
    print("|---|" + "---:|" * 13)
    for name, many in PRESETS.items():
        shape = shape_of(preset(name).config(), work)
        for divided in (1, 8):
            found = least_gpus(shape, work, machine, expert_parallel=divided)
            if found is None:
                print(f"| {name} | none | {divided} |" + " |" * 11)
                continue
            print(row(name, found, work))
            if many > found.gpus:
                print(row(name, larger(shape, many, work, machine, divided), work))


def larger(shape: Shape, gpus: int, work: Work, machine: Machine, divided: int) -> Plan:
    return plan(shape, gpus, work, machine, expert_parallel=divided)


def row(name: str, found: Plan, work: Work) -> str:
    fast, slow = found.step_seconds
    examples = work.examples * work.micro_batches * found.gpus
    bytes_of = [
        found.state,
        found.gathered,
        found.activations,
        found.memory,
        found.sent_weights,
        found.sent_gradients,
        found.sent_tokens,
    ]
    cells = [
        name,
        str(found.gpus),
        f"/ {found.expert_parallel}" if found.expert_parallel > 1 else "whole",
        *(f"{one / 1e9:.2f} GB" for one in bytes_of),
        f"{found.compute_seconds:.3f} s",
        f"{found.send_seconds:.3f} s",
        f"{fast:.2f} to {slow:.2f} s",
        f"{examples / slow:,.0f} to {examples / fast:,.0f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
