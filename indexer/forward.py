"""The terms of each product's title, category and brand by row, for features of a ranking.

An inverted index tells which products have a term; a forward index which terms a product has. Terms
are kept as 32-bit digests, in one file that a generation shares with the last one where no text
changed. Where some did, theirs are added behind the old ones, until half of the file is dead.
"""

from __future__ import annotations

import re
import shutil
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from ..closing import Closing
from ..files import link_file
from .candidates import RowArray
from .lexical.analysis import Analysis
from .product import Product

DERIVATION = 2
"""Raise this whenever the same product would give other terms than before."""

TermArray = npt.NDArray[np.uint32]

_TERMS = "terms.u32"
_PLACES = "places.npy"
_PLACE = np.dtype(
    [("start", "<i8"), ("title", "<u2"), ("head", "<u2"), ("category", "<u2"), ("brand", "<u2")]
)
_LENGTHS = (_PLACE.names or ())[1:]
_TEXTS = tuple(name for name in _LENGTHS if name != "head")  # which stand one behind the other
_LONGEST_TITLE, _LONGEST_CATEGORY, _LONGEST_BRAND = 40, 12, 6  # terms
_FLUSH_TERMS = 1 << 20
_MOST_DEAD = 0.5
# What stands behind these is what a product goes with or has, not what it is.
_BEHIND = re.compile(
    r"[(\[,;|/]|\s[-\u2013\u2014]\s|\b(?:for|f/|fits|with|w/|incl|including|compatible|suitable"
    r"|für|mit|passend|pour|avec|voor|met|para|con|per|till|för|til|med)\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*[>|]\s*|\s/\s")


def term_digest(term: str) -> int:
    """Return the 32-bit digest of a term; never 0, which stands for none."""
    return zlib.crc32(term.encode()) or 1


@dataclass(frozen=True, slots=True)
class TermsOf:
    """The terms of some products, side by side; 0 where a product has no more of them.

    Attributes:
        title: (n, length) in order.
        head: (n,) how many of a title's terms stand before "for", "with", a comma or a bracket.
        category: (n, length) of the last part of the category's path.
        brand: (n, length).
    """

    title: TermArray
    head: npt.NDArray[np.uint16]
    category: TermArray
    brand: TermArray


