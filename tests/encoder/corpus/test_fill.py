from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from dsv3.encoder.base import Encoder
from dsv3.encoder.corpus import fill
from dsv3.encoder.corpus.cache import EmbeddingCache, text_key
from dsv3.encoder.corpus.fill import EncodeStats, fill_cache
from dsv3.encoder.hashing import HashingEncoder
from dsv3.encoder.load import load_encoder
from dsv3.errors import EncoderError


@pytest.fixture
def cache(tmp_path: Path) -> EmbeddingCache:
    return EmbeddingCache(tmp_path / "embeddings.sqlite")


def _stored(cache: EmbeddingCache, fingerprint: str, texts: list[str]) -> np.ndarray:
    vectors, found, _ = cache.get_many(fingerprint, [text_key(text) for text in texts])
    assert found.all()
    return vectors


@pytest.mark.parametrize("workers", [1, 2])
def test_the_cache_holds_what_the_encoder_gives(
    cache: EmbeddingCache, texts: list[str], workers: int
) -> None:
    encoder = load_encoder("hashing")
    stats = fill_cache(encoder, iter(texts), cache, workers=workers)
    assert (stats.seen, stats.encoded, stats.reused, stats.cut) == (len(texts), len(texts), 0, 0)
    np.testing.assert_array_equal(
        _stored(cache, encoder.fingerprint, texts), encoder.encode_documents(texts)
    )


def test_a_second_run_encodes_only_what_is_new(cache: EmbeddingCache, texts: list[str]) -> None:
    encoder = load_encoder("hashing")
    fill_cache(encoder, texts[:100], cache)
    stats = fill_cache(encoder, texts[:130], cache)
    assert (stats.seen, stats.encoded, stats.reused) == (130, 30, 100)


def test_repeated_texts_are_encoded_once(
    cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "_LOOKED_UP_AT_ONCE", 3)
    encoded: list[str] = []

    class Counting(HashingEncoder):
        def encode_documents(self, texts: list[str]) -> np.ndarray:  # type: ignore[override]
            encoded.extend(texts)
            return super().encode_documents(texts)

    stats = fill_cache(Counting(), ["a", "b", "a", "c", "b", "a", "d"] * 3, cache)
    assert sorted(encoded) == ["a", "b", "c", "d"]
    assert (stats.seen, stats.encoded, stats.reused) == (21, 4, 17)


def test_cut_texts_are_counted_whether_encoded_or_reused(cache: EmbeddingCache) -> None:
    encoder = load_encoder("hashing")
    texts = ["short", "word " * 600, "pair " * 512]
    assert fill_cache(encoder, texts, cache).cut == 1
    again = fill_cache(encoder, texts, cache)
    assert (again.encoded, again.cut) == (0, 1)


def test_no_texts_are_no_work(cache: EmbeddingCache) -> None:
    stats = fill_cache(load_encoder("hashing"), [], cache)
    assert (stats.seen, stats.encoded) == (0, 0)


def test_progress_is_told_after_each_batch_and_ends_with_the_total(
    cache: EmbeddingCache, texts: list[str]
) -> None:
    told: list[EncodeStats] = []
    stats = fill_cache(load_encoder("hashing"), texts, cache, workers=2, on_progress=told.append)
    counts = [step.encoded for step in told]
    assert counts == sorted(counts)
    assert counts[-1] == stats.encoded == len(texts)
    assert len(counts) > 1


def test_only_a_bounded_part_of_the_stream_is_read_ahead(
    cache: EmbeddingCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "_WINDOW", 600)
    monkeypatch.setattr(fill, "_LOOKED_UP_AT_ONCE", 100)
    monkeypatch.setattr(Encoder, "call_tokens", 50)
    read = 0
    furthest_ahead = 0

    def stream() -> Iterator[str]:
        nonlocal read
        for number in range(6_000):
            read += 1
            yield f"product {number} of a long stream"

    def watch(stats: EncodeStats) -> None:
        nonlocal furthest_ahead
        furthest_ahead = max(furthest_ahead, read - stats.encoded)

    stats = fill_cache(load_encoder("hashing"), stream(), cache, workers=2, on_progress=watch)
    assert stats.encoded == 6_000
    # one window in hand, the queue's batches, and one look-up beyond
    assert furthest_ahead <= 2 * 600 + 100


def test_a_failing_stream_ends_the_workers_and_keeps_what_is_done(
    cache: EmbeddingCache, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "_WINDOW", 550)

    def stream() -> Iterator[str]:
        yield from texts
        raise KeyboardInterrupt

    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(KeyboardInterrupt):
        fill_cache(load_encoder("hashing"), stream(), cache, workers=2)
    assert {child.pid for child in psutil.Process().children()} == before
    stats = fill_cache(load_encoder("hashing"), texts, cache, workers=1)
    assert stats.encoded + stats.reused == len(texts)


def test_a_model_that_changed_meanwhile_is_an_error(
    cache: EmbeddingCache, texts: list[str]
) -> None:
    encoder = load_encoder("hashing")
    encoder.fingerprint = "of other files"
    with pytest.raises(EncoderError, match="changed while it was in use"):
        fill_cache(encoder, texts, cache, workers=2)


def test_a_worker_that_cannot_load_says_why(cache: EmbeddingCache, texts: list[str]) -> None:
    encoder = load_encoder("hashing")
    encoder.recipe = {"name": "hashing:3", "runtime": "auto"}
    with pytest.raises(EncoderError, match="between 8 and 65536"):
        fill_cache(encoder, texts, cache, workers=2)


_FILL = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.corpus.fill import fill_cache
from dsv3.encoder.load import load_encoder
def texts():
    for number in range(100_000):
        yield f"product {number} " + "with many words to hash " * 6
fill_cache(load_encoder("hashing"), texts(), EmbeddingCache(sys.argv[1]), workers=2,
           on_progress=lambda stats: print(stats.encoded, flush=True))
"""


@pytest.mark.parametrize("batches", [1, 12])
def test_workers_die_with_a_killed_parent_and_the_next_run_resumes(
    tmp_path: Path, batches: int
) -> None:
    path = tmp_path / "embeddings.sqlite"
    parent = subprocess.Popen(
        [sys.executable, "-c", _FILL, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout as lines:
        for _ in range(batches):
            reported = int(next(lines))
        workers = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    assert len(workers) == 2
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    with EmbeddingCache(path) as cache:
        (kept,) = cache.size().vectors.values()
        assert kept >= reported
        first = [f"product {number} " + "with many words to hash " * 6 for number in range(8192)]
        stats = fill_cache(load_encoder("hashing"), first, cache, workers=1)
        assert stats.reused >= reported


def test_ctrl_c_is_clean(tmp_path: Path) -> None:
    path = tmp_path / "embeddings.sqlite"
    parent = subprocess.Popen(
        [sys.executable, "-c", _FILL, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert parent.stdout is not None
    next(iter(parent.stdout))
    workers = psutil.Process(parent.pid).children()
    os.killpg(parent.pid, signal.SIGINT)
    started = time.monotonic()
    _, errors = parent.communicate(timeout=30)
    assert time.monotonic() - started < 20
    assert "KeyboardInterrupt" in errors.splitlines()[-1]
    assert errors.count("Traceback") == 1
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
