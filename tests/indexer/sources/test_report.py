"""What a run tells of a source: how full its fields are, and what looks odd."""

from __future__ import annotations

from pathlib import Path

import pytest
from dsv3.errors import InputError, RecordError
from dsv3.indexer.ingest import Ingested, Reading, check
from dsv3.progress import Silent


def checked(folder: Path, text: str, **options: object) -> Ingested:
    file = folder / "feed.csv"
    file.write_text(text, encoding="utf-8")
    return check(Reading([str(file)], **options), Silent())  # type: ignore[arg-type]


def warnings(found: Ingested) -> list[str]:
    return [warning for report in found.reports for warning in report.warnings()]


def test_each_known_field_is_told_with_the_share_of_products_that_have_it(tmp_path: Path) -> None:
    rows = ["id,title,price,brand", "1,Kettle,9.90,Orvana", "2,Pan,5.00,", "3,,1.00,Orvana"]
    found = checked(tmp_path, "\n".join(rows) + "\n")
    [report] = found.reports
    assert (found.read, found.added, found.rejected.total()) == (3, 2, 1)
    assert (report.shares["title"], report.shares["brand"], report.shares["url"]) == (1, 0.5, 0)
    assert [product.title for product in report.examples] == ["Kettle", "Pan"]
    assert warnings(found) == []


def test_without_a_price_the_columns_that_look_like_one_are_named(tmp_path: Path) -> None:
    rows = [
        "id,title,amount to pay,shipping",
        "1,Kettle,19.90 EUR,4.90 EUR",
        "2,Pan,5.00 EUR,4 EUR",
    ]
    [warning] = warnings(checked(tmp_path, "\n".join(rows) + "\n"))
    assert "no price was recognised" in warning
    assert "--map price='amount to pay'" in warning
    assert "shipping" not in warning


def test_a_field_that_is_filled_for_few_products_is_told(tmp_path: Path) -> None:
    rows = ["id,title,price,old price,brand,ean", "1,Kettle,,9.90,Orvana,"]
    rows += [f"{number},Pan {number},,{number}.50,,{number:013}" for number in range(2, 6)]
    price, brand = warnings(checked(tmp_path, "\n".join(rows) + "\n"))
    assert "price (column price) is filled in for 0% of the products" in price
    assert "--map price='old price'" in price
    assert "brand (column brand) is filled in for 20%" in brand


def test_a_title_that_is_many_times_longer_than_the_others_is_told(tmp_path: Path) -> None:
    rows = ["id,title,price", *(f"{number},Pan {number},5.00" for number in range(1, 6))]
    rows.append(f"6,{'swallowed ' * 50},5.00")
    [warning] = warnings(checked(tmp_path, "\n".join(rows) + "\n"))
    assert "the title of product '6' has 499 characters, others have about 5" in warning


def test_characters_that_could_not_be_read_are_told(tmp_path: Path) -> None:
    [warning] = warnings(checked(tmp_path, "id,title,price\n1,K\ufffdche,5.00\n2,Pan,5.00\n"))
    assert "--encoding" in warning


def test_a_check_stops_at_the_first_bad_record_where_that_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no title"):
        checked(tmp_path, "id,title\n1,\n", strict=True)


def test_records_of_which_none_can_be_stored_say_why(tmp_path: Path) -> None:
    found = checked(tmp_path, "id,title\n1,\n2,\n")
    assert "of 2 records none could be stored: 2 x no title" in found.none_taken
    assert checked(tmp_path, "id,title\n").none_taken == ""
    assert checked(tmp_path, "id,title\n1,Pan\n").none_taken == ""


def test_an_unknown_column_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column nothing"):
        checked(tmp_path, "id,title\n1,Pan\n", fields={"price": "nothing"})


def test_words_of_a_status_that_are_not_known_are_told(tmp_path: Path) -> None:
    rows = ["id,title,price,status", "1,Pan,5,active", "2,Pot,6,run-out", "3,Lid,2,inactive"]
    found = checked(tmp_path, "\n".join(rows) + "\n")
    [warning] = warnings(found)
    assert "1 products are taken as for sale" in warning
    assert "column status says of them (1 'run-out')" in warning
    assert found.met.unpublished == {"inactive": 1}


def test_prices_of_several_currencies_are_told(tmp_path: Path) -> None:
    rows = ["id,title,price", "1,Pan,5.00 EUR", "2,Pot,6.00 USD", "3,Lid,7.00 EUR"]
    [warning] = warnings(checked(tmp_path, "\n".join(rows) + "\n"))
    assert "several currencies (2 EUR, 1 USD)" in warning
    assert "--map price=COLUMN" in warning
