"""Conditions that fail a build: `nDCG@10 < 0.60`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import InputError
from .evaluation import Evaluation
from .measures import Measure, label, parse_measure

SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*(?P<measure>.+?)\s*(?P<sign><=|>=|<|>)\s*(?P<bound>[-+.\deE]+)\s*")


@dataclass(frozen=True)
class Condition:
    """Fails where the subject's mean of a measure stands so to a bound."""

    measure: Measure
    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{label(self.measure)} {self.sign} {self.bound:g}"

    def failure(self, found: Evaluation) -> str | None:
        """Say what fails, or None.

        Raises:
            InputError: the measure was not computed.

        """
        value = found.mean(self.measure)
        if not SIGNS[self.sign](value, self.bound):
            return None
        return f"{found.subject}: {label(self.measure)} is {value:.4f}, which is {self}"


def parse_condition(text: str) -> Condition:
    """Read a condition such as `nDCG@10 < 0.60`.

    Raises:
        InputError: it is not a measure, a sign and a number.

    """
    match = _CONDITION.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)
        bound = float(match["bound"])
    except ValueError as error:
        raise InputError(
            f"condition {text!r} is not understood; write it as 'nDCG@10 < 0.60'"
        ) from error
    return Condition(parse_measure(match["measure"]), match["sign"], bound)


def failures(
    found: Evaluation, conditions: list[Condition], *, if_worse: bool = False
) -> list[str]:
    """List what fails: conditions that hold, and a subject surely worse than the baseline."""
    told = [told for condition in conditions if (told := condition.failure(found)) is not None]
    comparison = found.comparison()
    if if_worse and comparison is not None and comparison.worse:
        told.append(
            f"{comparison.system} is worse than {comparison.baseline}: {comparison.measure} "
            f"{comparison.difference.mean:+.4f} [{comparison.difference.low:+.4f}, "
            f"{comparison.difference.high:+.4f}], p {comparison.p_adjusted:.3g}"
        )
    return told
