from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from dsv3.encoder.corpus.cache import EmbeddingCache, damaged_vectors, text_key
from dsv3.errors import EncoderError

KEYS = [text_key(f"text {number}") for number in range(50)]
VECTORS = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
TOKENS = np.arange(50, dtype=np.int64)


def missing(cache: EmbeddingCache, fingerprint: str, keys: Sequence[bytes]) -> list[int]:
    places: list[int] = np.flatnonzero(cache.token_counts(fingerprint, keys) < 0).tolist()
    return places


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "embeddings.sqlite")


def test_what_was_put_comes_back_bit_for_bit_in_the_order_asked(cache: EmbeddingCache) -> None:
    cache.put_many("a", KEYS, VECTORS, TOKENS)
    order = np.random.default_rng(1).permutation(50)
    vectors, found, tokens = cache.get_many("a", [KEYS[place] for place in order])
    assert found.all()
    np.testing.assert_array_equal(vectors, VECTORS[order])
    np.testing.assert_array_equal(tokens, TOKENS[order])


def test_absent_texts_are_marked(cache: EmbeddingCache) -> None:
    cache.put_many("a", KEYS[:3], VECTORS[:3], TOKENS[:3])
    vectors, found, tokens = cache.get_many("a", [KEYS[1], KEYS[9], KEYS[2]])
    assert found.tolist() == [True, False, True]
    assert tokens.tolist() == [1, -1, 2]
    assert not vectors[1].any()
    assert missing(cache, "a", KEYS[:6]) == [3, 4, 5]


def test_a_flipped_bit_is_noticed_and_the_vector_can_be_stored_again(
    cache: EmbeddingCache,
) -> None:
    cache.put_many("a", KEYS[:3], VECTORS[:3], TOKENS[:3])
    with sqlite3.connect(cache.path) as outside:
        (stored,) = outside.execute(
            "SELECT vector FROM embedding WHERE text_key = ?", (KEYS[1],)
        ).fetchone()
        flipped = stored[:5] + bytes([stored[5] ^ 4]) + stored[6:]
        outside.execute("UPDATE embedding SET vector = ? WHERE text_key = ?", (flipped, KEYS[1]))
    outside.close()
    assert cache.get_many("a", KEYS[:3])[1].tolist() == [True, False, True]
    cache.put_many("a", KEYS[:3], VECTORS[:3], TOKENS[:3])
    vectors, found, _ = cache.get_many("a", KEYS[:3])
    assert found.all()
    np.testing.assert_array_equal(vectors, VECTORS[:3])


@pytest.mark.parametrize("version", [1, 2])
def test_vectors_of_an_older_format_are_read_and_get_a_checksum(
    cache: EmbeddingCache, version: int
) -> None:
    cache.put_many("a", KEYS[:9], VECTORS[:9], TOKENS[:9])
    with sqlite3.connect(cache.path) as outside:
        outside.execute("UPDATE embedding SET vector = substr(vector, 1, length(vector) - 4)")
        outside.execute(f"PRAGMA user_version = {version}")
    outside.close()
    assert damaged_vectors(cache.path) == 0
    with EmbeddingCache(cache.path) as again:
        np.testing.assert_array_equal(again.vectors("a", KEYS[:9]), VECTORS[:9])
    assert damaged_vectors(cache.path) == 0


@pytest.mark.parametrize("cut", [0, 4])
def test_vectors_that_were_put_in_the_place_of_others_are_found(
    cache: EmbeddingCache, cut: int
) -> None:
    cache.put_many("a", KEYS[:9], VECTORS[:9], TOKENS[:9])
    with sqlite3.connect(cache.path) as outside:
        outside.execute(
            "UPDATE embedding SET vector = zeroblob(length(vector) - ?) WHERE rowid < 4", (cut,)
        )
    outside.close()
    assert damaged_vectors(cache.path) == 3
    assert cache.get_many("a", KEYS[:9])[1].tolist() == [False] * 3 + [True] * 6
    assert damaged_vectors(cache.path) == 0


def test_a_key_may_be_asked_for_twice(cache: EmbeddingCache) -> None:
    cache.put_many("a", KEYS[:1], VECTORS[:1], TOKENS[:1])
    _, found, _ = cache.get_many("a", [KEYS[0], KEYS[0]])
    assert found.all()


def test_encoders_do_not_share_vectors(cache: EmbeddingCache) -> None:
    cache.put_many("a", KEYS, VECTORS, TOKENS)
    assert missing(cache, "b", KEYS) == list(range(50))
    assert cache.get_many("b", KEYS)[0].shape == (50, 0)
    cache.put_many("b", KEYS, VECTORS[:, :4], TOKENS)
    assert cache.get_many("b", KEYS)[0].shape == (50, 4)
    np.testing.assert_array_equal(cache.get_many("a", KEYS)[0], VECTORS)


