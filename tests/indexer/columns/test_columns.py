from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from dsv3 import Product
from dsv3.indexer.columns import write
from dsv3.indexer.columns.base import NumberColumn, RowArray, TextColumn
from dsv3.indexer.columns.read import Columns
from dsv3.indexer.columns.values import field_values
from dsv3.indexer.columns.write import ColumnsWriter
from hypothesis import given, settings
from hypothesis import strategies as st

values = st.one_of(
    st.text(max_size=5),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(st.text(max_size=3), max_size=3).map(tuple),
)
products = st.dictionaries(st.sampled_from("abc"), values).map(
    lambda attributes: Product("p", "t", attributes=attributes)
)
catalogs = st.dictionaries(st.integers(0, 40), products, max_size=12)

Values = set[tuple[int, str, str, str | float | bool]]


def write_columns(
    folder: Path,
    products: Iterable[tuple[int, Product]],
    *,
    previous: Columns | None = None,
    changed: RowArray | None = None,
) -> None:
    with ColumnsWriter(folder) as writer:
        for row, product in products:
            writer.add(row, product)
        if previous is not None and changed is not None:
            writer.keep(previous, changed)
        writer.finish()


def values_of(products: dict[int, Product]) -> Values:
    return {
        (row, name, kind, value)
        for row, product in products.items()
        for name, kind, value in field_values(product)
    }


def values_in(columns: Columns) -> Values:
    found: Values = set()
    for name, field in columns.fields.items():
        for kind in field.counts:
            column = columns.column(name, kind)
            if isinstance(column, TextColumn):
                texts = [column.texts[code] for code in column.codes]
                found |= {(int(r), name, kind, t) for r, t in zip(column.rows, texts, strict=True)}
            elif column is not None:
                pairs = zip(column.rows.tolist(), column.values.tolist(), strict=True)
                found |= {(row, name, kind, value) for row, value in pairs}
    return found


@settings(max_examples=40, deadline=None)
@given(first=catalogs, second=catalogs, flush=st.sampled_from([1, 5, 1000]))
def test_an_update_equals_a_rewrite(
    tmp_path_factory: pytest.TempPathFactory,
    first: dict[int, Product],
    second: dict[int, Product],
    flush: int,
) -> None:
    folder = tmp_path_factory.mktemp("columns")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "_FLUSH_VALUES", flush)
        write_columns(folder / "old", first.items())
        changed = np.array(list(second), np.int64)
        old = Columns(folder / "old")
        write_columns(folder / "new", second.items(), previous=old, changed=changed)
    assert values_in(Columns(folder / "old")) == values_of(first)
    assert values_in(Columns(folder / "new")) == values_of({**first, **second})


def test_values_of_several_kinds_stand_side_by_side(tmp_path: Path) -> None:
    heavy = Product("a", "A", attributes={"weight": "15 kg"})
    light = Product("b", "B", attributes={"weight": 1.5})
    write_columns(tmp_path, [(0, heavy), (7, light)])
    columns = Columns(tmp_path)
    assert columns.fields["weight"].counts == {"text": 1, "number": 1}
    numbers = columns.column("weight", "number")
    assert isinstance(numbers, NumberColumn)
    assert (numbers.rows.tolist(), numbers.values.tolist()) == ([7], [1.5])
    assert columns.capacity == 8
    assert columns.live_rows.tolist() == [0, 7]


def test_an_attribute_never_hides_a_known_field(tmp_path: Path) -> None:
    product = Product("a", "A", brand="Tarnwell", attributes={"brand": "other"})
    write_columns(tmp_path, [(0, product)])
    columns = Columns(tmp_path)
    brand, attribute = (columns.column(n, "text") for n in ("brand", "attribute_brand"))
    assert isinstance(brand, TextColumn)
    assert isinstance(attribute, TextColumn)
    assert (brand.texts, attribute.texts) == (("Tarnwell",), ("other",))


def test_an_empty_shop_has_its_known_fields(tmp_path: Path) -> None:
    write_columns(tmp_path, [])
    columns = Columns(tmp_path)
    assert columns.capacity == 0
    assert columns.column("price", "number") is None
    assert "price" in columns.fields
