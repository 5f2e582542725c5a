"""The kinds of products that a shop has, with a vector for each kind's name.

What a product is stands in the last part of its category, else in a product type among its
attributes. The vector of that name says how near a query is to the thing, whatever else the text of
the product says: "laptop" is nearer to "Notebooks" than to "Notebook cases".
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from ..encoder.base import Encoder, FloatArray
from ..encoder.corpus.cache import EmbeddingCache
from ..encoder.corpus.fill import fill_cache
from ..encoder.texts.text import text_key
from ..encoder.truncation import truncate
from .candidates import RowArray
from .columns.base import TextColumn
from .columns.read import Columns
from .lexical.analysis import Analysis

DERIVATION = 2
"""Raise this whenever the same products would give other kinds than before."""

FIELDS = ("category", "product_type", "producttype", "type_of_product", "produktart", "produkttyp")
"""Where a product's kind is looked for, the first first."""

_MOST = 20_000  # kinds with a vector; of more, the most frequent
_LONGEST = 80  # characters of a name
_SHORTEST_STEM = 4
_NAMES, _VECTORS, _ROWS = "names.json", "vectors.npy", "rows.npy"
_SEPARATOR = re.compile(r"\s*[>|]\s*|\s/\s")

KindArray = npt.NDArray[np.int32]


def kind_name(text: str) -> str:
    """Return the name of a kind: the last part of a category's path."""
    parts = [part for part in _SEPARATOR.split(text) if part.strip()]
    return parts[-1].strip()[:_LONGEST] if parts else ""


class Kinds:
    """Tells the kind of each product of a generation, and each kind's vector.

    Args:
        folder: where `write_kinds` wrote.
        analysis: how its texts are cut into terms.
    """

    def __init__(self, folder: Path, analysis: Analysis) -> None:
        names: list[str] = orjson.loads((folder / _NAMES).read_bytes())
        self.vectors: npt.NDArray[np.float16] = np.load(folder / _VECTORS)
        if len(self.vectors) != len(names):
            raise ValueError(f"{folder.name} has {len(names)} names, not {len(self.vectors)}")
        self.names = tuple(names)
        self._analysis = analysis
        self._terms: npt.NDArray[np.str_] | None = None
        self._of_row: KindArray = np.load(folder / _ROWS)
        if int(self._of_row.max(initial=-1)) >= len(names):
            raise ValueError(f"{folder.name}/{_ROWS} names kinds that are not there")

    def of(self, rows: RowArray) -> KindArray:
        """Return for each of (n,) rows the number of its kind; -1 where it has none."""
        found: KindArray = self._of_row[rows]
        return found

    def mask(self, kind: int) -> npt.NDArray[np.bool_]:
        """Return a mask by row of the products of a kind."""
        inside: npt.NDArray[np.bool_] = self._of_row == kind
        return inside

    def ending_in(self, term: str) -> npt.NDArray[np.bool_]:
        """Tell which kinds' names end in a term, alone or as the end of a compound."""
        ends: npt.NDArray[np.bool_] = np.strings.endswith(self._names_in_terms, term)
        if len(term) > _SHORTEST_STEM and term.endswith("e"):  # "phone", but "smartphon"
            ends |= np.strings.endswith(self._names_in_terms, term[:-1])
        return ends

    def other_names(self, term: str) -> npt.NDArray[np.bool_]:
        """Tell which kinds' names can say the same as a term: they are it, or do without it.

        "Notebook" may be what a laptop is called; "Laptop cases" only speak of laptops.
        """
        names = self._names_in_terms
        may: npt.NDArray[np.bool_] = (np.strings.find(names, term) < 0) | (names == f" {term}")
        return may

    @property
    def _names_in_terms(self) -> npt.NDArray[np.str_]:
        """Return each name as a space and its terms, joined by spaces."""
        if self._terms is None:
            cut = (self._analysis.terms(name) for name in self.names)
            self._terms = np.array([" " + " ".join(terms) for terms in cut], np.str_)
        return self._terms

    def similarities(self, query: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return how near each kind is to a query's (dim,) vector."""
        near: npt.NDArray[np.float32] = self.vectors.astype(np.float32) @ query
        return near


def write_kinds(
    folder: Path, columns: Columns, encoder: Encoder, cache: EmbeddingCache, dim: int
) -> None:
    """Write the kinds that the columns of a generation name.

    Args:
        folder: where to.
        columns: of the generation.
        encoder: the shop's.
        cache: of vectors; those of names that it lacks are computed.
        dim: leading dimensions that are kept.
    """
    counts: Counter[str] = Counter()
    for field in FIELDS:
        column = columns.column(field, "text")
        if isinstance(column, TextColumn):
            for text, count in zip(
                column.texts, np.bincount(column.codes, minlength=len(column.texts)), strict=True
            ):
                counts[kind_name(text)] += int(count)
    del counts[""]
    names = sorted(name for name, _ in counts.most_common(_MOST))
    folder.mkdir(parents=True)
    vectors: FloatArray = np.empty((0, dim), np.float32)
    if names:
        fill_cache(encoder, names, cache, workers=1)
        known = cache.vectors(encoder.fingerprint, [text_key(name) for name in names])
        vectors = truncate(known, dim, encoder.similarity)
    np.save(folder / _VECTORS, vectors.astype(np.float16))
    np.save(folder / _ROWS, _kinds_of_rows(columns, {name: n for n, name in enumerate(names)}))
    (folder / _NAMES).write_bytes(orjson.dumps(names))


def _kinds_of_rows(columns: Columns, numbers: dict[str, int]) -> KindArray:
    of_row = np.full(columns.capacity, -1, np.int32)
    for field in reversed(FIELDS):
        column = columns.column(field, "text")
        if isinstance(column, TextColumn):
            kinds = np.array([numbers.get(kind_name(text), -1) for text in column.texts], np.int32)
            known = kinds[column.codes] >= 0
            of_row[column.rows[known]] = kinds[column.codes[known]]
    return of_row
