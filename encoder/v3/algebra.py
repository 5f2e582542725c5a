"""What a mixture's total and active size allow: two equations for shared and expert size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Split:
    """The sizes that give a total and an active size; a negative one cannot be built."""

    experts: int
    top_k: int
    shared: float
    expert: float

    @property
    def possible(self) -> bool:
        """Say whether both sizes are at least zero."""
        return self.shared >= 0 and self.expert >= 0


def split(total: float, active: float, *, experts: int, top_k: int) -> Split:
    """Solve shared + experts * expert = total and shared + top_k * expert = active."""
    expert = (total - active) / (experts - top_k)
    return Split(experts, top_k, total - experts * expert, expert)


def least_active(total: float, *, experts: int, top_k: int) -> float:
    """Return the smallest active size: that of a model which is nothing but experts."""
    return total * top_k / experts


def fewest_experts(total: float, active: float, *, top_k: int) -> Split:
    """Return the split with the fewest experts that reaches a total and an active size."""
    experts = top_k + 1
    while not (found := split(total, active, experts=experts, top_k=top_k)).possible:
        experts += 1
    return found