class ForwardIndex:
    """Reads what `ForwardWriter` wrote. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.places: npt.NDArray[Any] = np.load(folder / _PLACES)
        if self.places.dtype != _PLACE:
            raise ValueError(f"{folder.name}/{_PLACES} is no table of places")
        file = folder / _TERMS
        size = file.stat().st_size // 4
        self.terms: TermArray = np.memmap(file, np.uint32, "r") if size else np.empty(0, np.uint32)
        used = self.places["start"] + _lengths(self.places)
        if size < int(used.max(initial=0)):
            raise ValueError(f"{folder.name}/{_TERMS} is cut short")

    def of(self, rows: RowArray) -> TermsOf:
        """Return the terms of (n,) rows."""
        places = self.places[rows]
        title, category, brand = (places[name].astype(np.int64) for name in _TEXTS)
        start = places["start"]
        return TermsOf(
            self._gather(start, title),
            places["head"],
            self._gather(start + title, category),
            self._gather(start + title + category, brand),
        )

    def _gather(self, start: RowArray, length: RowArray) -> TermArray:
        across = np.arange(int(length.max(initial=0)))
        there = across < length[:, None]
        found = np.zeros(there.shape, np.uint32)
        found[there] = self.terms[(start[:, None] + across)[there]]
        return found


class ForwardWriter(Closing):
    """Writes terms product by product, beside those that a last generation has."""

    def __init__(
        self, folder: Path, analysis: Analysis, *, previous: ForwardIndex | None = None
    ) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._previous = previous
        self._analysis = analysis
        self._cached = lru_cache(maxsize=4096)(self._cut)  # categories and brands repeat
        self._rows = array("q")
        self._lengths = array("H")
        self._terms = array("I")
        self._file: IO[bytes] | None = None

    def add(self, row: int, product: Product) -> None:
        """Add a product's terms, in the place of its row's last ones."""
        behind = _BEHIND.search(product.title, 1)
        cut = len(product.title) if behind is None else behind.start()
        head = self._cut(product.title[:cut])[:_LONGEST_TITLE]
        title = [*head, *self._cut(product.title[cut:])][:_LONGEST_TITLE]
        last = _SEPARATOR.split(product.category)[-1] if product.category else ""
        category = self._cached(last)[:_LONGEST_CATEGORY]
        brand = self._cached(product.brand or "")[:_LONGEST_BRAND]
        self._rows.append(row)
        self._lengths.extend((len(title), len(head), len(category), len(brand)))
        self._terms.extend(_digests((*title, *category, *brand)))
        if len(self._terms) >= _FLUSH_TERMS:
            self._flush()

    def _cut(self, text: str) -> list[str]:
        return self._analysis.analyzer.analyze(self._analysis.prepare(text)) if text else []

    def finish(self, deleted: RowArray) -> None:
        """Make the folder one that `ForwardIndex` opens, without the deleted rows."""
        rows = np.frombuffer(self._rows, np.int64)
        old = np.empty(0, _PLACE) if self._previous is None else self._previous.places
        capacity = max(len(old), int(rows.max(initial=-1)) + 1)
        places = np.zeros(capacity, _PLACE)
        places[: len(old)] = old
        places[deleted[deleted < capacity]] = np.zeros((), _PLACE)
        if self._previous is not None and not len(rows):
            link_file(self._previous.folder / _TERMS, self._folder / _TERMS)
        else:
            self._flush()
            new = np.zeros(len(rows), _PLACE)
            for name, lengths in zip(
                _LENGTHS,
                np.frombuffer(self._lengths, np.uint16).reshape(-1, 4).T,
                strict=True,
            ):
                new[name] = lengths
            places[rows] = new  # of old terms those that are replaced are dead now
            start = self._append(places, rows)
            ends = start + np.cumsum(_lengths(new))
            places["start"][rows] = ends - _lengths(new)
        np.save(self._folder / _PLACES, places)
        self.close()

    def close(self) -> None:
        """Close the file; without `finish` it is no forward index."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _flush(self) -> None:
        if self._file is None:
            self._file = (self._folder / "new").open("w+b")
        self._terms.tofile(self._file)
        del self._terms[:]

    def _append(self, places: npt.NDArray[Any], new: RowArray) -> int:
        """Put the new terms behind those of the last generation; return where they begin."""
        if self._file is None:
            raise ValueError("nothing was written")
        self._file.seek(0)
        with (self._folder / _TERMS).open("wb") as file:
            begin = 0 if self._previous is None else self._take_over(file, places, new)
            shutil.copyfileobj(self._file, file, 1 << 20)
        (self._folder / "new").unlink()
        return begin

    def _take_over(self, file: IO[bytes], places: npt.NDArray[Any], new: RowArray) -> int:
        previous = self._previous
        if previous is None:
            return 0
        kept = np.ones(len(places), np.bool_)
        kept[new] = False
        alive = np.flatnonzero(kept & (_lengths(places) > 0))
        lengths = _lengths(places[alive])
        if int(lengths.sum()) >= _MOST_DEAD * len(previous.terms):
            previous.terms.tofile(file)
            return len(previous.terms)
        for place, length in zip(alive.tolist(), lengths.tolist(), strict=True):
            start = int(places["start"][place])
            previous.terms[start : start + length].tofile(file)
        places["start"][alive] = np.cumsum(lengths) - lengths
        return int(lengths.sum())


def _lengths(places: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return how many terms stand at each place."""
    lengths: npt.NDArray[np.int64] = sum(
        (places[name].astype(np.int64) for name in _TEXTS), np.zeros(len(places), np.int64)
    )
    return lengths


_digest = lru_cache(maxsize=1 << 16)(term_digest)


def _digests(terms: Iterable[str]) -> Iterable[int]:
    return map(_digest, terms)
