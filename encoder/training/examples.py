"""What an encoder learns from: a query, a text that answers it, and texts that do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ...errors import InputError


@dataclass(frozen=True, slots=True)
class Example:
    """One training example.

    Attributes:
        query: what a shopper typed, or might.
        positive: text of a product that answers it.
        negatives: texts of products that look near and do not answer it.
        grade: how well the positive answers, from 0 to 1.
        source: where it came from: "catalog", "judgments" or "clicks".
        topic: what the query asks for and the positive is. A positive of the same topic, or of
            one that ends in it as "laser printer" ends in "printer", may answer the query too
            and is not held against it; "" is a topic of its own.

    """

    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    grade: float = 1.0
    source: str = "catalog"
    topic: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {
            "query": self.query,
            "positive": self.positive,
            "negatives": list(self.negatives),
            "grade": self.grade,
            "source": self.source,
            "topic": self.topic,
        }


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Write examples as JSON Lines; returns how many.

    Raises:
        InputError: the file cannot be written.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("wb")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
    count = 0
    with stream:
        for example in examples:
            stream.write(orjson.dumps(example.to_json(), option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def read_examples(path: Path) -> Iterator[Example]:
    """Read what `write_examples` wrote, or any JSON Lines with a query and a positive.

    Raises:
        InputError: the file cannot be read, or a line of it is no example.

    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    with stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield _example(line, path, number)


def _example(line: bytes, path: Path, number: int) -> Example:
    try:
        found = orjson.loads(line)
        example = Example(
            query=found["query"],
            positive=found["positive"],
            negatives=tuple(found.get("negatives", ())),
            grade=float(found.get("grade", 1.0)),
            source=str(found.get("source", "file")),
            topic=str(found.get("topic", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}, line {number}: not an example; write an object with the texts "
            "query and positive, and perhaps a list of negatives"
        ) from error
    texts = (example.query, example.positive, *example.negatives)
    if not all(isinstance(text, str) for text in texts):
        raise InputError(f"{path}, line {number}: query, positive and negatives must be texts")
    return example
