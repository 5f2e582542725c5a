"""Signs are written in one way, and those that mean something are found."""

from __future__ import annotations

import pytest
from dsv3.indexer.lexical.analysis import Analysis
from dsv3.indexer.lexical.signs import marks, normalise


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Ｗｏｌｌ　ｓｏｃｋｓ", "Woll socks"),
        ("ﬁne soufﬂé", "fine soufflé"),
        ("Mu\u0308hle", "Mühle"),
        ("„Quoted“ – ‘so’", "\"Quoted\" - 'so'"),
        ("27″ and 6′", "27\" and 6'"),
        ("Brand™ mug", "Brand  mug"),
        ("5 m²", "5 m2"),
        ("1½ inch", "1 1/2 inch"),
        ("soft\u00adware", "software"),
        ("ёлка", "елка"),
        ("plain text + more", "plain text + more"),
    ],
)
def test_what_means_the_same_is_one_text(text: str, plain: str) -> None:
    assert normalise(text) == plain


@pytest.mark.parametrize(
    ("product", "query"),
    [
        ("Woll Socken Größe", "ＷＯＬＬ socken GROSSE"),
        ("Ka\u0301ve\u0301", "kávé"),
        ("İstanbul tea", "istanbul TEA"),
        ("Καφές", "καφεσ"),
        ("crème brûlée", "creme brulee"),
        ("Œuvre, ﬂat", "oeuvre flat"),
    ],
)
def test_products_and_queries_give_the_same_terms(product: str, query: str) -> None:
    analysis = Analysis("none")
    assert analysis.terms(product) == analysis.terms(query)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Programming in F#, 2nd edition", ("f#",)),
        ("TuneCast+ voucher", ("tunecast+",)),
        ("Fridge A+++ white", ("a+++",)),
        (".ORG domain, Node.js", (".org",)),
        ("Mug 🦊 and ❤️", ("🦊", "❤")),
        ("👍🏽", ("👍",)),
        ("✓ soft ★ warm", ()),
        ("1.5 l + 2 l", ()),
        ("10+Case", ()),
        ("me@example.org #1", ()),
        ("", ()),
    ],
)
def test_marks_are_words_whose_signs_tell_them_apart(text: str, found: tuple[str, ...]) -> None:
    assert marks(text) == found
