"""The catalog in SQL: the one source of truth, with a change sequence.

Every change of a product takes the next number of the sequence, in the transaction that
writes the change; whatever is derived from the catalog remembers the number it has seen
and asks for the `changes` since. A deleted product leaves its row number behind, marked
deleted, so that those who derive learn of it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect

from ..errors import InputError, MissingExtra, RecordError, ShopError
from ..files import sqlite_fault, sqlite_to_read
from .known_fields import ATTRIBUTES, KNOWN_FIELDS, KnownField
from .product import Product, is_as_stored, plain_product, product_digest

if TYPE_CHECKING:
    from types import TracebackType

FORMAT = 1
_BATCH = 1000
_BUSY = 60  # seconds a connection waits for another one's transaction
_T = TypeVar("_T")

_metadata = sa.MetaData()
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "number": sa.Float(53),
    "boolean": sa.Boolean(),
}


def _column(field: KnownField) -> sa.Column[Any]:
    kind = sa.JSON() if field.several else _TYPES[field.kind]
    unique = field.name == "product_id" or None
    return sa.Column(field.name, kind, nullable=field.optional, unique=unique)


_products = sa.Table(
    "products",
    _metadata,
    sa.Column("row", sa.Integer, primary_key=True, autoincrement=True),
    *map(_column, KNOWN_FIELDS),
    sa.Column(ATTRIBUTES, sa.JSON, nullable=False),
    sa.Column("source_digest", sa.LargeBinary),
    sa.Column("content_digest", sa.LargeBinary, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False, index=True),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sqlite_autoincrement=True,
)

_state = sa.Table(
    "state",
    _metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
)

# A random mark for each transaction, by the last change number it took: two copies of a catalog
# that were both written since have different marks.
_marks = sa.Table(
    "marks",
    _metadata,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("mark", sa.BigInteger, nullable=False),
)
MARKED = 100_000  # changes whose marks are kept

_PRODUCT_FIELDS = tuple(each.name for each in fields(Product))
_PRODUCT_COLUMNS = [_products.c[name] for name in _PRODUCT_FIELDS]


@dataclass(frozen=True, slots=True)
class Change:
    """The latest change of one product; `product` is None where it was deleted."""

    sequence: int
    row: int
    product_id: str
    product: Product | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What decides whether a product has to be written again."""

    row: int
    source_digest: bytes | None
    content_digest: bytes
    deleted: bool


@dataclass(frozen=True, slots=True)
class Incoming:
    """A product to be written, with the digest of the record it was read from.

    Attributes:
        checked: `check_product` has taken it, and need not be asked again.
    """

    product: Product
    source_digest: bytes | None = None
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Upserted:
    """What an upsert did; `rows` are the row numbers of all products given."""

    added: int
    changed: int
    unchanged: int
    rows: tuple[int, ...]


Mode = Literal["create", "write", "read"]


class NoCatalog(ShopError):  # noqa: N818 - reads as the condition it names
    """That there is no catalog where one was to be opened."""


