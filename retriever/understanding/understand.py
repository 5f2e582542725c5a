"""The stages in which a query is understood, in their order."""

from __future__ import annotations

from collections.abc import Collection

from ...errors import InputError
from ...indexer.snapshot import Snapshot
from ..rules.synonyms import Synonyms
from .base import Evidence, Stage, Understanding
from .codes import codes
from .compounds import compounds, says_it
from .joining import joining, splitting
from .kind import is_of_kind
from .negations import absence, negations
from .phrases import phrases
from .prices import affordability, prices
from .quantities import agreement, quantities
from .signs import has_marks, signs
from .spelling import spelling
from .synonyms import synonyms
from .values import having, values
from .words import words

STAGES: dict[str, Stage] = {
    "signs": signs,
    "phrases": phrases,
    "prices": prices,
    "negations": negations,
    "codes": codes,
    "quantities": quantities,
    "splitting": splitting,
    "spelling": spelling,
    "values": values,
    "words": words,
    "synonyms": synonyms,
    "joining": joining,
    "compounds": compounds,
}
"""The stages in their order, by the names that switch them off; `words` cannot be."""

EVIDENCE: dict[str, Evidence] = {
    "quantities": Evidence(agreement, 0.1),
    "kind": Evidence(is_of_kind, 0.1),
    "signs": Evidence(has_marks, 0.5),
    "compounds": Evidence(says_it, 6.0),
    "prices": Evidence(affordability, 0.15),
    "negations": Evidence(absence, 0.3),
    "values": Evidence(having, 0.06),
}
"""What speaks for and against a product, by the name of the stage that read it."""

# what is left out by name and is no stage of these
_ELSEWHERE = ("ranker", "cross-encoder", "rules", "clicks")


def understand(
    text: str,
    snapshot: Snapshot,
    *,
    prefix: bool = False,
    strict: bool = False,
    without: Collection[str] = (),
    written: Synonyms | None = None,
) -> Understanding:
    """Read a query.

    Args:
        text: what was typed.
        snapshot: the generation, whose own words and values tell what can be meant.
        prefix: whether the last word may be unfinished.
        strict: whether wishes for values and prices are conditions.
        without: names of the stages to leave out.
        written: synonyms that the shop's people have written.

    Raises:
        InputError: there is no stage of a name.
    """
    known = [name for name in dict.fromkeys((*STAGES, *EVIDENCE, *_ELSEWHERE)) if name != "words"]
    if unknown := sorted(set(without) - set(known)):
        raise InputError(f"no stage {unknown[0]!r} to leave out; there are {', '.join(known)}")
    query = Understanding(typed=text, text=text, prefix=prefix, strict=strict, synonyms=written)
    for name, stage in STAGES.items():
        if name not in without:
            query = stage(query, snapshot)
    return query
