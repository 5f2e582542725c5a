"""What a filter stage is, and what it says of itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..examples import Example

# Looks at one example; returns why it is dropped, or None.
Check = Callable[[Example], str | None]


@dataclass(frozen=True, slots=True)
class StageReport:
    """What one stage kept and dropped.

    Attributes:
        name: of the stage.
        seen: examples that came in.
        dropped: reason -> how many it dropped.
        samples: reason -> a few of the queries and texts dropped for it.

    """

    name: str
    seen: int
    dropped: Mapping[str, int]
    samples: Mapping[str, Sequence[tuple[str, str]]]

    @property
    def kept(self) -> int:
        """Count the examples that went on."""
        return self.seen - sum(self.dropped.values())


_SAMPLES = 3


def run_stage(
    name: str, examples: Sequence[Example], check: Check
) -> tuple[list[Example], StageReport]:
    """Pass examples through a check; returns those kept, in their order, and the report."""
    kept = []
    dropped: Counter[str] = Counter()
    samples: dict[str, list[tuple[str, str]]] = {}
    for example in examples:
        reason = check(example)
        if reason is None:
            kept.append(example)
            continue
        dropped[reason] += 1
        shown = samples.setdefault(reason, [])
        if len(shown) < _SAMPLES:
            shown.append((example.query, example.positive[:120]))
    return kept, StageReport(name, len(examples), dict(dropped), samples)
