"""Turn text into terms: the same for products and queries.

Words are runs of letters and digits, folded in case and accent, and stemmed. Characters of
scripts written without spaces stand for themselves; with jieba, Chinese is cut into words.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...errors import InputError, MissingExtra
from .signs import normalise

if TYPE_CHECKING:
    import tantivy

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"
_WORD = r"[\p{L}\p{N}\p{M}]+"
_WORD_OR_CHARACTER = rf"[{_UNSPACED}]|[[\p{{L}}\p{{N}}\p{{M}}]--[{_UNSPACED}]]+"
_LONGEST_TERM = 60
_GTIN_DIGITS = (8, 12, 13, 14)

STEMMED = (
    "arabic",
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "greek",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "romanian",
    "russian",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
)
_STOPPED = (
    "danish",
    "dutch",
    "english",
    "finnish",
    "french",
    "german",
    "hungarian",
    "italian",
    "norwegian",
    "portuguese",
    "russian",
    "spanish",
    "swedish",
)
LANGUAGES = (*STEMMED, "chinese", "none")
_COMPOUNDING = (
    "danish",
    "dutch",
    "finnish",
    "german",
    "hungarian",
    "norwegian",
    "swedish",
)
_SHORTEST_COMPOUND = 6
TERM_REVERSED = "|"
"""Stands before a reversed term, and not before a reversed word."""


class Analysis:
    """Cuts and folds text of one language.

    Args:
        language: a name from `LANGUAGES`; "none" neither stems nor knows stop words.

    Raises:
        InputError: the language is not known.
        MissingExtra: "chinese" without jieba.
    """

    def __init__(self, language: str = "english") -> None:
        if language not in LANGUAGES:
            raise InputError(f"language {language!r} is not one of {', '.join(LANGUAGES)}")
        self.language = language
        self.analyzer = _analyzer(language, stop=False)
        self._without_stop_words = _analyzer(language, stop=True)
        self._words = _analyzer("chinese" if language == "chinese" else "none", stop=False)
        self._cut_chinese = language == "chinese"
        if self._cut_chinese:
            _jieba()

    def prepare(self, text: str) -> str:
        """Return text as `analyzer` reads it: signs in one way, a space wherever a word ends."""
        plain = normalise(text)
        return " ".join(_jieba().cut_for_search(plain)) if self._cut_chinese else plain

    @property
    def compounds(self) -> bool:
        """Tell whether the language writes compounds as one word, the thing itself last."""
        return self.language in _COMPOUNDING

    def compound_ends(self, text: str) -> set[str]:
        """Return the words that may be compounds, reversed: as they stand, and their terms.

        So words that are kept by their beginning are found by their end: "Kinderwagen" is kept as
        "negawrednik" and, by its term, as "|gawrednik".
        """
        if not text or not self.compounds:
            return set()
        prepared = self.prepare(text)
        terms, words = self.analyzer.analyze(prepared), self._words.analyze(prepared)
        ends = {TERM_REVERSED + each[::-1] for each in terms if len(each) >= _SHORTEST_COMPOUND}
        return ends | {each[::-1] for each in words if len(each) >= _SHORTEST_COMPOUND}

    def folded(self, word: str) -> list[str]:
        """Return the words of a text folded in case and accent, not stemmed."""
        return self._words.analyze(self.prepare(word))

    def terms(self, text: str) -> list[str]:
        """Return the distinct terms of a query, in order, without stop words if any remain."""
        prepared = self.prepare(text)
        found = self._without_stop_words.analyze(prepared) or self.analyzer.analyze(prepared)
        return list(dict.fromkeys(found))


@lru_cache(maxsize=8)
def _analyzer(language: str, *, stop: bool) -> tantivy.TextAnalyzer:
    import tantivy

    token = _WORD if language == "chinese" else _WORD_OR_CHARACTER
    builder = (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(token))
        .filter(tantivy.Filter.remove_long(_LONGEST_TERM))
        .filter(tantivy.Filter.lowercase())
    )
    if stop and language in _STOPPED:
        builder = builder.filter(tantivy.Filter.stopword(language))
    builder = builder.filter(tantivy.Filter.ascii_fold())
    if language in STEMMED:
        builder = builder.filter(tantivy.Filter.stemmer(language))
    return builder.build()


@lru_cache(maxsize=1)
def _jieba() -> Any:
    try:
        import jieba
    except ModuleNotFoundError:
        raise MissingExtra("jieba", "zh", "Cutting Chinese text into words") from None
    jieba.setLogLevel("ERROR")
    return jieba


def normalise_code(text: str) -> str:
    """Return a product code as it is compared: letters and digits only, folded in case."""
    return "".join(character for character in text.casefold() if character.isalnum())


def same_codes(code: str) -> list[str]:
    """Return the forms of one normalised code, itself first.

    A GTIN is written with 8, 12, 13 or 14 digits; those of fewer digits are the same number
    with zeros before it (GS1 General Specifications, section 3.3.2).
    """
    if not code.isdecimal() or not 8 <= len(code) <= 14:
        return [code]
    number = code.lstrip("0")
    padded = [number.zfill(digits) for digits in _GTIN_DIGITS if digits >= len(number)]
    return list(dict.fromkeys([code, *padded]))
