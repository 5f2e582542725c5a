"""Encode a stream of any length into the cache, in bounded memory, resumable at any moment."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from ...threads import available_cores
from ..base import Encoder, FloatArray, IntArray
from ..texts.batches import pack
from ..texts.text import text_key
from .cache import EmbeddingCache
from .workers import EncoderWorkers

# Below this many texts, starting processes costs more than they save.
SMALL = 500
# Texts sorted by length together, and their characters: the window that bounds memory.
_WINDOW = 8192
_WINDOW_CHARACTERS = 1 << 25
_LOOKED_UP_AT_ONCE = 1024
# Calls that wait while one computes in a thread of its own.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class EncodeStats:
    """What became of the texts, counted.

    Attributes:
        seen: texts read, repeats included.
        encoded: texts for which the encoder ran.
        reused: texts whose vector was in the cache, or was asked for by an earlier text.
        cut: texts longer than the encoder's limit, whether encoded now or found in the cache.
        seconds: time since the start.

    """

    seen: int = 0
    encoded: int = 0
    reused: int = 0
    cut: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class _Batch:
    keys: Sequence[bytes]
    texts: Sequence[str]
    tokens: IntArray


def fill_cache(
    encoder: Encoder,
    texts: Iterable[str],
    cache: EmbeddingCache,
    *,
    workers: int | None = None,
    on_progress: Callable[[EncodeStats], None] | None = None,
) -> EncodeStats:
    """Encode as documents the texts that the cache lacks; each batch is kept as it comes.

    Args:
        encoder: it must come from `load_encoder` to be run in worker processes.
        texts: read once, in the caller's thread, and never held as a whole.
        cache: written in this process alone.
        workers: processes of one thread each; None takes one for each core. With 1, for small
            inputs, and for an encoder that is best alone, this process encodes by itself.
        on_progress: called with the counts so far after each stored batch, and where many
            texts in turn are in the cache already.

    Raises:
        EncoderError: the encoder failed; what was encoded before is kept.

    """
    filling = _Filling(encoder, cache, on_progress)
    windows = _windows(filling.lacking(texts))
    first = next(windows, [])
    count = available_cores() if workers is None else workers
    if encoder.alone and len(first) >= SMALL:
        filling.run_beside(first, windows)
    elif count <= 1 or encoder.alone or encoder.recipe is None or len(first) < SMALL:
        filling.run_here(first, windows)
    else:
        filling.run_in_workers(count, first, windows)
    return filling.report()


class _Filling:
    """The counts of one run, and the keys on their way."""

    def __init__(
        self,
        encoder: Encoder,
        cache: EmbeddingCache,
        on_progress: Callable[[EncodeStats], None] | None,
    ) -> None:
        self._encoder = encoder
        self._cache = cache
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._stats = EncodeStats()
        self._under_way: set[bytes] = set()

    def lacking(self, texts: Iterable[str]) -> Iterator[tuple[bytes, str]]:
        """Yield each text that is neither in the cache nor on its way there."""
        stream = iter(texts)
        while chunk := list(islice(stream, _LOOKED_UP_AT_ONCE)):
            unique = {text_key(text): text for text in chunk}
            keys = list(unique)
            tokens = self._cache.token_counts(self._encoder.fingerprint, keys)
            new = [
                key
                for key, count in zip(keys, tokens, strict=True)
                if count < 0 and key not in self._under_way
            ]
            self._under_way.update(new)
            self._count(
                seen=len(chunk),
                reused=len(chunk) - len(new),
                cut=int(np.count_nonzero(tokens > self._encoder.max_tokens)),
            )
            if not new:
                self._tell()
            for key in new:
                yield key, unique[key]

    def run_here(
        self, first: list[tuple[bytes, str]], rest: Iterable[list[tuple[bytes, str]]]
    ) -> None:
        """Encode in this process."""
        for batch in self._batches(first, rest):
            self._store(batch, self._encoder.encode_documents(batch.texts))

    def run_beside(
        self, first: list[tuple[bytes, str]], rest: Iterable[list[tuple[bytes, str]]]
    ) -> None:
        """Encode in a thread; texts are read, counted and stored while it computes."""
        with ThreadPoolExecutor(1) as thread:
            under_way: deque[tuple[_Batch, Future[FloatArray]]] = deque()
            for batch in self._batches(first, rest):
                if len(under_way) > _AHEAD:
                    done, vectors = under_way.popleft()
                    self._store(done, vectors.result())
                under_way.append(
                    (batch, thread.submit(self._encoder.encode_documents, batch.texts))
                )
            for done, vectors in under_way:
                self._store(done, vectors.result())

    def run_in_workers(
        self, count: int, first: list[tuple[bytes, str]], rest: Iterable[list[tuple[bytes, str]]]
    ) -> None:
        """Encode in worker processes; texts are read and sorted while they compute."""
        with EncoderWorkers[_Batch](self._encoder, count) as pool:
            for batch in self._batches(first, rest):
                while done := pool.result(wait=pool.full()):
                    self._store(*done)
                pool.submit(batch, batch.texts)
            while pool.pending() and (done := pool.result()):
                self._store(*done)

    def report(self) -> EncodeStats:
        """Return the counts so far."""
        return replace(self._stats, seconds=time.monotonic() - self._started)

    def _batches(
        self, first: list[tuple[bytes, str]], rest: Iterable[list[tuple[bytes, str]]]
    ) -> Iterator[_Batch]:
        yield from self._sorted_batches(first)
        for window in rest:
            yield from self._sorted_batches(window)

    def _sorted_batches(self, window: list[tuple[bytes, str]]) -> Iterator[_Batch]:
        if not window:
            return
        tokens = self._encoder.count_tokens([text for _, text in window])
        self._count(cut=int(np.count_nonzero(tokens > self._encoder.max_tokens)))
        computed = np.minimum(tokens, self._encoder.max_tokens)
        for positions in pack(computed, self._encoder.call_tokens):
            yield _Batch(
                keys=[window[position][0] for position in positions],
                texts=[window[position][1] for position in positions],
                tokens=tokens[positions],
            )

    def _store(self, batch: _Batch, vectors: FloatArray) -> None:
        self._cache.put_many(self._encoder.fingerprint, batch.keys, vectors, batch.tokens)
        self._under_way.difference_update(batch.keys)
        self._count(encoded=len(batch.keys))
        self._tell()

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.report())

    def _count(self, *, seen: int = 0, encoded: int = 0, reused: int = 0, cut: int = 0) -> None:
        now = self._stats
        self._stats = replace(
            now,
            seen=now.seen + seen,
            encoded=now.encoded + encoded,
            reused=now.reused + reused,
            cut=now.cut + cut,
        )


def _windows(stream: Iterator[tuple[bytes, str]]) -> Iterator[list[tuple[bytes, str]]]:
    window: list[tuple[bytes, str]] = []
    characters = 0
    for key, text in stream:
        window.append((key, text))
        characters += len(text)
        if len(window) == _WINDOW or characters >= _WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window
