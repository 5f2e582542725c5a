"""Files and folders are there whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from dsv3.errors import InputError
from dsv3.files import free_folder, whole_folder, write_whole


def _write_half(out: Path) -> None:
    with whole_folder(out) as unfinished:
        (unfinished / "half").write_text("x")
        raise OSError("disk full")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "models" / "new"
    with pytest.raises(OSError, match="disk full"):
        _write_half(out)
    assert list((tmp_path / "models").iterdir()) == []
    with whole_folder(free_folder(out)) as unfinished:
        (unfinished / "all").write_text("x")
    assert (out / "all").read_text() == "x"
    with pytest.raises(InputError, match="is not empty"):
        free_folder(out)


def test_a_file_that_cannot_take_its_name_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
    write_whole(tmp_path / "free", b"x")
    assert (tmp_path / "free").read_bytes() == b"x"
