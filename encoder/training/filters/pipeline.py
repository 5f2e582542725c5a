"""The three stages one after the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ...base import Encoder
from ..examples import Example
from .form import FormCheck
from .plausibility import PlausibilityCheck
from .repetition import RepetitionCheck
from .stage import StageReport, run_stage


@dataclass(frozen=True, slots=True)
class FilterReport:
    """What each stage kept and dropped, first to last."""

    stages: Sequence[StageReport]

    @property
    def useful(self) -> float:
        """Return the share of examples that passed all stages."""
        return self.stages[-1].kept / max(1, self.stages[0].seen)

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON can hold them."""
        return {
            "useful": round(self.useful, 4),
            "stages": [
                {
                    "name": stage.name,
                    "seen": stage.seen,
                    "kept": stage.kept,
                    "dropped": dict(stage.dropped),
                }
                for stage in self.stages
            ],
        }


def filter_examples(
    examples: Sequence[Example],
    *,
    encoder: Encoder | None = None,
    test_queries: Collection[str] = (),
    language: str | None = "en",
) -> tuple[list[Example], FilterReport]:
    """Pass examples through form, repetition and plausibility.

    Args:
        examples: what to filter.
        encoder: asked in the third stage, which is left out when None.
        test_queries: queries that must not be trained on.
        language: two-letter code; None takes texts of any language.

    Returns:
        those kept, in their order, and what was dropped and why.

    """
    kept, form = run_stage("form", examples, FormCheck(examples, language=language))
    kept, repetition = run_stage("repetition", kept, RepetitionCheck(test_queries))
    if encoder is None:
        return kept, FilterReport((form, repetition))
    kept, plausibility = run_stage("plausibility", kept, PlausibilityCheck(kept, encoder))
    return kept, FilterReport((form, repetition, plausibility))
