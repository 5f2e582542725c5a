"""Each naming convention, from the record as its makers write it to the product."""

from __future__ import annotations

from typing import Any

import pytest
from dsv3.errors import InputError
from dsv3.indexer.product import Product
from dsv3.indexer.sources.fields import FieldMap
from dsv3.indexer.sources.names import fold_name
from dsv3.indexer.sources.records import RawRecord, SourceProgress


def recognise(*rows: dict[str, Any], **overrides: str) -> FieldMap:
    return FieldMap.recognise([RawRecord("shop", 1, row) for row in rows], overrides)


def test_our_own_names(convert: Any) -> None:
    record = {
        "product_id": "a1", "title": "Mouse", "description": "Small", "brand": "Logi",
        "category": "PC > Mice", "price": 9.5, "currency": "EUR", "in_stock": True,
        "url": "https://x.y/a", "image_url": "https://x.y/a.png", "codes": ["123", "TN-1"],
        "group_id": "g", "colour": "red", "buttons": 3, "tags": ["a", "b"], "wireless": False,
    }  # fmt: skip
    assert convert(record) == [
        Product(
            "a1", "Mouse", "Small", "Logi", "PC > Mice", 9.5, "EUR", True, "https://x.y/a",
            "https://x.y/a.png", ("123", "TN-1"), "g",
            {"colour": "red", "buttons": 3.0, "tags": ("a", "b"), "wireless": False},
        )
    ]  # fmt: skip


def test_google_merchant_center(convert: Any) -> None:
    record = {
        "id": "TV_123456", "title": "Google Chromecast", "description": "Plug &amp; play",
        "link": "https://shop.com/tv?a=1&amp;b=2", "image_link": "https://shop.com/tv.jpg",
        "additional_image_link": "https://shop.com/tv2.jpg", "price": "35.00 USD",
        "sale_price": "30.00 USD", "availability": "in_stock", "brand": "Google",
        "gtin": "811571013579", "mpn": "H2G2-42", "google_product_category": "5181",
        "product_type": "Electronics > TV > Streaming", "item_group_id": "TV",
        "condition": "new", "adult": "no", "shipping": "US:CA:Overnight:16.00 USD",
    }  # fmt: skip
    (product,) = convert(record)
    assert product == Product(
        "TV_123456", "Google Chromecast", "Plug & play", "Google", "Electronics > TV > Streaming",
        35.0, "USD", True, "https://shop.com/tv?a=1&b=2", "https://shop.com/tv.jpg",
        ("811571013579", "H2G2-42"), "TV", product.attributes,
    )  # fmt: skip
    assert product.attributes == {
        "sale_price": 30.0, "google_product_category": 5181.0, "condition": "new",
        "adult": "no", "shipping": "US:CA:Overnight:16.00 USD",
    }  # fmt: skip


@pytest.mark.parametrize("prefix", ["g:", "G:"])
def test_google_names_in_their_namespace(convert: Any, prefix: str) -> None:
    (product,) = convert({f"{prefix}id": "1", f"{prefix}title": "x", f"{prefix}price": "2 EUR"})
    assert (product.product_id, product.title, product.price) == ("1", "x", 2.0)


@pytest.mark.parametrize(
    ("availability", "in_stock"),
    [
        ("in stock", True), ("in_stock", True), ("In Stock", True), ("limited availability", True),
        ("out of stock", False), ("out_of_stock", False), ("preorder", False), ("backorder", False),
        ("https://schema.org/InStock", True), ("http://schema.org/OutOfStock", False),
        ("InStock", True), ("12", True), ("0", False), (3, True), (0, False), (True, True),
        ("true", True), ("yes", True), ("no", False),
    ],
)  # fmt: skip
def test_availability(convert: Any, availability: object, in_stock: bool) -> None:
    (product,) = convert({"id": "1", "title": "x", "availability": availability})
    assert product.in_stock is in_stock


def test_unknown_availability_is_not_known(convert: Any) -> None:
    rows = [{"id": "1", "title": "x", "availability": text} for text in ("in stock", "ask us", "")]
    assert [product.in_stock for product in convert(*rows)] == [True, None, None]


