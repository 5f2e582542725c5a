"""Say the same query otherwise: aliases, spelling, word order, fewer words."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...encoder.training.examples import Example
from ...errors import InputError
from .vocabulary import Vocabulary

_MEASURE = re.compile(r"(?<![\w.])(\d+(?:[.,]\d+)?)\s?([^\W\d_]+|[\"″])(?!\w)")
_SHORTEST_MISSPELT = 5
# Letters beside each other on a keyboard: where fingers slip (the rows of QWERTY).
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    letter: row[max(0, at - 1) : at] + row[at + 1 : at + 2]
    for row in _ROWS
    for at, letter in enumerate(row)
}

Change = Callable[[str, Vocabulary, random.Random], str | None]


def brand_alias(query: str, vocabulary: Vocabulary, generator: random.Random) -> str | None:
    """Write a brand otherwise: "tp-link router" -> "tplink router"."""
    words = query.split()
    for end in range(len(words), 0, -1):  # the longest brand that the query begins with
        others = vocabulary.brands.get(" ".join(words[:end]))
        if others:
            return " ".join([generator.choice(list(others)), *words[end:]])
    return None


def unit_alias(query: str, vocabulary: Vocabulary, generator: random.Random) -> str | None:
    """Write a unit otherwise: "500 gb drive" -> "500 gigabyte drive"."""
    for found in _MEASURE.finditer(query):
        others = vocabulary.units.get(found[2])
        if others:
            unit = generator.choice(list(others))
            space = "" if not unit[0].isalpha() else generator.choice(["", " "])
            return f"{query[: found.start()]}{found[1]}{space}{unit}{query[found.end() :]}"
    return None


def compound(query: str, vocabulary: Vocabulary, generator: random.Random) -> str | None:
    """Part a compound word, or join one: "soundbar" -> "sound bar"."""
    words = query.split()
    spans = [*zip(range(len(words)), range(1, len(words) + 1), strict=True)]
    spans += zip(range(len(words)), range(2, len(words) + 1), strict=False)
    generator.shuffle(spans)
    for begin, end in spans:
        other = vocabulary.compounds.get(" ".join(words[begin:end]))
        if other is not None:
            return " ".join([*words[:begin], other, *words[end:]])
    return None


def misspelling(query: str, vocabulary: Vocabulary, generator: random.Random) -> str | None:
    """Slip on one letter of a long word: doubled, dropped, swapped, or the key beside it."""
    words = query.split()
    long = [at for at, word in enumerate(words) if _can_be_misspelt(word)]
    if not long:
        return None
    at = generator.choice(long)
    words[at] = _slip(words[at], generator)
    if words[at] in vocabulary.words:  # another word, not an error
        return None
    return " ".join(words)


def word_order(query: str, vocabulary: Vocabulary, generator: random.Random) -> str | None:
    """Put the words in another order."""
    words = query.split()
    if len(words) < 2:
        return None
    other = list(words)
    generator.shuffle(other)
    return " ".join(other) if other != words else " ".join([*words[1:], words[0]])


def fewer_words(query: str, vocabulary: Vocabulary, generator: random.Random) -> str | None:
    """Leave out one word of three or more; the last, which names the thing, stays."""
    words = query.split()
    if len(words) < 3:
        return None
    del words[generator.randrange(len(words) - 1)]
    return " ".join(words)


AUGMENTATIONS: dict[str, Change] = {
    "brands": brand_alias,
    "units": unit_alias,
    "compounds": compound,
    "spelling": misspelling,
    "order": word_order,
    "fewer": fewer_words,
}


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Which changes are made to queries, and of how many examples.

    Raises:
        InputError: there is no kind by that name, or the share is none.

    """

    kinds: tuple[str, ...] = tuple(AUGMENTATIONS)
    share: float = 0.25

    def __post_init__(self) -> None:
        unknown = set(self.kinds) - set(AUGMENTATIONS)
        if unknown:
            raise InputError(
                f"no augmentation {sorted(unknown)[0]!r}; there are {', '.join(AUGMENTATIONS)}"
            )
        if not 0 <= self.share <= 1:
            raise InputError(f"share {self.share} of augmented examples is not from 0 to 1")


def augment(
    examples: Sequence[Example],
    vocabulary: Vocabulary,
    augmentation: Augmentation,
    *,
    seed: int = 0,
) -> list[Example]:
    """Return augmented copies of some examples, to be added to them.

    Every example is drawn with the chance `augmentation.share` and augmented once, by the first
    of the allowed kinds, in random order, that has something to change.
    """
    generator = random.Random(seed)  # noqa: S311 - a draw, not a secret
    made = []
    for example in examples:
        if generator.random() >= augmentation.share:
            continue
        for name in generator.sample(augmentation.kinds, len(augmentation.kinds)):
            query = AUGMENTATIONS[name](example.query, vocabulary, generator)
            if query is not None and query != example.query:
                made.append(replace(example, query=query, source=f"{example.source}, {name}"))
                break
    return made


def _can_be_misspelt(word: str) -> bool:
    return word.isalpha() and word.isascii() and len(word) >= _SHORTEST_MISSPELT


def _slip(word: str, generator: random.Random) -> str:
    at = generator.randrange(1, len(word) - 1)
    kind = generator.randrange(4)
    if kind == 0:
        return word[:at] + word[at] + word[at:]
    if kind == 1:
        return word[:at] + word[at + 1 :]
    if kind == 2 and word[at] != word[at + 1]:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    beside = _NEIGHBOURS.get(word[at], word[at])
    return word[:at] + generator.choice(beside) + word[at + 1 :]