class Catalog:
    """Keeps products in SQLite or PostgreSQL.

    Args:
        url: an SQLAlchemy URL, or a path that names an SQLite file.
        mode: "create" makes what is missing; "write" opens what is there; "read" moreover
            writes nothing, no file beside an SQLite one either, unless a writer is at work.

    Raises:
        InputError: `url` is no URL, or names a database in memory.
        NoCatalog: there is none, and `mode` is not "create".
        ShopError: the database cannot be reached, or is of a newer format.
        MissingExtra: the database's driver is not installed.
    """

    def __init__(self, url: str | Path, *, mode: Mode = "create") -> None:
        self.url = _url(url)
        self.file: tuple[int, int] | None = None  # device and inode of an SQLite file
        try:
            self._engine = _engine(self.url, mode)
            if self.url.get_backend_name() == "sqlite":
                sa.event.listen(self._engine, "connect", self._see_file)
            sa.event.listen(self._engine, "handle_error", _tell_damage)
            try:
                self._prepare(mode)
            except BaseException:
                self.close()
                raise
        except ModuleNotFoundError as error:
            raise MissingExtra(str(error.name), "postgres", "A PostgreSQL catalog") from None
        except sa.exc.DBAPIError as error:
            raise ShopError(
                f"catalog {self.url.render_as_string(hide_password=True)} cannot be opened: "
                f"{_first_line(error)}"
            ) from None

    def _prepare(self, mode: Mode) -> None:
        """Create the tables where they are missing and may be made."""
        with self._engine.connect() as connection:
            ready = sa.inspect(connection).has_table(_state.name)
            found = _read_state(connection, "format") if ready else None
        if found is None and mode != "create":
            where = self.url.render_as_string(hide_password=True)
            raise NoCatalog(f"there is no catalog at {where}")
        if found is None:
            if self._engine.dialect.name == "sqlite":
                with self._engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # a lasting one
            _metadata.create_all(self._engine)
            with self._engine.begin() as connection:
                first = {"format": FORMAT, "sequence": 0, "identity": secrets.randbits(62)}
                statement = self._dialect.insert(_state).on_conflict_do_nothing()
                connection.execute(statement, [{"name": n, "value": v} for n, v in first.items()])
        elif found > FORMAT:
            raise ShopError(
                f"the catalog has format {found}, this dsv3 reads up to {FORMAT}; upgrade dsv3"
            )

    def _see_file(self, _connection: object, _record: object) -> None:
        """See that every connection is to one file, whatever its name is given to meanwhile."""
        path = Path(self.url.database or "")
        try:
            status = path.stat()
        except OSError as error:
            raise ShopError(f"{path} cannot be read: {error.strerror or error}") from None
        if self.file is None:
            self.file = status.st_dev, status.st_ino
        elif self.file != (status.st_dev, status.st_ino):
            raise ShopError(f"{path} was replaced while it was in use; run the command again")

    @property
    def _dialect(self) -> Any:
        return postgresql if self._engine.dialect.name == "postgresql" else sqlite_dialect

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """Open a transaction that no other writer interleaves with."""
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(
                    sa.select(_state.c.value).where(_state.c.name == "sequence").with_for_update()
                )
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    # -- writing ---------------------------------------------------------------------------

    def upsert(self, products: Iterable[Product | Incoming]) -> Upserted:
        """Write products; those whose content is already stored cost no change number.

        Within one call the last product of an id wins. Each thousand is one transaction.

        Raises:
            RecordError: one cannot be indexed (see `check_product`); of its thousand none is
                written.
        """
        added = changed = unchanged = 0
        rows: list[int] = []
        for batch in _batches(products, _BATCH):
            incoming = {i.product.product_id: i for i in map(_checked, batch)}
            done = self._upsert_batch(incoming)
            added, changed = added + done.added, changed + done.changed
            unchanged += done.unchanged
            rows.extend(done.rows)
        return Upserted(added, changed, unchanged, tuple(rows))

    def _upsert_batch(self, incoming: dict[str, Incoming]) -> Upserted:
        with self._writing() as connection:
            known = _entries(connection, list(incoming))
            sequence = _read_state(connection, "sequence") or 0
            values: list[dict[str, Any]] = []
            touched: list[dict[str, Any]] = []
            added = 0
            for product_id, item in incoming.items():
                digest = product_digest(item.product)
                entry = known.get(product_id)
                if entry is not None and not entry.deleted and entry.content_digest == digest:
                    if entry.source_digest != item.source_digest:
                        touched.append({"_row": entry.row, "_digest": item.source_digest})
                    continue
                added += entry is None or entry.deleted
                sequence += 1
                values.append(_values(item, digest, sequence))
            if values:
                connection.execute(self._upsert_statement(), values)
                _advance(connection, sequence)
            if touched:
                connection.execute(
                    _products.update()
                    .where(_products.c.row == sa.bindparam("_row"))
                    .values(source_digest=sa.bindparam("_digest")),
                    touched,
                )
            written = _entries(connection, list(incoming))
            rows = tuple(written[product_id].row for product_id in incoming)
        return Upserted(added, len(values) - added, len(incoming) - len(values), rows)

    def _upsert_statement(self) -> Any:
        insert = self._dialect.insert(_products)
        return insert.on_conflict_do_update(
            index_elements=["product_id"],
            set_={
                column.name: insert.excluded[column.name]
                for column in _products.columns
                if column.name not in ("row", "product_id")
            },
        )

    def delete(self, product_ids: Iterable[str]) -> int:
        """Delete products; ids that are not there are passed over. Returns how many went."""
        deleted = 0
        for batch in _batches(product_ids, _BATCH):
            with self._writing() as connection:
                known = _entries(connection, batch)
                rows = [entry.row for entry in known.values() if not entry.deleted]
                self._delete_rows(connection, rows)
                deleted += len(rows)
        return deleted

    def delete_rows(self, rows: Iterable[int]) -> int:
        """Delete products by row number. Returns how many went."""
        deleted = 0
        for batch in _batches(rows, _BATCH):
            with self._writing() as connection:
                self._delete_rows(connection, batch)
                deleted += len(batch)
        return deleted

    def _delete_rows(self, connection: sa.Connection, rows: Sequence[int]) -> None:
        if not rows:
            return
        sequence = _read_state(connection, "sequence") or 0
        connection.execute(
            _products.update()
            .where(_products.c.row == sa.bindparam("_row"))
            .values(
                deleted=True,
                sequence=sa.bindparam("_sequence"),
                source_digest=None,
                description="",
                attributes={},
                codes=[],
            ),
            [{"_row": row, "_sequence": sequence + i} for i, row in enumerate(rows, 1)],
        )
        _advance(connection, sequence + len(rows))

    # -- reading ---------------------------------------------------------------------------

    def __len__(self) -> int:
        with self._engine.connect() as connection:
            count = sa.select(sa.func.count()).select_from(_products).where(~_products.c.deleted)
            return int(connection.execute(count).scalar_one())

    @property
    def sequence(self) -> int:
        """Return the number of the latest change; 0 where nothing was ever written."""
        with self._engine.connect() as connection:
            return _read_state(connection, "sequence") or 0

    @property
    def identity(self) -> int:
        """Return the random number that this catalog was given when made; 0 if none was."""
        with self._engine.connect() as connection:
            return _read_state(connection, "identity") or 0

    def mark(self, sequence: int) -> int | None:
        """Return the mark of the transaction that ended with a change; None where none is known."""
        with self._engine.connect() as connection:
            if not sa.inspect(connection).has_table(_marks.name):
                return None
            marked = sa.select(_marks.c.mark).where(_marks.c.sequence == sequence)
            return connection.execute(marked).scalar_one_or_none()

    def renew_identity(self) -> None:
        """Take another identity, so that nothing that was derived before fits any more."""
        with self._writing() as connection:
            insert = self._dialect.insert(_state).values(
                name="identity", value=secrets.randbits(62)
            )
            renewed = {"value": insert.excluded.value}
            connection.execute(insert.on_conflict_do_update(index_elements=["name"], set_=renewed))

    def entries(self, product_ids: Sequence[str]) -> dict[str, Entry]:
        """Return digests and rows of those ids that are known, deleted ones too."""
        with self._engine.connect() as connection:
            return _entries(connection, product_ids)

    def get(self, product_ids: Sequence[str]) -> list[Product | None]:
        """Return the products in the order asked for, None where one is not there."""
        with self._engine.connect() as connection:
            found = _select_by(connection, _products.c.product_id, product_ids)
        return [found.get(product_id) for product_id in product_ids]

    def get_rows(self, rows: Sequence[int]) -> list[Product | None]:
        """Return the products of those row numbers, None where one is not there."""
        with self._engine.connect() as connection:
            found = _select_by(connection, _products.c.row, rows)
        return [found.get(row) for row in rows]

    def changes(self, since: int = 0) -> Iterator[Change]:
        """Stream the latest change of each product changed after `since`, oldest first.

        Raises:
            ShopError: one is no longer what was stored, or, where all are asked for, SQLite's own
                check finds the file damaged: by a damaged index products would be passed over.
        """
        if not since and self.url.get_backend_name() == "sqlite":
            fault = sqlite_fault(Path(str(self.url.database)))
            if fault:
                raise _damaged(fault)
        for change, whole in self._changes(since):
            if not whole:
                raise ShopError(
                    f"product {change.product_id[:60]!r} is not as the catalog stored it: put a "
                    "copy of the catalog back, or delete the product and read it again; the "
                    "damaged products and the commands are told by: dsv3 info --check SHOP"
                )
            yield change

    def damaged(self) -> Iterator[str]:
        """Stream the ids of the products that are no longer what was stored."""
        return (change.product_id for change, whole in self._changes(0) if not whole)

    def _changes(self, since: int) -> Iterator[tuple[Change, bool]]:
        """Stream changes, and whether each is what was stored."""
        of = _products.c
        columns = [of.sequence, of.row, of.deleted, of.content_digest, of.source_digest]
        statement = sa.select(*columns, *_PRODUCT_COLUMNS).order_by(of.sequence)
        if since:  # a damaged number is none that can be told from others
            statement = statement.where(of.sequence > since)
        with self._engine.connect() as connection:
            streamed = connection.execution_options(yield_per=_BATCH).execute(statement)
            for sequence, row, deleted, digest, source_digest, *values in streamed:
                product = _product(values)
                if deleted:  # what was deleted was emptied
                    emptied = (product.description, product.codes, product.attributes)
                    whole = source_digest is None and not any(emptied)
                    yield Change(sequence, row, product.product_id, None), whole
                else:
                    whole = is_as_stored(product, digest)
                    yield Change(sequence, row, product.product_id, product), whole

    def live_rows(self) -> Iterator[int]:
        """Stream the row numbers of the products that are there."""
        statement = sa.select(_products.c.row).where(~_products.c.deleted).order_by(_products.c.row)
        with self._engine.connect() as connection:
            yield from connection.execution_options(yield_per=10_000).execute(statement).scalars()

    def products(self) -> Iterator[Product]:
        """Stream all products, in row order."""
        statement = (
            sa.select(*_PRODUCT_COLUMNS).where(~_products.c.deleted).order_by(_products.c.row)
        )
        with self._engine.connect() as connection:
            for values in connection.execution_options(yield_per=_BATCH).execute(statement):
                yield _product(values)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def __enter__(self) -> Catalog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _url(url: str | Path) -> sa.URL:
    if isinstance(url, Path):
        return sa.URL.create("sqlite", database=str(url))
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise InputError(
            f"the catalog {url.rpartition('@')[2]!r} is no database URL such as "
            "sqlite:///shop.db or postgresql+psycopg://user@host/shop"
        ) from None
    if found.get_backend_name() == "sqlite":
        file = found.database or ""
        if file in ("", ":memory:") or "mode=memory" in url or file.startswith("file::memory:"):
            raise InputError(f"the catalog {url} would be lost with the process; name a file")
        if file.startswith("file:") or found.query:
            raise InputError(f"the catalog {url}: name its file alone, as in sqlite:///shop.db")
    return found


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _engine(url: sa.URL, mode: Mode) -> sa.Engine:
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ShopError(f"a catalog lives in sqlite or postgresql, not in {url.get_backend_name()}")
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": _from_json,
    }
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, **options)
    if mode == "create":
        engine = sa.create_engine(url, **options)
        sa.event.listen(engine, "connect", _prepare_to_write)
        return engine
    path = Path(url.database or "")
    if not path.is_file():
        raise NoCatalog(f"there is no catalog at {path}")
    if mode == "write":
        engine = sa.create_engine(url, **options, creator=lambda: _connect(path, "mode=rw"))
        sa.event.listen(engine, "connect", _prepare_to_write)
        return engine
    # No connection is kept: each is opened in the way that suits the moment.
    pool = sa.pool.NullPool
    return sa.create_engine(url, **options, creator=lambda: sqlite_to_read(path), poolclass=pool)