SHOPIFY = """Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,\
Option1 Value,Option2 Name,Option2 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,\
Variant Inventory Qty,Variant Price,Variant Barcode,Image Src,Image Position,Status
tee,Plain Tee,<p>Soft <b>cotton</b></p>,Acme,Apparel > Shirts,Shirt,"summer, cotton",true,Size,S,\
Colour,Red,TEE-S,150,shopify,5,19.90,'0123456789012,https://cdn/tee1.jpg,1,active
tee,,,,,,,,,M,,Red,TEE-M,160,shopify,0,20.90,,https://cdn/tee2.jpg,2,
tee,,,,,,,,,,,,,,,,,,https://cdn/tee3.jpg,3,
tee,,,,,,,,,L,,Blue,,170,shopify,2,21.90,,,,
mug,Mug,A mug,Acme,,Cups,,true,Title,Default Title,,,,300,,,7,,https://cdn/mug.jpg,1,active
"""


def test_shopify_export(write: Any, read: Any) -> None:
    progress = SourceProgress()
    products, errors = read(write("export.csv", SHOPIFY), progress=progress)
    assert errors == []
    assert progress.skipped == {"picture rows": 1}
    assert [product.product_id for product in products] == ["TEE-S", "TEE-M", "tee/L/Blue", "mug"]
    small, medium, large, mug = products
    assert small == Product(
        "TEE-S", "Plain Tee", "Soft cotton", "Acme", "Apparel > Shirts", 19.9, None, True, None,
        "https://cdn/tee1.jpg", ("0123456789012",), "tee",
        {"tags": ("summer", "cotton"), "published": True, "variant_grams": 150.0,
         "status": "active", "size": "S", "colour": "Red"},
    )  # fmt: skip
    assert (medium.title, medium.brand, medium.description) == ("Plain Tee", "Acme", "Soft cotton")
    assert (medium.in_stock, medium.price, medium.group_id) == (False, 20.9, "tee")
    assert medium.attributes["size"] == "M"
    assert medium.image_url == "https://cdn/tee2.jpg"
    assert large.attributes["colour"] == "Blue"
    assert large.image_url == "https://cdn/tee1.jpg"
    assert (mug.in_stock, mug.category, mug.price) == (None, "Cups", 7.0)
    assert "title_attribute" not in mug.attributes


def test_shopify_products_as_json(convert: Any) -> None:
    record = {
        "id": 632910392, "title": "IPod Nano", "body_html": "<p>It's <b>small</b></p>",
        "vendor": "Apple", "product_type": "Players", "handle": "ipod-nano", "tags": "Music",
        "variants": [{"sku": "IPOD-P", "price": "199.00", "inventory_quantity": 0},
                     {"sku": "IPOD-R", "price": "209.00", "inventory_quantity": 9,
                      "barcode": "123"}],
        "images": [{"src": "https://cdn/1.png"}, {"src": "https://cdn/2.png"}],
    }  # fmt: skip
    (product,) = convert(record)
    assert product == Product(
        "632910392", "IPod Nano", "It's small", "Apple", "Players", 199.0, None, True, None,
        "https://cdn/1.png", ("IPOD-P", "IPOD-R", "123"), None,
        {"handle": "ipod-nano", "tags": ("Music",)},
    )  # fmt: skip


def test_schema_org_product(convert: Any) -> None:
    record = {
        "@context": "https://schema.org/", "@type": "Product", "@id": "#p",
        "name": "Executive Anvil", "sku": "0446310786", "gtin13": "4006381333931", "mpn": "925872",
        "image": ["https://e.com/1.jpg", "https://e.com/2.jpg"], "description": "Heavy.",
        "brand": {"@type": "Brand", "name": "ACME"}, "category": "Tools/Forge/Anvils",
        "offers": [{"@type": "Offer", "url": "https://e.com/anvil", "priceCurrency": "USD",
                    "price": "119.99", "availability": "https://schema.org/InStock",
                    "itemCondition": "https://schema.org/UsedCondition"}],
        "aggregateRating": {"@type": "AggregateRating", "ratingValue": 4.4},
        "additionalProperty": [
            {"@type": "PropertyValue", "name": "Max Load", "value": 12},
            {"@type": "PropertyValue", "name": "Material", "value": "Steel"}],
    }  # fmt: skip
    (product,) = convert(record)
    assert product == Product(
        "0446310786", "Executive Anvil", "Heavy.", "ACME", "Tools > Forge > Anvils", 119.99, "USD",
        True, "https://e.com/anvil", "https://e.com/1.jpg", ("925872", "4006381333931"), None,
        {"offers_item_condition": ("UsedCondition",), "aggregate_rating_rating_value": 4.4,
         "max_load": 12.0, "material": "Steel"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("asin", "product_id"), ("SKU", "product_id"), ("Product ID", "product_id"),
        ("product_name", "title"), ("Name", "title"), ("productDisplayName", "title"),
        ("Product_Title", "title"), ("product_description", "description"),
        ("supplier", "brand"), ("Manufacturer", "brand"), ("vendor", "brand"),
        ("category hierarchy", "category"), ("product_class", "category"),
        ("categories", "category"), ("EAN", "codes"), ("upc", "codes"), ("isbn", "codes"),
        ("part_number", "codes"), ("stock", "in_stock"), ("Quantity", "in_stock"),
        ("Regular Price", "price"), ("price_cents", "price"), ("Currency Code", "currency"),
        ("permalink", "url"), ("thumbnail", "image_url"), ("parent_asin", "group_id"),
    ],
)  # fmt: skip
def test_common_names(column: str, field: str) -> None:
    value = {"in_stock": 3, "url": "https://x.y", "image_url": "https://x.y/z.png"}.get(field, "a1")
    row = {"id": "1", "title": "x", column: value}
    if field in ("product_id", "title"):
        row.pop({"product_id": "id"}.get(field, field))
    assert recognise(row).columns[field] == (column,)


