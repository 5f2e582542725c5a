from __future__ import annotations

import re

import ftfy
import pytest
from dsv3.indexer.sources import text as text_module
from dsv3.indexer.sources.text import clean_text
from hypothesis import given
from hypothesis import strategies as st

TABLE = [
    ("plain text", "plain text"),
    ("  two   spaces\tand\r\nlines ", "two spaces and lines"),
    ("<p>One</p><p>Two</p>", "One Two"),
    ("one<br/>two<li>three", "one two three"),
    ("H<sub>2</sub>O and <b>bo</b>ld", "H2O and bold"),
    ("<table><tr><td>a</td><td>b</td></tr></table>", "a b"),
    ("<script>alert(1)</script>seen<style>p{}</style>", "seen"),
    ("before<!-- hidden -->after", "beforeafter"),
    ("Tom &amp; Jerry &eacute; &#39;x&#x27;", "Tom & Jerry é 'x'"),
    ("&lt;p&gt;escaped&lt;/p&gt;", "escaped"),
    ("&amp;amp;", "&"),
    ("5 < 10 > 3 & 7", "5 < 10 > 3 & 7"),
    ("AT&T <3", "AT&T <3"),
    ("SchÃ¶n", "Schön"),
    ("Itâ€™s", "It’s"),
    ("no\u00a0break", "no break"),
    ("zero\u200bwidth\ufeff\u2060", "zerowidth"),
    ("soft\u00adhyphen", "softhyphen"),
    ("nul\x00 and bell\x07", "nul and bell"),
    ("\u202eleft", "left"),
    ("👩\u200d💻 desk", "👩\u200d💻 desk"),
    ("می\u200cخواهم", "می\u200cخواهم"),
    ("日本語テキスト", "日本語テキスト"),
    ("ＦＵＬＬ", "FULL"),
    ("e\u0301", "é"),
    ("lone \ud800 half", "lone \ufffd half"),
    ("", ""),
    ("   ", ""),
    ("<p></p>", ""),
]


@pytest.mark.parametrize(("dirty", "clean"), TABLE)
def test_table_of_cleanings(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@pytest.mark.parametrize(("dirty", "clean"), TABLE)
def test_long_texts_are_cleaned_like_short_ones(dirty: str, clean: str) -> None:
    words = "word " * 60
    assert clean_text(f"{words}{dirty}") == f"{words}{clean}".strip()


@given(st.text())
def test_cleaned_text_is_one_clean_line(text: str) -> None:
    cleaned = clean_text(text)
    assert cleaned == " ".join(cleaned.split())
    assert not set(cleaned) & {"\x00", "\u200b", "\ufeff", "\x1b"}
    cleaned.encode("utf-8")


@given(st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), max_size=300))
def test_plain_words_stay_as_they_are(text: str) -> None:
    assert clean_text(text) == text


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "cp1251", "mac-roman"])
@given(text=st.text(alphabet="aeß öéàçñŁő Жя–’€™日", max_size=12))
def test_mending_is_that_of_ftfy(encoding: str, text: str) -> None:
    settings = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False)
    for broken in (text, text.encode().decode(encoding, "replace")):
        assert clean_text(broken) == clean_text(ftfy.fix_text(broken, settings))


PARTS = (
    *("<p>", "</p>", "<br>", "<b>", "</b>", '<a href="x">', "</a>", "<img src='y' alt=\"q > r\">"),
    *(
        "text",
        "&amp;",
        "&lt;b&gt;",
        "&eacute",
        "a < b",
        ">",
        '"',
        "<li>",
        "<div class=a>",
        "&nbsp;",
    ),
    *("<script>no</script>", "<!-- no -->", "<style>no</style>", "\n", "</br>", "&amp;lt;"),
)


@given(st.lists(st.sampled_from(PARTS), max_size=9).map("".join))
def test_plain_tags_are_taken_out_as_a_parser_would(markup: str) -> None:
    quick = clean_text(markup)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_module, "_PLAIN_TAG", re.compile("(?!)"))
        text_module._clean_short.cache_clear()
        assert clean_text(markup) == quick
        text_module._clean_short.cache_clear()
