"""What a query was understood to mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ...indexer.candidates import FloatVector, RowArray
from ...indexer.lexical.query import Word
from ...indexer.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Understanding:
    """A query as each stage passes it on to the next.

    Attributes:
        typed: what the shopper typed.
        text: what is read of it: keyword search takes its words, the encoder the whole.
        prefix: whether the last word may be unfinished.
        words: what is looked for in keywords; made of the text before the stages that add forms.
        told: what the stages did, in words, for whoever asks to explain.
    """

    typed: str
    text: str
    prefix: bool = False
    words: tuple[Word, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)

    def telling(self, stage: str, what: str) -> Understanding:
        """Return the same with a line that says what a stage did."""
        return replace(self, told={**self.told, stage: what})


Stage = Callable[[Understanding, Snapshot], Understanding]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one stage has to say for and against products.

    Attributes:
        of: an understanding, a generation and (n,) rows → (n,) values from -1 (speaks against)
            to 1 (speaks for), or None where the query asks for nothing of the kind.
        weight: what a value of 1 adds to a score that joins the lanes, which is 1 at most.
    """

    of: Callable[[Understanding, Snapshot, RowArray], FloatVector | None]
    weight: float
