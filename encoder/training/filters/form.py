"""Stage 1: is this a query and a product text at all?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import ftfy.badness

from ....errors import MissingExtra
from ..examples import Example
from .stage import Check

LONGEST_QUERY = 16  # words
SHORTEST_TEXT = 2  # words
# A sentence that this share of the texts repeats, and at least so many, says nothing of a product.
_REPEATED_SHARE = 0.01
_REPEATED_LEAST = 20
# Words below which a text is too short for its language to be told.
_TELLING_WORDS = 12
_SURE = 0.99
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_SAYING = re.compile(r"\w{2,}|[^\x00-\u02ff\W]")  # or one character of a script without words
# A word, or one character of a script written without spaces.
_UNIT = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|\w+")
# The mark of a lost character, and control characters other than tab and line ends.
_BROKEN = re.compile(r"[\ufffd\x00-\x08\x0b\x0c\x0e-\x1f]")


class FormCheck:
    """Drops what is malformed: by length, encoding, language, boilerplate, repetition.

    Args:
        examples: all that will be checked; what they repeat is counted first.
        language: two-letter code texts have to be in, as far as it can be told; None takes any.

    """

    def __init__(self, examples: Sequence[Example], *, language: str | None = "en") -> None:
        self._language = language
        self._boilerplate = _boilerplate(examples)
        self._seen: set[tuple[str, str]] = set()

    def __call__(self, example: Example) -> str | None:
        """Return why an example is dropped; None keeps it."""
        return _first_reason(example, (self._length, self._encoding, self._content, self._repeat))

    def _length(self, example: Example) -> str | None:
        if not example.query.strip():
            return "empty query"
        if not _SAYING.search(example.query):
            return "query of single letters"
        if len(example.query.split()) > LONGEST_QUERY:
            return f"query of over {LONGEST_QUERY} words"
        if len(_UNIT.findall(example.positive)) < SHORTEST_TEXT:
            return f"text of under {SHORTEST_TEXT} words"
        return None

    def _encoding(self, example: Example) -> str | None:
        for text in (example.query, example.positive):
            if _BROKEN.search(text):
                return "broken characters"
            if ftfy.badness.is_bad(text):
                return "mojibake"
        return None

    def _content(self, example: Example) -> str | None:
        own = [part for part in _SENTENCE.split(example.positive) if part not in self._boilerplate]
        if not any(_WORD.search(part) for part in own):
            return "boilerplate alone"
        if self._language is not None and self._is_foreign(example.positive):
            return f"language other than {self._language}"
        return None

    def _repeat(self, example: Example) -> str | None:
        key = (" ".join(example.query.casefold().split()), example.positive)
        if key in self._seen:
            return "exact duplicate"
        self._seen.add(key)
        return None

    def _is_foreign(self, text: str) -> bool:
        words = _WORD.findall(text)
        if len(words) < _TELLING_WORDS:
            return False
        found, probability = _identifier().classify(" ".join(words).lower())
        return bool(found != self._language and probability > _SURE)


def _first_reason(example: Example, checks: Sequence[Check]) -> str | None:
    for check in checks:
        reason = check(example)
        if reason is not None:
            return reason
    return None


def _boilerplate(examples: Sequence[Example]) -> frozenset[str]:
    """Return sentences that very many different texts share."""
    texts = {example.positive for example in examples}
    counts = Counter(part for text in texts for part in set(_SENTENCE.split(text)))
    bound = max(_REPEATED_LEAST, _REPEATED_SHARE * len(texts))
    return frozenset(part for part, count in counts.items() if count >= bound)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ModuleNotFoundError:
        raise MissingExtra("py3langid", "train", "Telling the language of texts") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
