from __future__ import annotations

import fcntl
import os
from pathlib import Path

import numpy as np
import pytest
from dsv3.errors import InputError, ShopError
from dsv3.indexer.generation import (
    Generations,
    Held,
    Manifest,
    damaged_files,
    describe_files,
    now,
    remove_generation,
)
from dsv3.indexer.ledger import ENTRY, Ledger
from dsv3.indexer.settings import Ranking, Settings
from dsv3.indexer.shop import Shop


def publish(generations: Generations, content: str) -> Path:
    number = generations.next_number()
    with generations.writing(number) as folder:
        (folder / "data").write_text(content)
        (folder / "manifest.json").write_text("{}")
    current = generations.current()
    assert current is not None
    return current


def test_the_pointer_names_the_last_one_published(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    assert generations.current() is None
    assert publish(generations, "first").name == "000001"
    assert (publish(generations, "second") / "data").read_text() == "second"


def test_a_failed_write_leaves_the_last_generation(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    first = publish(generations, "first")

    def write_half() -> None:
        with generations.writing(2) as folder:
            (folder / "data").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert generations.current() == first
    assert [path.name for path in generations.folder.iterdir()] == ["000001"]


def test_what_a_killed_run_left_is_swept_away_and_old_ones_go(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    (generations.folder / ".new-000001").mkdir(parents=True)
    for content in "abcd":
        publish(generations, content)
    assert sorted(path.name for path in generations.folder.iterdir()) == ["000003", "000004"]


def test_a_pointer_to_nothing_says_what_to_do(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    generations.pointer.write_text("000009\n")
    with pytest.raises(ShopError, match="--rebuild"):
        generations.current()


def test_a_manifest_knows_its_files(tmp_path: Path) -> None:
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors" / "a").write_bytes(b"abc")
    manifest = Manifest(
        format=1, number=1, created=now(), version="0", sequence=3, products=2, encoder={},
        index="Flat", language="english", settings="x", texts_cut=0, files=describe_files(tmp_path),
    )  # fmt: skip
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert damaged_files(tmp_path, manifest) == []
    (tmp_path / "vectors" / "a").write_bytes(b"abd")
    assert damaged_files(tmp_path, manifest) == ["vectors/a"]


@pytest.mark.parametrize("content", ["", "{", '{"format": 99}', '{"format": 1}'])
def test_a_manifest_that_does_not_fit_says_what_to_do(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ShopError, match="--rebuild"):
        Manifest.read(tmp_path)


def entries(**rows: tuple[int, bytes]) -> Ledger:
    made = np.zeros(len(rows), ENTRY)
    for place, (row, text) in enumerate(rows.values()):
        made[place]["row"] = row
        made[place]["text"] = np.void(text.ljust(16, b"\0"))
    return Ledger(made)


def test_a_ledger_takes_in_changes() -> None:
    old = entries(a=(1, b"x"), b=(2, b"y"), c=(5, b"z"))
    changed = entries(b=(2, b"new"), d=(7, b"w"))
    merged = old.updated(changed, np.array([5]))
    assert merged.rows.tolist() == [1, 2, 7]
    assert changed.differing(old, "text").tolist() == [2, 7]
    assert entries(a=(1, b"x")).differing(old, "text").tolist() == []
    assert entries(a=(1, b"x")).differing(Ledger(), "text").tolist() == [1]
    assert merged.keys(slice(0, 1)) == [b"x".ljust(16, b"\0")]


def test_settings_are_remembered_without_the_password(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.dsv3")
    url = "postgresql+psycopg://me:secret@localhost/db"
    shop.remember(Settings(dim=128, catalog=url, ranking=Ranking(dense_weight=0.7)))
    text = (tmp_path / "shop.dsv3" / "settings.json").read_text()
    assert "secret" not in text
    assert shop.settings.ranking.dense_weight == 0.7
    assert (shop.settings.dim, shop.settings.catalog) == (
        128,
        "postgresql+psycopg://me@localhost/db",
    )


@pytest.mark.parametrize(
    "wrong", [{"dense_weight": 1.5}, {"dense_floor": -1}, {"candidates": 0}, {"boosts": {"x": 1}}]
)
def test_a_ranking_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Ranking(**wrong)  # type: ignore[arg-type]


def names(generations: Generations) -> list[str]:
    return sorted(path.name for path in generations.folder.iterdir())


def test_a_generation_that_is_read_stays_until_it_is_let_go(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    publish(generations, "one")
    held = generations.hold_current()
    assert held is not None
    for content in ("two", "three", "four"):
        publish(generations, content)
    assert names(generations) == ["000001", "000003", "000004"]
    assert held.in_place
    held.close()
    publish(generations, "five")
    assert names(generations) == ["000004", "000005"]


def test_a_reader_never_takes_hold_of_what_is_being_removed(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    folder = publish(generations, "one")
    with (folder / "manifest.json").open("r+b") as remover:
        fcntl.flock(remover, fcntl.LOCK_EX)
        with pytest.raises(FileNotFoundError):
            Held(folder)
        fcntl.flock(remover, fcntl.LOCK_UN)
        held = Held(folder)
        assert not remove_generation(folder)
        held.close()
    assert remove_generation(folder)
    assert not folder.exists()


def test_the_removal_that_was_interrupted_is_finished(tmp_path: Path) -> None:
    generations = Generations(tmp_path)
    folder = publish(generations, "one")
    (folder / "manifest.json").unlink()
    for content in ("two", "three"):
        publish(generations, content)
    assert not folder.exists()


def test_a_generation_is_durable_before_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut leaves is what was synced: a name counts once its folder was."""
    synced: list[str] = []
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_dir():
            inside = sorted(each.name for each in path.iterdir())
            synced.append(f"{path.name}: {' '.join(inside)}")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    publish(Generations(tmp_path), "one")
    named = next(n for n, state in enumerate(synced) if "CURRENT" in state.split())
    assert "generations: 000001" in synced[:named]
