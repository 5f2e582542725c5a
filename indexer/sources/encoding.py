"""Tell how a text is encoded, from the bytes at its beginning.

Marks, NUL bytes and valid UTF-8 are sure signs. What is left is told by charset-normalizer for
Cyrillic, Greek, Japanese, Chinese and Korean. For Latin letters it is not asked: of short tables in
Windows-1252, Windows-1250 and Mac Roman it takes most for Windows-1250. Those are told by the
letters that languages are written with.
"""

from __future__ import annotations

import codecs
import re

from ...errors import InputError

UTF8_MARK = codecs.BOM_UTF8

_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_OTHER_SCRIPTS = ("cp1251", "koi8_r", "mac_cyrillic", "cp1253", "cp932", "euc_jp", "gb18030",
                  "big5", "cp949")  # fmt: skip
_ALPHABETS = {  # German before all: where letters do not tell, the more common encoding counts
    "cp1252": (
        "äöüß", "àâçéèêëîïôùûüÿœæ", "áéíóúüñ", "áàâãçéêíóôõú", "àèéìíòóù", "éëïèöü", "åäöé",
        "æøåéö", "áðéíóúýþæö", "çë", "äöõüšž",
    ),
    "mac_roman": (
        "äöüß", "àâçéèêëîïôùûüÿœæ", "áéíóúüñ", "áàâãçéêíóôõú", "àèéìíòóù", "éëïèöü", "åäöé",
        "æøåéö",
    ),
    "cp1250": (
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ",
    ),
    "iso8859_2": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áéíóöőúüű", "čćđšž"),
    "cp1254": ("çğıöşüâî",),
    "cp850": ("äöüß", "àâçéèêëîïôùûü", "áéíóúüñ", "åäöé"),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
}  # fmt: skip
LATIN = frozenset(_ALPHABETS)
"""Encodings beside which a line that is valid UTF-8 is UTF-8."""

_MARKS_OF_TEXT = frozenset("€£¥§°²³®©™×·•–—‘’“”„‚‹›«»…±µ½¼¾ºª¿¡´`\xa0\xad")
_BEFORE_NUMBERS = frozenset("€£¥§±")
_IN_WORDS = frozenset("’·\xad´")
_HIGH = re.compile(rb"[\x80-\xff]+")
_LETTERS_LOOKED_AT = 4000
_FEWEST_NULS = 0.02
_PLAIN = "id,title;\t|\"'\r\n"


def tell_encoding(head: bytes) -> str:
    """Return the name in Python of the encoding; "ascii" where nothing tells.

    `head` may end anywhere, also within a character.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    if head.isascii() and b"\0" not in head:
        return "ascii"
    return _tell_wide(head) or _tell_by_lines(head)


def check_encoding(name: str, head: bytes | None = None) -> str:
    """Return the name that Python has for an encoding that the user gave.

    With the beginning of the text, UTF-16 and UTF-32 that lack a mark are told by it.

    Raises:
        InputError: it is none of a text.

    """
    try:
        found = codecs.lookup(name).name
        "".encode(found)
    except (LookupError, ValueError) as error:
        known = "utf-8, utf-16-le, cp1252, cp1250, mac_roman, shift_jis"
        raise InputError(f"--encoding {name}: unknown; known are {known} and others") from error
    if (
        head is not None
        and found in ("utf-16", "utf-32")
        and not any(head.startswith(mark) for mark, of in _MARKS if of == found)
    ):
        told = _tell_wide(head) or ""
        return told if told.startswith(found) else f"{found}-le"
    return found


def is_ascii_based(encoding: str) -> bool:
    """Tell whether bytes below 128 stand for themselves, so that bytes can be cut into lines."""
    try:
        return _PLAIN.encode(encoding) == _PLAIN.encode("ascii")
    except UnicodeError:
        return False


def _tell_wide(head: bytes) -> str | None:
    """Return UTF-16 or UTF-32 without a mark: many NUL bytes, and lines when it is read so."""
    if head.count(0) < _FEWEST_NULS * len(head):
        return None
    whole = head[: len(head) // 4 * 4]
    nuls = [whole[start::4].count(0) for start in range(4)]
    if min(nuls[2:]) > 0.9 * len(whole) / 4 or min(nuls[:2]) > 0.9 * len(whole) / 4:
        names = _WIDE[2:]
    else:
        names = _WIDE[:2] if nuls[1] + nuls[3] >= nuls[0] + nuls[2] else _WIDE[1::-1]
    for name in names:
        text = whole.decode(name, "replace")
        if ("\n" in text or "\r" in text) and text.count("\ufffd") <= 1 and "\0" not in text:
            return name
    return None


def _tell_by_lines(head: bytes) -> str:
    """Tell UTF-8 if most lines beyond ASCII are valid; else an encoding of one script."""
    lines = [line for line in head.splitlines(keepends=True) if not line.isascii()]
    if not lines:
        return "ascii"
    valid = sum(_is_utf8(line) for line in lines)
    if 2 * valid > len(lines):
        return "utf-8"
    others = b"".join(line for line in lines if not _is_utf8(line))
    return _tell_latin(others) or _ask(b"".join(lines)) or "cp1252"


def _is_utf8(line: bytes) -> bool:
    """Tell whether a line is valid, whose last character may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(line)
    except UnicodeDecodeError:
        return False
    return True


def _tell_latin(data: bytes) -> str | None:
    runs = [len(run) for run in _HIGH.findall(data)]
    if sum(run for run in runs if run > 3) > sum(runs) / 2:
        return None  # words of other scripts are made of nothing else
    scores = {name: _score(data, name, alphabets) for name, alphabets in _ALPHABETS.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0.5 else None


def _score(data: bytes, encoding: str, alphabets: tuple[str, ...]) -> float:
    """Return how well bytes read as the language that fits best, from -1 to 1."""
    text = data.decode(encoding, "replace")
    places = [at for at, mark in enumerate(text) if mark > "\x7f"][:_LETTERS_LOOKED_AT]
    marks = sum(_mark_score(text, at) for at in places if not text[at].isalpha())
    letters = [at for at in places if text[at].isalpha()]
    odd = sum(_is_odd_case(text, at) for at in letters)
    found = [text[at].lower() for at in letters]
    best = max(sum(letter in alphabet for letter in found) for alphabet in alphabets)
    return (marks + best - odd) / (len(places) or 1)


def _mark_score(text: str, at: int) -> int:
    mark = text[at]
    before, after = text[at - 1 : at].isalpha(), text[at + 1 : at + 2].isalpha()
    is_odd = after and (before or mark in _BEFORE_NUMBERS) and mark not in _IN_WORDS
    return 1 if mark in _MARKS_OF_TEXT and not is_odd else -1


def _is_odd_case(text: str, at: int) -> bool:
    """Tell whether a capital stands after a small letter, as where bytes are misread."""
    return text[at].isupper() and text[at - 1 : at].islower()


def _ask(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=list(_OTHER_SCRIPTS)).best()
    return best.encoding if best else None
