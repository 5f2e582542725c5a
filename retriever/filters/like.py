"""SQL's LIKE in time that grows with the text, whatever the pattern."""

from __future__ import annotations

import re
from collections.abc import Callable


def like_matcher(pattern: str) -> Callable[[str], object]:
    """Return what gives something true for a text that fits: % is any text, _ any one character.

    The pattern is cut at its %, and each part is taken where it first fits, never tried again
    further on (an atomic group): any later place leaves less text for the parts that follow.
    Only the last part is bound to the text's end, and so it is looked for there.
    """
    first, *others = pattern.split("%")
    if not others:
        return re.compile(_expression(first), re.DOTALL).fullmatch
    *inner, last = others
    if pattern == f"%{inner[0] if inner else ''}%" and "_" not in pattern:
        wanted = inner[0]
        return lambda text: wanted in text
    parts = [_expression(first), *(f"(?>.*?{_expression(part)})" for part in inner if part)]
    end = f"(?>.{{{len(last)},}})(?<={_expression(last)})" if last else ""
    return re.compile("".join(parts) + end, re.DOTALL).match


def _expression(part: str) -> str:
    return "".join("." if c == "_" else re.escape(c) for c in part)