@pytest.mark.parametrize(
    "header",
    [
        "Artikelnummer;Artikelbezeichnung;Beschreibung;Verkaufspreis brutto;Hersteller;Kategorie;"
        "Lagerbestand;Bild-URL;EAN",
        "Référence;Désignation;Descriptif;Prix TTC (€);Marque;Catégorie;Quantité;Image;Code-barres",
        "Referencia;Nombre;Descripción;PVP (IVA incluido);Marca;Categoría;Existencias;Imagen;"
        "Código de barras",
        "Codice articolo;Nome;Descrizione;Prezzo IVA inclusa;Marca;Categoria;Giacenza;Immagine;EAN",
        "Artikelnummer;Naam;Omschrijving;Prijs incl. btw;Merk;Categorie;Voorraad;Afbeelding;EAN",
        "Artikelnr.;Benämning;Beskrivning;Pris inkl. moms;Varumärke;Kategori;Lagersaldo;Bild;EAN",
    ],
)
def test_names_in_other_languages(header: str) -> None:
    cells = ["a1", "Kettle", "Boils", "39.90", "Orvana", "Kitchen", "5", "https://x.y/1.jpg", "123"]
    columns = header.split(";")
    names = ("product_id", "title", "description", "price", "brand", "category", "in_stock",
             "image_url", "codes")  # fmt: skip
    found = recognise(dict(zip(columns, cells, strict=True))).columns
    assert found == {name: (column,) for name, column in zip(names, columns, strict=True)}


@pytest.mark.parametrize(
    ("phrase", "in_stock"),
    [("auf Lager", True), ("Nicht verfügbar", False), ("Épuisé", False), ("En stock", True),
     ("agotado", False), ("I lager", True), ("nein", False), ("Sí", True)],
)  # fmt: skip
def test_availability_in_other_languages(convert: Any, phrase: str, in_stock: bool) -> None:
    (product,) = convert({"id": "1", "title": "x", "Verfügbarkeit": phrase})
    assert product.in_stock is in_stock


def test_words_of_one_language_go_by_it(convert: Any) -> None:
    found = recognise({"Artikelnummer": "1", "Titel": "x", "Omschrijving": "y", "Prijs": "1"})
    assert set(found.how.values()) == {"a common name in Dutch"}


def test_accents_of_other_scripts_are_no_ornament() -> None:
    assert fold_name("Catégorie Éthique") == "categorieethique"
    assert fold_name("が") != fold_name("か")
    assert fold_name("Cена-й") != fold_name("Cена-и")


def test_one_column_of_barcodes_serves_as_id(convert: Any) -> None:
    rows = [{"ean": "4006381333931", "title": "x"}, {"ean": "04006381333948", "title": "y"}]
    assert [(each.product_id, each.codes) for each in convert(*rows)] == [
        ("4006381333931", ("4006381333931",)),
        ("04006381333948", ("04006381333948",)),
    ]
    assert recognise(*rows).how["product_id"] == "unique GTIN"
    with pytest.raises(InputError, match="no product_id"):
        recognise(*rows, rows[0])
    with pytest.raises(InputError, match="no product_id"):
        recognise({**rows[0], "upc": "123456789012"})


