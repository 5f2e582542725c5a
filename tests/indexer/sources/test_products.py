from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dsv3.errors import InputError, RecordError
from dsv3.indexer.sources.fields import FieldMap
from dsv3.indexer.sources.products import SourceItem, read_items, record_digest
from dsv3.indexer.sources.records import RawRecord, Rejected, SourceProgress
from dsv3.indexer.sources.rejected import RejectedFile

from .conftest import SourceProduct, read_products

ROWS = [{"id": str(n), "title": f"Product {n}", "price": n} for n in range(300)]


def digests(*specs: str, **settings: Any) -> dict[str, bytes]:
    items = list(read_items(specs, **settings))
    return {item.product_id: item.digest for item in items if isinstance(item, SourceItem)}


def test_products_come_in_order_with_where_they_stood(write: Any) -> None:
    first = write("a.jsonl", ROWS)
    second = write("b.csv", "sku,name\nx1,Lamp\n")
    seen: list[tuple[str, FieldMap]] = []
    items = list(read_products([first, second], on_recognised=lambda *both: seen.append(both)))
    assert [spec for spec, _ in seen] == [first, second]
    assert len(items) == 301
    assert isinstance(items[299], SourceProduct)
    assert (items[299].source, items[299].line) == (first, 300)
    last = items[300]
    assert isinstance(last, SourceProduct)
    assert (last.product.product_id, last.product.title, last.line) == ("x1", "Lamp", 2)


def test_bad_records_keep_their_place(write: Any) -> None:
    lines = [
        '{"id": 1, "title": "a"}',
        "oops",
        '{"id": 2}',
        '{"title": "c", "price": "x"}',
    ]
    items = list(read_products([write("a.jsonl", "\n".join(lines))]))
    assert [type(item) for item in items] == [SourceProduct, Rejected, Rejected, Rejected]
    assert all(isinstance(item, RecordError) for item in items[1:])
    assert [item.line for item in items] == [1, 2, 3, 4]


def test_missing_source_is_an_error_before_anything_is_read(write: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no file"):
        read_products([write("a.jsonl", ROWS), str(tmp_path / "none.jsonl")])


def test_source_without_records_gives_nothing(write: Any) -> None:
    assert list(read_products([write("a.jsonl", "")])) == []
    (only,) = read_products([write("b.jsonl", "oops\n")])
    assert isinstance(only, Rejected)


def test_unreadable_lines_are_not_held_back(write: Any) -> None:
    spec = write("a.jsonl", "oops\n" * 9000 + '{"id": 1, "title": "a"}\n' + "oops\n" * 9000)
    progress = SourceProgress()
    items = read_items([spec], progress=progress)
    assert isinstance(next(items), Rejected)
    rest = list(items)
    assert [item.line for item in rest] == list(range(2, 18_002))
    assert isinstance(rest[8999], SourceItem)


def test_digests_are_stable_and_tell_changes(write: Any) -> None:
    before = digests(write("a.jsonl", ROWS))
    assert digests(write("a.jsonl", ROWS)) == before
    changed = [{**row, "price": -1 if row["id"] == "250" else row["price"]} for row in ROWS]
    after = digests(write("a.jsonl", changed))
    assert [key for key in before if before[key] != after[key]] == ["250"]


def test_digests_change_with_settings(write: Any) -> None:
    spec = write("a.jsonl", [{**row, "other": "x"} for row in ROWS])
    before = digests(spec)
    for settings in ({"price_unit": "cents"}, {"overrides": {"title": "other"}}):
        after = digests(spec, **settings)
        assert all(before[key] != after[key] for key in before)


@pytest.mark.parametrize(
    "line",
    [
        '{"id": 1, "title": "x", "n": 1' + "0" * 40 + "}",
        '{"id": 1, "title": "x", "deep": ' + "[" * 900 + "]" * 900 + "}",
        '{"id": 1, "title": "x \\ud800"}',
    ],
)
def test_odd_records_are_taken_in_or_rejected(write: Any, line: str) -> None:
    good = '{"id": 2, "title": "y"}'
    items = list(read_products([write("a.jsonl", f"{good}\n{line}\n{good}\n")]))
    assert len(items) == 3
    assert isinstance(items[2], SourceProduct)
    array = list(read_products([write("a.json", f"[{good}, {line}, {good}]")]))
    assert isinstance(array[0], SourceProduct)


def test_digest_takes_what_json_cannot_hold() -> None:
    from datetime import date
    from decimal import Decimal

    record = RawRecord("shop", 1, {"id": 1, "title": "x", "a": Decimal("1.5"), "b": b"x"})
    fields = FieldMap.recognise([record], {})
    other = RawRecord("shop", 1, {**record.fields, "c": date(2026, 1, 1)})
    assert record_digest(record, fields) != record_digest(other, fields)


def test_progress_covers_all_sources(write: Any) -> None:
    specs = [write("a.jsonl", ROWS), write("b.jsonl.gz", ROWS)]
    progress = SourceProgress()
    items = read_items(specs, progress=progress)
    assert progress.total == sum(Path(spec).stat().st_size for spec in specs)
    seen = [progress.done for _ in items]
    assert seen == sorted(seen)
    assert progress.done == progress.total


def test_rejected_file_holds_source_line_reason_and_record(write: Any, tmp_path: Path) -> None:
    spec = write(
        "a.jsonl",
        '{"id": 1, "title": "a"}\noops\n{"id": 2, "title": "", "price": 3}\n'
        '{"id": 3, "title": ""}\n{"id": 4, "text": "%s"}\n' % ("é" * 20_000),
    )
    path = tmp_path / "rejected.jsonl"
    path.write_text("from an earlier run")
    with RejectedFile(path) as rejected:
        for item in read_products([spec]):
            if isinstance(item, Rejected):
                rejected.add(item)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["source"], line["line"]) for line in lines] == [(spec, n) for n in (2, 3, 4, 5)]
    assert lines[0]["record"] == "oops\n"
    assert lines[1] == {
        "source": spec,
        "line": 3,
        "reason": "no title (column title is empty)",
        "record": {"id": 2, "title": "", "price": 3},
    }
    assert len(lines[3]["record"].encode()) <= 10_000
    assert rejected.total == 4
    assert rejected.counts["no title (column title is empty)"] == 3


