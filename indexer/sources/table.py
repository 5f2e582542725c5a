"""Read a table of a database through SQLAlchemy, streaming."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Engine, MetaData, Table, create_engine, inspect, make_url, select
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from ...errors import InputError, MissingExtra
from .records import RawRecord, Rejected, SourceProgress

_FETCH_ROWS = 1000


def read_table(spec: str, progress: SourceProgress) -> Iterator[RawRecord | Rejected]:
    """Yield a record a row of the table in `spec`, such as "sqlite:///shop.db#products".

    Raises:
        InputError: the URL, the database or the table cannot be used.
        MissingExtra: the driver is not installed.

    """
    with _opened(spec) as (engine, table, name), engine.connect() as connection:
        rows = connection.execution_options(stream_results=True, yield_per=_FETCH_ROWS)
        query = select(table).order_by(*table.primary_key.columns)
        line = 0
        try:
            for row in rows.execute(query).mappings():
                line += 1
                yield RawRecord(name, line, {str(key): value for key, value in row.items()})
        except (SQLAlchemyError, ValueError) as error:
            reason = f"the rows from here on cannot be read ({_first_line(error)})"
            yield Rejected(reason, source=name, line=line + 1, ends=True)


def check_table(spec: str) -> None:
    """Raise what reading the table would raise, before anything is read."""
    with _opened(spec):
        pass


@contextmanager
def _opened(spec: str) -> Iterator[tuple[Engine, Table, str]]:
    address, _, table_name = spec.partition("#")
    url = _parse(address)
    shown = url.render_as_string(hide_password=True)
    if not table_name:
        raise InputError(f"{shown} names no table; add it at the end: {shown}#products")
    engine = _engine(url, shown)
    try:
        yield engine, _reflect(engine, table_name, shown), f"{shown}#{table_name}"
    except SQLAlchemyError as error:
        raise InputError(f"{shown} cannot be read ({_first_line(error)})") from error
    finally:
        engine.dispose()


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise InputError(f"{address} is not a database URL") from error
    # SQLite would make an empty database of a file that is missing.
    file = url.database if url.get_backend_name() == "sqlite" else None
    if url.get_backend_name() == "sqlite" and file in (None, "", ":memory:"):
        raise InputError(f"{address} names no file: a database in memory is empty")
    if file and not file.startswith("file:") and not Path(file).exists():
        raise InputError(f"there is no file {file}")
    return url


def _engine(url: URL, shown: str) -> Engine:
    try:
        return create_engine(url)
    except NoSuchModuleError as error:
        known = "sqlite:///shop.db#products or postgresql+psycopg://user@host/shop#products"
        raise InputError(f"{shown}: unknown kind of database; known are {known}") from error
    except ModuleNotFoundError as error:
        if url.get_backend_name() == "postgresql":
            raise MissingExtra("psycopg", "postgres", f"reading {shown}") from error
        raise InputError(f"reading {shown} needs the package {error.name}; install it") from error


def _reflect(engine: Engine, table_name: str, shown: str) -> Table:
    schema, _, bare = table_name.rpartition(".")
    inspector = inspect(engine)
    names = inspector.get_table_names(schema=schema or None)
    names += inspector.get_view_names(schema=schema or None)
    if bare not in names:
        listed = ", ".join(sorted(names)) or "none"
        raise InputError(f"{shown} has no table {table_name}; its tables are: {listed}")
    return Table(bare, MetaData(), schema=schema or None, autoload_with=engine)


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]