def test_what_is_there_stays(cache: EmbeddingCache) -> None:
    cache.put_many("a", KEYS, VECTORS, TOKENS)
    cache.put_many("a", KEYS, VECTORS + 1, TOKENS)
    np.testing.assert_array_equal(cache.get_many("a", KEYS)[0], VECTORS)


def test_vectors_of_another_length_are_refused_and_nothing_is_written(
    cache: EmbeddingCache,
) -> None:
    cache.put_many("a", KEYS[:2], VECTORS[:2], TOKENS[:2])
    with pytest.raises(EncoderError, match="8 numbers for this encoder, not 4"):
        cache.put_many("a", KEYS[2:], VECTORS[2:, :4], TOKENS[2:])
    assert cache.size().vectors == {"a": 2}


def test_prune_keeps_what_is_named(cache: EmbeddingCache) -> None:
    for fingerprint in ("a", "b", "c"):
        cache.put_many(fingerprint, KEYS, VECTORS, TOKENS)
    removed = cache.prune({"a": set(KEYS[:10]), "b": None})
    assert removed == 40 + 50
    assert cache.size().vectors == {"a": 10, "b": 50, "c": 0}
    assert missing(cache, "a", KEYS[:12]) == [10, 11]


def test_prune_gives_the_space_back(tmp_path: Path) -> None:
    with EmbeddingCache(tmp_path / "cache.sqlite") as cache:
        vectors = np.ones((2_000, 256), dtype=np.float32)
        keys = [text_key(str(number)) for number in range(2_000)]
        cache.put_many("a", keys, vectors, np.ones(2_000, dtype=np.int64))
        before = cache.size().bytes
        cache.prune({"a": keys[:10]})
        assert cache.size().bytes < before / 10


def test_a_second_connection_sees_what_was_written(cache: EmbeddingCache) -> None:
    with EmbeddingCache(cache.path) as reader:
        assert missing(reader, "a", KEYS) == list(range(50))
        cache.put_many("a", KEYS, VECTORS, TOKENS)
        assert missing(reader, "a", KEYS) == []


def test_threads_may_share_a_cache(cache: EmbeddingCache) -> None:
    wrong: list[int] = []

    def work(part: int) -> None:
        mine = KEYS[part::5]
        cache.put_many("a", mine, VECTORS[part::5], TOKENS[part::5])
        vectors, found, _ = cache.get_many("a", mine)
        if not (found.all() and np.array_equal(vectors, VECTORS[part::5])):
            wrong.append(part)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert missing(cache, "a", KEYS) == []


def test_a_file_that_is_no_cache_is_one_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"not a database at all, but long enough to be looked at" * 10)
    with pytest.raises(EncoderError, match="delete it"):
        EmbeddingCache(path)


def test_a_newer_format_is_refused(cache: EmbeddingCache) -> None:
    cache._connection.execute("PRAGMA user_version = 99")
    with pytest.raises(EncoderError, match="newer dsv3"):
        EmbeddingCache(cache.path)


_PUT_UNTIL_KILLED = """
import sys
import numpy as np
from dsv3.encoder.corpus.cache import EmbeddingCache, text_key
cache = EmbeddingCache(sys.argv[1])
for number in range(10**6):
    keys = [text_key(f"{number} {place}") for place in range(20)]
    cache.put_many("a", keys, np.full((20, 64), number, np.float32), np.ones(20, np.int64))
    print(number, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_reported(tmp_path: Path) -> None:
    path = tmp_path / "cache.sqlite"
    reported = -1
    for stop_after in (1, 7, 30):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", _PUT_UNTIL_KILLED, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        with writer.stdout as lines:
            for line in lines:
                reported = int(line)
                if reported == stop_after:
                    os.kill(writer.pid, signal.SIGKILL)
                    break
        writer.wait()
        with EmbeddingCache(path) as cache:
            keys = [
                text_key(f"{number} {place}")
                for number in range(reported + 1)
                for place in range(20)
            ]
            vectors, found, _ = cache.get_many("a", keys)
            assert found.all()
            np.testing.assert_array_equal(vectors[:, 0], np.repeat(np.arange(reported + 1), 20))
            assert cache.size().vectors["a"] % 20 == 0
        for beside in tmp_path.glob("cache.sqlite-*"):
            beside.unlink()


def test_vectors_that_are_gone_are_an_error_and_not_zeros(cache: EmbeddingCache) -> None:
    cache.put_many("a", KEYS[:3], VECTORS[:3], TOKENS[:3])
    np.testing.assert_array_equal(cache.vectors("a", KEYS[:3]), VECTORS[:3])
    cache.prune({"a": set(KEYS[:2])})
    with pytest.raises(EncoderError, match="vectors of 1 texts are gone"):
        cache.vectors("a", KEYS[:3])
