"""Each stage drops what it says it drops, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from dsv3.encoder.base import FloatArray, IntArray
from dsv3.encoder.hashing import HashingEncoder
from dsv3.encoder.training.examples import Example
from dsv3.encoder.training.filters.form import FormCheck
from dsv3.encoder.training.filters.pipeline import filter_examples
from dsv3.encoder.training.filters.plausibility import PlausibilityCheck
from dsv3.encoder.training.filters.repetition import RepetitionCheck

TEXT = "Logitech M185 wireless mouse with a nano receiver, black"


@pytest.mark.parametrize(
    ("example", "reason"),
    [
        (Example("wireless mouse", TEXT), None),
        (Example("鼠标", TEXT), None),
        (Example("mouse", TEXT + "\tblack\r\n"), None),
        (Example(" ", TEXT), "empty query"),
        (Example("b", TEXT), "query of single letters"),
        (Example("word " * 17, TEXT), "query of over 16 words"),
        (Example("mouse", "Mouse"), "text of under 2 words"),
        (Example("mouse", TEXT + " \ufffd"), "broken characters"),
        (Example("mouse", TEXT + " \x00"), "broken characters"),
        (Example("mouse", TEXT + " sÃ©curisÃ© Ã©cran"), "mojibake"),
        (
            Example(
                "casque",
                "Profitez d'un son riche et clair grâce à l'enceinte avec une longue "
                "autonomie pour écouter toute la journée sans le recharger",
            ),
            "language other than en",
        ),
    ],
)
def test_form(example: Example, reason: str | None) -> None:
    assert FormCheck([example])(example) == reason


def test_any_language_passes_where_none_is_wanted() -> None:
    french = Example("casque", "Profitez d'un son riche et clair grâce à cette enceinte " * 3)
    assert FormCheck([french], language=None)(french) is None


def test_a_script_without_spaces_has_words_too() -> None:
    chinese = Example("无线鼠标", "罗技无线鼠标黑色")
    assert FormCheck([chinese], language=None)(chinese) is None


def test_form_knows_what_it_has_seen() -> None:
    check = FormCheck([])
    assert check(Example("Wireless  mouse", TEXT)) is None
    assert check(Example("wireless mouse", TEXT)) == "exact duplicate"
    assert check(Example("wireless mouse", TEXT + " two")) is None


def test_a_sentence_that_all_texts_share_says_nothing() -> None:
    examples = [
        Example(f"query {n}", f"Thing number {n}. Two years of warranty.") for n in range(40)
    ]
    bare = Example("warranty", "Two years of warranty.")
    check = FormCheck([*examples, bare])
    assert check(bare) == "boilerplate alone"
    assert check(examples[0]) is None


def test_near_duplicates_of_one_query() -> None:
    long = " ".join(f"word{n}" for n in range(40)) + " "
    check = RepetitionCheck()
    assert check(Example("mouse", long + "a")) is None
    assert check(Example("mouse", long + "b")) == "near-duplicate"
    assert check(Example("optical mouse", long + "b")) is None
    assert check(Example("mouse", "Some other thing altogether")) is None


@pytest.mark.parametrize(
    ("query", "leaks"),
    [
        ("Wireless Mouse", True),
        ("mouse wireless", True),
        ("a b c d e f", True),
        ("mouse", False),
        ("wireless mouse pad", False),
    ],
)
def test_queries_of_the_test_leak(query: str, leaks: bool) -> None:
    check = RepetitionCheck(["wireless mouse", "a b c d e"])
    reason = check(Example(query, TEXT))
    assert (reason == "query of the test") is leaks


class Axes(HashingEncoder):
    """Put every text on the axis that its last word numbers."""

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return np.eye(40, dtype=np.float32)[[int(text.split()[-1]) for text in texts]]

    encode_documents = encode_queries

    def count_tokens(self, texts: Sequence[str]) -> IntArray:
        return np.ones(len(texts), dtype=np.int64)


def test_implausible_is_what_neither_words_nor_vectors_join() -> None:
    near = [Example(f"query {n}", f"text {n}") for n in range(40)]
    far, sharing = Example("apples 1", "oranges 2"), Example("apples 3", "apple pie 4")
    check = PlausibilityCheck([*near, far, sharing], Axes())
    assert [check(example) for example in near] == [None] * 40
    assert check(far) == "neither near nor sharing a word"
    assert check(sharing) is None


def test_counts_add_up() -> None:
    examples = [Example("mouse", TEXT), Example("mouse", TEXT), Example("", TEXT)]
    examples += [Example("keyboard", TEXT.replace("mouse", "keyboard"))]
    kept, report = filter_examples(examples, test_queries=["keyboard"])
    assert kept == [examples[0]]
    assert [stage.name for stage in report.stages] == ["form", "repetition"]
    assert report.stages[0].dropped == {"exact duplicate": 1, "empty query": 1}
    assert report.stages[1].dropped == {"query of the test": 1}
    assert report.useful == 0.25
    for one, following in zip(report.stages, report.stages[1:], strict=False):
        assert one.kept == following.seen
