"""Helpers that write small sources and read them back."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from dsv3.indexer.product import Product
from dsv3.indexer.sources.fields import FieldMap
from dsv3.indexer.sources.products import SourceItem, read_items
from dsv3.indexer.sources.records import RawRecord, Rejected

Write = Callable[..., str]
Convert = Callable[..., list[Product]]


@dataclass(frozen=True, slots=True)
class SourceProduct:
    """Hold a product and where it was read."""

    product: Product
    source: str
    line: int


def read_products(specs: Sequence[str], **settings: Any) -> Iterator[SourceProduct | Rejected]:
    """Return the products of sources and the rejected records, as they stand."""
    return map(_converted, read_items(specs, **settings))


def _converted(item: SourceItem | Rejected) -> SourceProduct | Rejected:
    if isinstance(item, Rejected):
        return item
    try:
        return SourceProduct(item.to_product(), item.source, item.line)
    except Rejected as error:
        return error


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes content (text, bytes, or rows as JSON Lines) to a file."""

    def to_file(name: str, content: str | bytes | Sequence[Mapping[str, Any]]) -> str:
        if isinstance(content, str):
            content = content.encode()
        elif not isinstance(content, bytes):
            content = b"".join(orjson.dumps(row) + b"\n" for row in content)
        if name.endswith(".gz"):
            content = gzip.compress(content)
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return to_file


@pytest.fixture
def convert() -> Convert:
    """Return a function that recognises records and converts them all."""

    def to_products(*rows: Mapping[str, Any], **settings: Any) -> list[Product]:
        from dsv3.indexer.sources.convert import to_product

        records = [RawRecord("shop", line, row) for line, row in enumerate(rows, start=1)]
        fields = FieldMap.recognise(records, settings.pop("overrides", {}))
        return [to_product(record, fields, **settings) for record in records]

    return to_products


@pytest.fixture
def read() -> Callable[..., tuple[list[Product], list[Rejected]]]:
    """Return a function that reads products and the rejected records from sources."""

    def from_sources(*specs: str, **settings: Any) -> tuple[list[Product], list[Rejected]]:
        items = list(read_products(specs, **settings))
        products = [item.product for item in items if isinstance(item, SourceProduct)]
        return products, [item for item in items if isinstance(item, Rejected)]

    return from_sources
