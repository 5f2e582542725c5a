"""Words that bound a number: "under 50", "at least 2 kg", "between 20 and 30 inch"."""

from __future__ import annotations

import math
import re

_AT_MOST = (
    r"under|below|less than|cheaper than|lower than|up to|at most|no more than|not more than"
    r"|maximum|(?<!pro )max\.?|unter|bis zu|bis|höchstens|hoechstens|maximal|weniger als"
    r"|billiger als|moins de|moins cher que|jusqu[’'`]?\s?[àa]|au plus|sous|menos de|hasta"
    r"|como máximo|máximo"
    r"|meno di|fino a|al massimo|massimo|sotto(?: i)?|onder(?: de)?|tot|minder dan|hoogstens"
    r"|mindre än|högst|højst|menos que|até|poniżej|do(?= ?[0-9])|<=?|≤"
)
_AT_LEAST = (
    r"over|above|more than|at least|no less than|not less than|minimum|min\.|starting at|from"
    r"|über|ueber|ab|mindestens|mehr als|plus de|au moins|à partir de|a partir de|más de|mas de"
    r"|al menos|desde|mínimo|più di|piu di|oltre|almeno|boven(?: de)?|vanaf|minstens|meer dan"
    r"|mer än|minst|mindst|mais de|powyżej|>=?|≥"
)
_BETWEEN = r"between|zwischen|entre|tra|fra|tussen|mellan|mellem|from|von|de|da|van|od"
_AND = r"-|–|—|to|and|und|bis|et|y|e|a|à|en|tot|och|og|till|til|do"

NUMBER = r"[0-9]{1,3}(?:[.,' ][0-9]{3})+(?:[.,][0-9]{1,2})?|[0-9]{1,9}(?:[.,][0-9]{1,3})?"
BOUND = rf"(?:(?P<most>{_AT_MOST})|(?P<least>{_AT_LEAST}))\s*"
"""The words for an upper (`most`) or a lower bound (`least`), up to the number."""
BETWEEN = rf"(?:(?P<between>{_BETWEEN})\s+)?"
AND = rf"\s*(?P<and>{_AND})\s*"

_BEFORE = re.compile(rf"(?<!\w){BOUND}$", re.IGNORECASE)
_FIRST_END = re.compile(rf"(?<![\w.,]){BETWEEN}(?P<low>{NUMBER}){AND}$", re.IGNORECASE)
_DASHES = frozenset("-–—")


def number(text: str) -> float:
    """Read a number of `NUMBER`; a mark that three digits follow groups thousands."""
    head, mark, tail = text, "", ""
    place = max(text.rfind("."), text.rfind(","))
    if place > 0 and (len(text) - place != 4 or text[:place] == "0"):
        head, mark, tail = text[:place], ".", text[place + 1 :]
    return float("".join(c for c in head if c.isdigit()) + mark + tail)


def bounds_before(text: str, value: float, factor: float) -> tuple[float, float, int] | None:
    """Return the bounds that words before a number make of it, and where they begin.

    Args:
        text: what stands before the number.
        value: of the number.
        factor: how much one of the unit behind it is; a first end without a unit has the same.
    """
    if found := _BEFORE.search(text):
        if found["most"]:
            return -math.inf, value, found.start()
        return value, math.inf, found.start()
    found = _FIRST_END.search(text)
    if found is None or (found["between"] is None and found["and"] not in _DASHES | {"to", "bis"}):
        return None
    low = number(found["low"]) * factor
    return (low, value, found.start()) if low < value else None