def _tell_damage(context: sa.engine.ExceptionContext) -> None:
    """Say in one line that SQLite found its file damaged, whatever was being done."""
    error = context.original_exception
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)  # none where the driver itself found it
        damaged = code in _DAMAGED or "decode" in str(error)
    else:
        damaged = isinstance(error, UnicodeDecodeError)
    if damaged:
        raise _damaged(error) from None


_RESTORE = (
    "put a copy back, or move it away and read the sources anew with: "
    "dsv3 index SOURCE --into SHOP --adopt-catalog"
)


def _damaged(error: object) -> ShopError:
    return ShopError(f"the catalog is damaged ({error}): {_RESTORE}")


def _from_json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _damaged(error) from None


def _connect(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY, check_same_thread=False)


def _prepare_to_write(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by us, with BEGIN IMMEDIATE
    cursor = connection.cursor()
    try:
        for pragma in ("synchronous = FULL", f"busy_timeout = {_BUSY * 1000}"):
            cursor.execute(f"PRAGMA {pragma}")
    except UnicodeDecodeError as error:  # in what SQLite says of the damage
        raise _damaged(error) from None
    cursor.close()


def _read_state(connection: sa.Connection, name: str) -> int | None:
    return connection.execute(
        sa.select(_state.c.value).where(_state.c.name == name)
    ).scalar_one_or_none()


def _write_state(connection: sa.Connection, name: str, value: int) -> None:
    connection.execute(_state.update().where(_state.c.name == name).values(value=value))


def _advance(connection: sa.Connection, sequence: int) -> None:
    """Write the number of the last change, and a mark of the transaction that made it."""
    _write_state(connection, "sequence", sequence)
    _marks.create(connection, checkfirst=True)  # catalogs of dsv3 0.1 have none
    connection.execute(_marks.insert(), {"sequence": sequence, "mark": secrets.randbits(62)})
    connection.execute(_marks.delete().where(_marks.c.sequence < sequence - MARKED))


def _entries(connection: sa.Connection, product_ids: Sequence[str]) -> dict[str, Entry]:
    columns = _products.c
    statement = sa.select(
        columns.product_id,
        columns.row,
        columns.source_digest,
        columns.content_digest,
        columns.deleted,
    ).where(columns.product_id.in_(product_ids))
    return {
        product_id: Entry(row, source, content, deleted)
        for product_id, row, source, content, deleted in connection.execute(statement)
    }


def _select_by(
    connection: sa.Connection, column: sa.Column[Any], keys: Sequence[Any]
) -> dict[Any, Product]:
    found: dict[Any, Product] = {}
    for batch in _batches(keys, _BATCH):
        statement = sa.select(column, *_PRODUCT_COLUMNS).where(
            column.in_(batch), ~_products.c.deleted
        )
        for key, *values in connection.execute(statement):
            found[key] = _product(values)
    return found


def _product(values: Sequence[Any]) -> Product:
    named = dict(zip(_PRODUCT_FIELDS, values, strict=True))
    try:
        return Product(
            **named
            | {
                "codes": tuple(named["codes"]),
                "attributes": {
                    name: tuple(value) if isinstance(value, list) else value
                    for name, value in named["attributes"].items()
                },
            }
        )
    except (TypeError, AttributeError) as error:
        raise _damaged(error) from None


def _values(item: Incoming, digest: bytes, sequence: int) -> dict[str, Any]:
    product = item.product
    values: dict[str, Any] = {name: getattr(product, name) for name in _PRODUCT_FIELDS}
    return values | {
        "codes": list(product.codes),
        "attributes": dict(product.attributes),
        "source_digest": item.source_digest,
        "content_digest": digest,
        "sequence": sequence,
        "deleted": False,
    }


def _checked(item: Product | Incoming) -> Incoming:
    if isinstance(item, Incoming) and item.checked:
        return item
    given, digest = (
        (item.product, item.source_digest) if isinstance(item, Incoming) else (item, None)
    )
    try:
        return Incoming(plain_product(given), digest)
    except RecordError as error:
        name = repr(getattr(given, "product_id", None))[:60]
        raise RecordError(f"product {name} cannot be stored: {error.reason}") from None


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _first_line(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if error.orig else str(error).splitlines()[0]
