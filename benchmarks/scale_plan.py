"""What would the presets take on a cluster? Calculated, nothing is measured.

    python benchmarks/scale_plan.py [--utilisation 0.35] [--network 50e9] [--examples 64]

Prints a Markdown table: for each preset the least number of GPUs whose memory is enough, and a
larger one; with experts gathered like all else, and divided among eight GPUs.
"""

from __future__ import annotations

import argparse

from dsv3.encoder.training.sharded.cost import (
    Machine,
    Plan,
    Shape,
    Work,
    least_gpus,
    plan,
    shape_of,
)
from dsv3.encoder.v3.presets import preset

PRESETS = {"v3-base": 8, "v3-1b": 64, "v3-260b": 1024}


def main() -> None:
    parser = argparse.ArgumentParser()
    usual = Machine()
    parser.add_argument("--utilisation", type=float, default=usual.utilisation)
    parser.add_argument("--network", type=float, default=usual.network)
    parser.add_argument("--memory", type=float, default=usual.memory)
    parser.add_argument("--flops", type=float, default=usual.flops)
    parser.add_argument("--examples", type=int, default=64, help="of a GPU in a pass")
    parser.add_argument("--passes", type=int, default=4)
    options = parser.parse_args()
    machine = Machine(
        memory=options.memory,
        flops=options.flops,
        utilisation=options.utilisation,
        network=options.network,
    )
    work = Work(examples=options.examples, passes=options.passes)
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
    examples = work.examples * work.passes * found.gpus
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