def test_id_goes_before_sku_and_sku_becomes_a_code(convert: Any) -> None:
    (product,) = convert({"sku": "S-100", "id": 17, "title": "x"})
    assert (product.product_id, product.codes) == ("17", ("S-100",))


def test_name_beside_a_title_is_a_part_number_or_an_attribute(convert: Any) -> None:
    rows = [
        {"id": str(n), "title": "Toner", "name": name, "supplier": "Brother"}
        for n, name in enumerate(
            ["TN-2110", "TN2110", "44341902", "80", "Black toner 21k", "Mouse"]
        )
    ]
    found = [(product.codes, product.attributes) for product in convert(*rows)]
    assert found == [
        (("TN-2110",), {}),
        (("TN2110",), {}),
        (("44341902",), {}),
        ((), {"name": "80"}),
        ((), {"name": "Black toner 21k"}),
        ((), {"name": "Mouse"}),
    ]


def test_attributes_that_declare_their_kind(convert: Any) -> None:
    (product,) = convert(
        {
            "id": "1", "title": "x", "attr_t_ink_type": "Dye", "attr_n_width": "12.5",
            "attr_b_colour": "true", "attr_t_size": 10, "attr_n_size": 10.0,
            "attr_t_storage_temperature__t_t_": "-40 - 60", "attr_n_width__imperial_": 3,
            "attr_t_package_dimensions__wxdxh_": "1 x 2 x 3", "attr_t_oem_code": "C4872A",
        }
    )  # fmt: skip
    assert product.attributes == {
        "ink_type": "Dye", "width": 12.5, "colour": True, "size": 10.0, "size_text": "10",
        "storage_temperature": "-40 - 60", "width_imperial": 3.0,
        "package_dimensions_wxdxh": "1 x 2 x 3", "oem_code": "C4872A",
    }  # fmt: skip
    assert product.codes == ("C4872A",)


def test_overrides_come_first(convert: Any) -> None:
    row = {"id": "1", "title": "old", "headline": "new", "offers": {"eur": "3"}, "usd": "4"}
    (product,) = convert(row, overrides={"title": "headline", "price": "offers.eur"})
    assert (product.title, product.price) == ("new", 3.0)
    assert product.attributes == {"title_attribute": "old", "usd": 4.0}
    assert [row.how for row in recognise(row, title="headline").describe()][1] == "--map"


def test_override_with_columns_to_try_in_turn_and_one_that_unsets(convert: Any) -> None:
    rows = [
        {"id": "1", "title": "x", "sale": "3", "price": "4", "brand": "b"},
        {"id": "2", "title": "y", "sale": "", "price": "5", "brand": "c"},
    ]
    found = convert(*rows, overrides={"price": "sale|price", "brand": ""})
    assert [(product.price, product.brand) for product in found] == [(3.0, None), (5.0, None)]


def test_overrides_that_fit_nothing_are_errors() -> None:
    row = {"id": "1", "title": "x", "product_naem": "y"}
    with pytest.raises(InputError, match="there is no field titel; the fields are product_id"):
        recognise(row, titel="title")
    with pytest.raises(InputError, match="no column product_name; near to it are product_naem"):
        recognise(row, title="product_name")


def test_no_id_or_no_title_names_what_was_found_and_what_to_say() -> None:
    with pytest.raises(InputError) as caught:
        recognise({"number": "1", "words": "x"})
    assert str(caught.value) == (
        "shop: no product_id and no title could be recognised among the columns number, words; "
        "say which it is with --map product_id=COLUMN --map title=COLUMN"
    )


def test_pictures_and_addresses_are_ignored_and_shown() -> None:
    fields = recognise(
        {"id": "1", "title": "x", "img_high": "http://a/b.jpg", "img_low": "http://a/c.jpg",
         "manual": "https://a/m.pdf", "weight": 3}
    )  # fmt: skip
    rows = {row.field: row for row in fields.describe()}
    assert rows["(ignored)"].column == "img_low, manual"
    assert rows["attributes"].column == "weight"
    assert rows["image_url"].column == "img_high"
    assert rows["product_id"].sample == "1"


def test_fingerprint_changes_with_the_map_and_not_with_new_attributes() -> None:
    row = {"id": "1", "title": "x", "name": "y"}
    assert recognise(row).fingerprint == recognise({**row, "colour": "red"}).fingerprint
    assert recognise(row).fingerprint != recognise(row, title="name").fingerprint
