"""Order rows by a field instead of by score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..indexer.columns.base import TextColumn
from ..indexer.columns.read import Columns
from .facets import known_field

RowArray = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sort:
    """A field and a direction."""

    field: str
    direction: Literal["asc", "desc"] = "asc"

    @classmethod
    def parse(cls, text: str) -> Sort:
        """Read `price`, `price:asc` or `price:desc`.

        Raises:
            InputError: the direction is neither.
        """
        field, _, direction = text.partition(":")
        if direction not in ("", "asc", "desc"):
            raise InputError(f"sort {text!r}: the direction is asc or desc, as in price:asc")
        return cls(field, "desc" if direction == "desc" else "asc")


def sort_rows(rows: RowArray, sort: Sort, columns: Columns) -> RowArray:
    """Return the rows ordered by a field; those without it last; equals stay in their order.

    Raises:
        InputError: there is no such field.
    """
    name = known_field(sort.field, columns.fields)
    column = columns.column(name, columns.fields[name].kinds[0])
    keys = np.full(columns.capacity, np.nan)
    if isinstance(column, TextColumn):
        places = np.argsort(np.argsort(np.array(column.folded, dtype=object)))
        keys[column.rows] = places[column.codes]
    elif column is not None:
        keys[column.rows] = column.values
    wanted = keys[rows] if sort.direction == "asc" else -keys[rows]
    return rows[np.argsort(wanted, kind="stable")]  # numpy sorts nan last
