"""Examples survive a file; a file that holds none says where."""

from __future__ import annotations

from pathlib import Path

import pytest
from dsv3.encoder.training.examples import Example, read_examples, write_examples
from dsv3.errors import InputError

EXAMPLES = [
    Example("wireless mouse", "Silent mouse, 2.4 GHz", ("Mouse pad",), 0.5, "clicks", "mouse"),
    Example("kabel ß 電源", "Netzkabel"),
]


def test_written_examples_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "examples.jsonl"
    assert write_examples(path, EXAMPLES) == 2
    assert list(read_examples(path)) == EXAMPLES


def test_query_and_positive_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text('{"query": "mouse", "positive": "Mouse M1"}\n\n')
    assert list(read_examples(path)) == [Example("mouse", "Mouse M1", source="file")]


@pytest.mark.parametrize(
    "line", ["not json", "[1]", '{"query": "a"}', '{"query": 1, "positive": "b"}']
)
def test_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(f'{{"query": "a", "positive": "b"}}\n{line}\n')
    with pytest.raises(InputError, match="line 2"):
        list(read_examples(path))


def test_missing_file_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        list(read_examples(tmp_path / "none.jsonl"))