def test_reasons_that_quote_a_value_are_counted_as_one(tmp_path: Path) -> None:
    with RejectedFile(tmp_path / "rejected.jsonl") as rejected:
        for value in ("abc", "def"):
            rejected.add(RecordError(f"price is '{value}' (str)"))
    assert rejected.counts == {"price is … (str)": 2}


def test_nothing_rejected_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    path.write_text("from an earlier run")
    with RejectedFile(path) as rejected:
        pass
    assert not path.exists()
    assert rejected.total == 0


def test_where_the_id_is_empty_another_known_one_serves(write: Any) -> None:
    text = """Artikelnummer;EAN;Bezeichnung;Preis
S-1;4006381333931;Stuhl;5,00
;4006381333948;Tisch;6,00
;;Bank;7,00
"""
    progress = SourceProgress()
    first, second, third = read_products([write("a.csv", text)], progress=progress)
    assert isinstance(first, SourceProduct)
    assert isinstance(second, SourceProduct)
    assert (first.product.product_id, second.product.product_id) == ("S-1", "4006381333948")
    assert second.product.codes == ("4006381333948",)
    assert isinstance(third, Rejected)
    assert third.reason == "no product id (column Artikelnummer or EAN is empty)"
    assert progress.other_ids == {"EAN": 1}
    rows = [{"sku": "A-1", "title": "a", "uid": 7}, {"sku": "", "title": "b", "uid": 8}]
    items = list(read_products([write("b.jsonl", rows)]))
    found = [item.product for item in items if isinstance(item, SourceProduct)]
    assert [each.product_id for each in found] == ["A-1", "8"]
    assert found[0].attributes == {"uid": 7.0}
    mapped = list(read_products([write("b.jsonl", rows)], overrides={"product_id": "sku"}))
    assert isinstance(mapped[1], Rejected)


def test_a_parent_of_zero_is_no_group(write: Any) -> None:
    rows = [{"id": 3, "name": "Flag", "parent": 0}, {"id": 4, "name": "Pole", "parent": 3}]
    items = list(read_products([write("a.json", json.dumps(rows))]))
    groups = [item.product.group_id for item in items if isinstance(item, SourceProduct)]
    assert groups == [None, "3"]


def test_what_a_shop_pays_is_neither_price_nor_shown(write: Any) -> None:
    names = ["EK", "Einkaufspreis netto (EUR)", "cost price", "Wholesale Price", "Prix d'achat HT"]
    for name in names:
        path = write("a.csv", f"sku;name;{name}\nx1;Lamp;3,50\nx2;Shade;4,50\n")
        item, *_ = (each for each in read_items([path]) if isinstance(each, SourceItem))
        product = item.to_product()
        assert (product.price, product.attributes) == (None, {})
        assert ("(ignored)", name) in [(row.field, row.column) for row in item.fields.describe()]
