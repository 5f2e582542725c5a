"""Write a text's signs in one way, and find those that carry meaning.

What different keyboards, fonts and encodings write for the same (full width, ligatures, combining
accents, curled quotation marks) becomes one text by Unicode's compatibility composition, NFKC
(Unicode Standard Annex #15). A mark is a word whose signs tell it from the word without them, such
as "c++", "f#" or ".net", or a pictogram.
"""

from __future__ import annotations

import re
import unicodedata

_MARKED = re.compile(
    r"(?P<sign>[\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\U0001f000-\U0001faff])"
    r"|(?P<before>(?<![\w.])[.@#](?=\w*[^\W\d_])\w{2,})"
    r"|(?P<after>\w+(?:\+{1,3}|#)(?![\w+#]))"
)
_BULLETS = frozenset("✓✔✅☑✗✘✕★☆■□▪▫►▶◆◇●○◦→➜➤➔➡⭐✨⚡")  # dress a list rather than mean a thing
_VARIATION = re.compile(r"[\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\u200d]")

_BEFORE = str.maketrans(
    {
        "\u2122": " ",  # trade mark, which NFKC would make two letters of the word before it
        "\u2120": " ",
        "\u00b4": "'",  # NFKC would make them a space and an accent
        "\u00a8": " ",
        "\u02da": "\u00b0",
        "\u2033": '"',  # inches, which NFKC would make twice the sign of feet
        **{fraction: f" {fraction}" for fraction in "½¼¾⅓⅔⅛⅜⅝⅞"},  # 1½ is no 11/2
        "\u0130": "I",  # its small form is two characters
    }
)
_SAME: dict[int, str | None] = {
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032\u02bc\u2039\u203a\u0060"), "'"),
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d"), '"'),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"), "-"),
    0x2044: "/",
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u2060\ufeff\u0640"), None),  # not seen
    **{ord(accented): plain for accented, plain in zip("ёЁ", "еЕ", strict=True)},
    **{
        ord(accented): plain
        for accented, plain in zip("άέήίόύώϊϋΐΰΆΈΉΊΌΎΏΪΫς", "αεηιουωιυιυΑΕΗΙΟΥΩΙΥσ", strict=True)
    },
}


def normalise(text: str) -> str:
    """Return a text with its signs written in one way."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.translate(_BEFORE)).translate(_SAME)


def marks(text: str) -> tuple[str, ...]:
    """Return the marks of a text, folded in case, each once, in order."""
    if text.isascii() and not ("+" in text or "#" in text or "." in text or "@" in text):
        return ()
    plain = _VARIATION.sub("", normalise(text)).casefold()
    found = (match[0] for match in _MARKED.finditer(plain))
    return tuple(dict.fromkeys(mark for mark in found if mark not in _BULLETS))
