"""What a run tells of a source: how full its fields are, and what looks odd."""

from __future__ import annotations

import json
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


def test_what_is_rightly_empty_is_not_told(tmp_path: Path) -> None:
    rows = [
        "ID,Type,SKU,Name,Published,In stock?,Regular price,Categories,External URL,Parent,Images",
        "1,simple,P1,Pan,1,1,5,Pans,,,https://w.e/1.jpg",
        "2,external,P2,Pot,1,1,6,Pots,https://other.e/pot,,https://w.e/2.jpg",
        "3,simple,P3,Lid,1,1,7,Lids,,,https://w.e/3.jpg",
        "4,variable,H,Hat,1,1,,,,,",
        *(f"{n},variation,H-{n},Hat,1,1,9,,,H," for n in range(5, 12)),
    ]
    assert warnings(checked(tmp_path, "\n".join(rows) + "\n")) == []


@pytest.mark.parametrize(
    ("column", "values", "field"),
    [
        ("Shop-Rubrik", ["Pans", "Pots"], "category"),
        ("our kategorie no1", ["Pans", "Pots"], "category"),
        ("web beschreibung", ["Of iron", "Of steel"], "description"),
        ("foto gross", ["https://w.e/1.jpg", "https://w.e/2.jpg"], "image_url"),
        ("hires-image file", ["pan.jpg", "pot.jpg"], "image_url"),
    ],
)
def test_a_column_that_is_called_like_a_missing_field_is_told(
    tmp_path: Path, column: str, values: list[str], field: str
) -> None:
    rows = [f"id,title,price,{column}", *(f"{n},Pan {n},5,{v}" for n, v in enumerate(values))]
    [warning] = warnings(checked(tmp_path, "\n".join(rows) + "\n"))
    assert warning.startswith(f"{field} is filled in for 0% of the products")
    name = f"'{column}'" if " " in column else column
    assert f"--map {field}={name}" in warning


def test_a_column_that_only_sounds_like_a_missing_field_is_not_told(tmp_path: Path) -> None:
    rows = [
        "id,title,price,image stabiliser,meta description",
        "1,Lens,5,yes,Buy",
        "2,Cap,6,no,Buy",
    ]
    assert warnings(checked(tmp_path, "\n".join(rows) + "\n")) == []


def test_where_there_is_no_title_the_shorter_description_serves(tmp_path: Path) -> None:
    rows = [
        "Artikelnr.;Langeomschrijving;Productomschrijving;Prijs",
        "1;Een zware deur van eiken;Deur;5,00",
        "2;Een poort voor de tuin;Poort;6,00",
    ]
    found = checked(tmp_path, "\n".join(rows) + "\n")
    [report] = found.reports
    assert [(each.title, each.description) for each in report.examples] == [
        ("Deur", "Een zware deur van eiken"),
        ("Poort", "Een poort voor de tuin"),
    ]
    [warning] = warnings(found)
    assert "the description (column Productomschrijving) serves as one" in warning
    assert "--map title=COLUMN" in warning


def test_prices_that_may_be_thousands_are_told(tmp_path: Path) -> None:
    rows = ["id,title,price", "1,Sofa,1.299", "2,Desk,2.450", "3,Bed,1.850"]
    [warning] = warnings(checked(tmp_path, "\n".join(rows) + "\n"))
    assert "price (column price) has three digits after a dot everywhere" in warning
    rows = ["Artikelnr;Bezeichnung;Preis", "1;Sofa;1.299", "2;Tisch;2.450", "3;Bett;999"]
    found = checked(tmp_path, "\n".join(rows) + "\n")
    assert [product.price for product in found.reports[0].examples] == [1299, 2450, 999]
    assert warnings(found) == []
    rows = ["Artikelnr;Bezeichnung;Preis", "1;Sofa;12.990", "2;Tisch;24.500"]
    found = checked(tmp_path, "\n".join(rows) + "\n")
    assert [product.price for product in found.reports[0].examples] == [12.99, 24.5]
    assert len(warnings(found)) == 1


def test_addresses_that_json_ld_leaves_out_are_not_told(tmp_path: Path) -> None:
    products = [
        {"@context": "https://schema.org", "@type": "Product", "sku": f"S-{n}", "name": f"Pan {n}",
         "offers": {"price": "5", "priceCurrency": "EUR"},
         **({"url": "https://w.e/1", "image": "https://w.e/1.jpg"} if n == 1 else {})}
        for n in range(1, 5)
    ]  # fmt: skip
    file = tmp_path / "products.json"
    file.write_text(json.dumps(products), encoding="utf-8")
    found = check(Reading([str(file)]), Silent())
    assert [report.products for report in found.reports] == [4]
    assert warnings(found) == []
