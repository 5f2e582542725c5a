"""What a click log has proved: products that shoppers choose for a query, whatever it says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import orjson

from ..errors import ShopError
from ..files import identity, named, write_whole
from ..indexer.candidates import EMPTY, Candidates
from ..indexer.lexical.analysis import normalise_code
from ..indexer.snapshot import Snapshot
from ..indexer.typed import typed
from .rules.matching import plain

MOST = 10
"""Products that a query has at most."""

_FORMAT = 1
_log = logging.getLogger(__name__)
_State = tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class Associations:
    """Which products shoppers choose for which queries.

    Attributes:
        queries: query, as `plain` writes it → product id → how sure it is: what at least is the
            share of shoppers who choose it once they have seen it, above 0 and at most 1.
        format: of the file.
    """

    queries: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    format: int = _FORMAT

    def __bool__(self) -> bool:
        return bool(self.queries)

    def of(self, text: str, snapshot: Snapshot) -> Candidates:
        """Return the rows of a query's products that the generation has, the surest first."""
        known = self.queries.get(plain(text))
        if not known:
            return EMPTY
        rows = snapshot.lexical.rows_of_codes([normalise_code(each) for each in known])
        products = snapshot.products.get_rows(rows.tolist())
        sure = np.array([known.get(p.product_id, 0) if p else 0 for p in products], np.float32)
        return Candidates.ordered(rows[sure > 0], sure[sure > 0])


class AssociationsFile:
    """Gives what a file says now; looking costs one call of `stat`.

    One that cannot be read is passed over with a warning, and what it said before holds on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: _State = None
        self._held = Associations()

    def read(self) -> Associations:
        """Return the associations; the same object until the file changes."""
        state = identity(self._path)
        if state != self._state:
            self._state = state
            try:
                self._held = Associations() if state is None else read_associations(self._path)
            except ShopError as error:
                _log.warning("%s", error)
        return self._held


def read_associations(path: Path) -> Associations:
    """Read what `write_associations` wrote.

    Raises:
        ShopError: it cannot be read, or is no such file.
    """
    try:
        found = typed(Associations, orjson.loads(path.read_bytes()))
    except OSError as error:
        raise ShopError(f"{named(path)} cannot be read: {error.strerror}") from None
    except (orjson.JSONDecodeError, TypeError):  # whose words may be a query's
        raise ShopError(_misfit(path)) from None
    values = (value for of in found.queries.values() for value in of.values())
    if found.format != _FORMAT or not all(0 < value <= 1 for value in values):
        raise ShopError(_misfit(path))
    return found


def _misfit(path: Path) -> str:
    return f"{named(path)} is not what dsv3 tune --clicks writes; remove it, or tune again"


def write_associations(path: Path, found: Associations) -> None:
    """Write associations where `AssociationsFile` reads them, whole or not at all."""
    write_whole(path, orjson.dumps(asdict(found)))
