"""Augmented queries say the same otherwise, with words of the catalog."""

from __future__ import annotations

import random

import pytest
from dsv3.encoder.training.examples import Example
from dsv3.errors import InputError
from dsv3.eval.examples.augment import AUGMENTATIONS, Augmentation, augment
from dsv3.eval.examples.vocabulary import Vocabulary, read_vocabulary
from dsv3.indexer.product import Product

GIGABYTES = {f"500{space}{unit} drive" for space in (" ", "") for unit in ("gigabyte", "gig")}


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    titles = ["Soundbar 20 W", "Sound bar with USB", "Drive 500 GB", "Lamp 500GB fast"]
    brands = ["TP-Link", "TP Link", "StarTech.com", "Acme"]
    products = [
        Product(f"{n}-{copy}", title, brand=brand)
        for copy in range(3)
        for n, (title, brand) in enumerate(zip(titles, brands, strict=True))
    ]
    return read_vocabulary(products)


def test_vocabulary(vocabulary: Vocabulary) -> None:
    assert set(vocabulary.brands["tp-link"]) == {"tp link", "tplink"}
    assert "startech" in vocabulary.brands["startech.com"]
    assert "acme" not in vocabulary.brands
    assert vocabulary.compounds["soundbar"] == "sound bar"
    assert vocabulary.compounds["sound bar"] == "soundbar"
    assert "gigabyte" in vocabulary.units["gb"]
    assert "kg" not in vocabulary.units  # no title weighs anything


@pytest.mark.parametrize(
    ("augmentation", "query", "wanted"),
    [
        ("brands", "tp-link router", {"tp link router", "tplink router"}),
        ("brands", "tp-linked", None),
        (
            "units",
            "500 gb drive",
            GIGABYTES,
        ),
        ("units", "c2g cable", None),
        ("compounds", "jbl soundbar black", {"jbl sound bar black"}),
        ("compounds", "sound bar", {"soundbar"}),
        ("compounds", "lamp", None),
        ("order", "red lamp", {"lamp red"}),
        ("order", "lamp", None),
        ("fewer", "big red lamp", {"red lamp", "big lamp"}),
        ("fewer", "red lamp", None),
        ("spelling", "usb", None),
    ],
)
def test_augmentation(
    vocabulary: Vocabulary, augmentation: str, query: str, wanted: set[str] | None
) -> None:
    made = {
        AUGMENTATIONS[augmentation](query, vocabulary, random.Random(seed))  # noqa: S311
        for seed in range(40)
    }
    assert made == ({None} if wanted is None else wanted)


def test_a_spelling_error_is_one_slip(vocabulary: Vocabulary) -> None:
    for seed in range(100):
        made = AUGMENTATIONS["spelling"]("wireless", vocabulary, random.Random(seed))  # noqa: S311
        assert made is not None
        assert abs(len(made) - 8) <= 1
        assert made[0] == "w"


def test_copies_are_counted_seeded_and_named(vocabulary: Vocabulary) -> None:
    examples = [Example(f"big red lamp {n}", "Lamp", topic="lamp") for n in range(400)]
    made = augment(examples, vocabulary, Augmentation(("order", "fewer"), 0.5), seed=1)
    assert made == augment(examples, vocabulary, Augmentation(("order", "fewer"), 0.5), seed=1)
    assert 150 < len(made) < 250
    assert {example.source for example in made} == {"catalog, order", "catalog, fewer"}
    assert all(example.topic == "lamp" for example in made)


def test_unknown_augmentation() -> None:
    with pytest.raises(InputError, match="no augmentation 'typos'"):
        Augmentation(("typos",))
