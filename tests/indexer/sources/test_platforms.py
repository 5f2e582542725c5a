"""Each platform's layout, from the rows it exports to whole products."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
from pathlib import Path
from typing import Any

import pytest
from dsv3.indexer.known_fields import FIELD_NAMES
from dsv3.indexer.product import Product
from dsv3.indexer.sources.joining import complete_rows
from dsv3.indexer.sources.layout import platform_name
from dsv3.indexer.sources.platforms import PLATFORMS, Platform
from dsv3.indexer.sources.records import RawRecord, ReadOptions, SourceProgress

EAN = "4006381333931"


class Shop:
    """Reads one written source and keeps what was told of it."""

    def __init__(self, read: Any, path: str, **options: Any) -> None:
        self.progress = SourceProgress()
        products, self.rejected = read(path, progress=self.progress, options=ReadOptions(**options))
        self.products: dict[str, Product] = {each.product_id: each for each in products}
        told = list(self.progress.recognised.values())
        self.recognised: dict[str, str] = told[0] if told else {}

    def of(self, product_id: str, *names: str) -> tuple[object, ...]:
        return tuple(getattr(self.products[product_id], name) for name in names)

    def attributes(self, product_id: str) -> dict[str, object]:
        return dict(self.products[product_id].attributes)


@pytest.fixture
def shop(write: Any, read: Any) -> Any:
    def of(name: str, content: Any, **options: Any) -> Shop:
        text = content if isinstance(content, str) else json.dumps(content)
        return Shop(read, write(name, text), **options)

    return of


def test_the_table_in_the_docs_is_that_of_the_data() -> None:
    path = Path(__file__).parents[3] / "docs" / "layouts.py"
    spec = importlib.util.spec_from_file_location("layouts", path)
    assert spec is not None
    assert spec.loader is not None
    layouts = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(layouts)
    page = layouts.PAGE.read_text(encoding="utf-8")
    assert layouts.page_with_table(page) == page, "run: python docs/layouts.py"
    assert all(f"| {platform.name} |" in page for platform in PLATFORMS)


def test_each_platform_gives_known_fields_and_is_told_once() -> None:
    for platform in PLATFORMS:
        assert set(platform.columns) <= set(FIELD_NAMES), platform.name
        assert platform.told, platform.name
    assert len({platform.name for platform in PLATFORMS}) == len(PLATFORMS)
    told = [columns for platform in PLATFORMS for columns in platform.told]
    assert len(set(told)) == len(told)


SHOPIFY = """Title,URL handle,Description,Vendor,Product category,Type,Tags,\
Published on online store,Status,SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,\
Option2 name,Option2 value,Option2 Linked To,Price,Compare-at price,Cost per item,\
Inventory quantity,Product image URL,Image position,Variant image URL,Gift card,\
Fabric (product.metafields.custom.fabric)
Ansa vest,ansa-vest,<p>Down</p>,Ansa,Clothing > Vests,Vest,"warm, light",TRUE,Active,AV-S,{EAN},\
Size,S,,Shade,Moss,,80.00,95.00,31,4,https://c.e/1.jpg,1,,FALSE,nylon
,ansa-vest,,,,,,,,,,,M,,,Moss,,82.00,0,31,0,https://c.e/2.jpg,2,https://c.e/m.jpg,,
,ansa-vest,,,,,,,,,,,,,,,,,,,,https://c.e/3.jpg,3,,,
Ansa hood,ansa-hood,,Ansa,,Hood,,FALSE,Active,AH,,Title,Default Title,,,,,9,,,1,,,,,
Ansa clasp,ansa-clasp,,Ansa,,,,TRUE,Archived,AC,,Title,Default Title,,,,,9,,,1,,,,,
""".replace("{EAN}", EAN)


def test_shopify_new_template(shop: Any) -> None:
    found = shop("new.csv", SHOPIFY)
    assert found.rejected == []
    assert found.recognised["platform"] == "Shopify"
    assert list(found.products) == ["AV-S", "ansa-vest/M/Moss"]
    assert found.products["AV-S"] == Product(
        "AV-S", "Ansa vest", "Down", "Ansa", "Clothing > Vests", 80.0, None, True, None,
        "https://c.e/1.jpg", (EAN,), "ansa-vest",
        {"tags": ("warm", "light"), "published_on_online_store": True, "status": "Active",
         "compare_at_price": 95.0, "size": "S", "shade": "Moss", "fabric": "nylon"},
    )  # fmt: skip
    assert found.of("ansa-vest/M/Moss", "title", "in_stock", "price", "image_url") == (
        "Ansa vest", False, 82.0, "https://c.e/m.jpg",
    )  # fmt: skip
    medium = found.attributes("ansa-vest/M/Moss")
    assert (medium["size"], medium["shade"], medium["fabric"]) == ("M", "Moss", "nylon")
    assert "compare_at_price" not in medium
    assert found.progress.skipped == {"picture rows": 1}
    assert found.progress.unpublished == {"not published": 1, "archived": 1}


def test_unpublished_products_on_demand(shop: Any) -> None:
    found = shop("new.csv", SHOPIFY, include_unpublished=True)
    assert {"AH", "AC"} <= set(found.products)
    assert found.attributes("AH")["published_on_online_store"] is False
    assert not found.progress.unpublished


def test_shopify_json_gives_a_product_a_variant(shop: Any) -> None:
    products = [
        {
            "id": 7, "title": "Tor shirt", "body_html": "<p>Linen</p>", "vendor": "Tor",
            "product_type": "Shirts", "handle": "tor-shirt", "tags": "linen, summer",
            "status": "active", "published_at": "2024-01-01",
            "options": [{"name": "Size", "position": 1}, {"name": "Shade", "position": 2}],
            "variants": [
                {"id": 71, "product_id": 7, "title": "S / Sky", "sku": "TS-S", "price": "30.00",
                 "compare_at_price": "40.00", "barcode": EAN, "position": 1, "option1": "S",
                 "option2": "Sky", "option3": None, "inventory_quantity": 2},
                {"id": 72, "sku": "", "price": "31.00", "option1": "M", "option2": "Sky",
                 "inventory_quantity": 0},
            ],
            "images": [{"id": 1, "src": "https://c.e/t.jpg", "position": 1}],
        },
        {"id": 8, "title": "Tor cap", "body_html": "", "vendor": "Tor", "handle": "tor-cap",
         "status": "active", "published_at": None, "variants": [{"id": 81, "price": "5"}]},
        {"id": 9, "title": "Tor bag", "body_html": "", "vendor": "Tor", "handle": "tor-bag",
         "status": "draft", "published_at": "2024-01-01", "variants": [{"id": 91, "price": "5"}]},
    ]  # fmt: skip
    found = shop("products.json", {"products": products})
    assert list(found.products) == ["TS-S", "72"]
    assert found.products["TS-S"] == Product(
        "TS-S", "Tor shirt", "Linen", "Tor", "Shirts", 30.0, None, True, None,
        "https://c.e/t.jpg", (EAN,), "tor-shirt",
        {"status": "active", "tags": ("linen", "summer"), "compare_at_price": 40.0,
         "size": "S", "shade": "Sky"},
    )  # fmt: skip
    assert found.of("72", "price", "in_stock", "group_id") == (31.0, False, "tor-shirt")
    assert found.attributes("72")["size"] == "M"
    assert found.progress.unpublished == {"not published": 1, "draft": 1}


WOO = """ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,"Visibility in catalog",\
"Short description",Description,"In stock?","Sale price","Regular price",Categories,Tags,Images,\
Parent,Position,Brands,"Attribute 1 name","Attribute 1 value(s)","Attribute 1 visible",\
"Attribute 2 name","Attribute 2 value(s)","Meta: _x"
21,variation,,,Pan - 20,1,visible,,,1,0,19,,,,id:20,1,,Size,20 cm,,Colour,Red,1
22,variation,P-24,{EAN},Pan - 24,1,visible,,,0,25,29,,,https://c.e/24.jpg,P,2,,Size,24 cm,,,,1
20,variable,P,,Pan,1,visible,Short,,1,,,"Kitchen > Pans, New",iron,https://c.e/p.jpg,,0,Rost,\
Size,"20 cm, 24 cm",1,Colour,"Red, Blue",1
23,variation,P-99,,Lone pan,1,visible,,,1,,39,,,,GONE,1,,Size,99 cm,,,,1
30,simple,S,,Salt,1,visible,,Fine,1,3,,Pantry,,,,0,,,,,,,1
40,variable,H,,Hidden pot,1,hidden,,x,1,,,Kitchen,,,,0,,Size,"1, 2",1,,,
41,variation,H-1,,Hidden pot - 1,1,visible,,,1,,9,,,,H,1,,Size,1,,,,
50,simple,D,,Draft,-1,visible,,x,1,,9,Kitchen,,,,0,,,,,,,
51,simple,E,,Private,0,visible,,x,1,,9,Kitchen,,,,0,,,,,,,
""".replace("{EAN}", EAN)


def test_woocommerce_parents_may_come_late(shop: Any) -> None:
    found = shop("woo.csv", WOO)
    assert list(found.products) == ["21", "P-24", "P", "P-99", "S"]
    assert found.of("21", "title", "description", "brand", "category", "price", "group_id") == (
        "Pan - 20", "Short", "Rost", "Kitchen > Pans", 19.0, "P",
    )  # fmt: skip
    assert found.of("21", "image_url", "codes") == ("https://c.e/p.jpg", ())
    assert found.of("P-24", "image_url", "codes") == ("https://c.e/24.jpg", (EAN,))
    small, large, parent = (found.attributes(name) for name in ("21", "P-24", "P"))
    assert (small["size"], small["colour"], small["tags"]) == ("20 cm", "Red", ("iron",))
    assert "sale_price" not in small
    assert (large["sale_price"], large["colour"]) == (25.0, ("Red", "Blue"))
    assert (parent["size"], parent["colour"]) == (("20 cm", "24 cm"), ("Red", "Blue"))
    assert not [name for name in parent if name.startswith(("attribute", "meta", "parent"))]
    assert found.of("P-99", "group_id", "category") == ("GONE", None)
    assert found.of("S", "group_id", "price") == (None, 3.0)
    assert found.progress.unpublished == {"hidden": 2, "draft": 1, "private": 1}


def test_woocommerce_rest(shop: Any) -> None:
    common = {"status": "publish", "stock_status": "instock", "tags": [], "images": []}
    found = shop("rest.json", [
        {**common, "id": 33, "parent_id": 30, "name": "Rok boot 42", "type": "variation",
         "permalink": "https://a.b/33", "sku": "RB-42", "price": "80", "regular_price": "90",
         "sale_price": "80", "attributes": [{"id": 2, "name": "Fit", "option": "wide"}],
         "categories": [], "description": ""},
        {**common, "id": 30, "parent_id": 0, "name": "Rok boot", "slug": "rok-boot",
         "type": "variable", "permalink": "https://a.b/30", "catalog_visibility": "visible",
         "sku": "", "price": "80", "regular_price": "", "sale_price": "",
         "attributes": [{"id": 2, "name": "Fit", "position": 0, "options": ["wide", "slim"]}],
         "categories": [{"id": 1, "name": "Shoes", "slug": "s"}, {"id": 2, "name": "Boots"}],
         "tags": [{"id": 5, "name": "winter"}], "images": [{"id": 1, "src": "https://a.b/b.jpg"}],
         "description": "<p>Leather</p>", "meta_data": [{"id": 1, "key": "_x", "value": "y"}]},
        {**common, "id": 40, "name": "Rok belt", "type": "simple", "permalink": "https://a.b/40",
         "sku": "BELT", "price": "5", "regular_price": "5", "status": "draft", "attributes": []},
    ])  # fmt: skip
    assert found.recognised["platform"] == "WooCommerce REST"
    assert found.of("RB-42", "description", "category", "price", "image_url", "group_id") == (
        "Leather", "Shoes > Boots", 90.0, "https://a.b/b.jpg", "30",
    )  # fmt: skip
    assert found.attributes("RB-42") == {
        "status": "publish", "tags": ("winter",),
        "sale_price": 80.0, "fit": "wide",
    }  # fmt: skip
    assert found.attributes("30")["fit"] == ("wide", "slim")
    assert found.of("30", "price", "group_id") == (80.0, "30")
    assert found.progress.unpublished == {"draft": 1}


def test_magento(shop: Any) -> None:
    found = shop(
        "magento.csv",
        """sku,store_view_code,product_type,categories,name,description,\
price,special_price,visibility,product_online,url_key,qty,is_in_stock,additional_attributes,\
configurable_variations
B-1,,simple,"Default Category/Home/Bowls,Default Category/New",Bowl one,,5,0,\
Not Visible Individually,1,b1,4,1,"finish=""Matt, fired"",colour=Red",
B,,configurable,Default Category/Home/Bowls,Bowl,Nice,,,"Catalog, Search",1,b,0,1,\
"care=Wash|Dry,manufacturer=Kern,note=By hand, slowly","sku=B-1,colour=Red|sku=B-2,colour=Blue"
B,de,configurable,,Schale,,,,,,,,,,
B-2,,simple,Default Category/Home/Bowls,Bowl two,,6,4,1,1,b2,0,0,colour=Blue,
L,,simple,Default Category/Home,Lone,,6,,Not Visible Individually,1,l,1,1,,
O,,simple,Default Category/Home,Off,,6,,"Catalog, Search",2,o,1,1,,
""",
    )
    assert list(found.products) == ["B-1", "B", "B-2"]
    assert found.of("B", "title", "description", "brand", "category", "group_id") == (
        "Bowl", "Nice", "Kern", "Home > Bowls", "B",
    )  # fmt: skip
    assert found.of("B-1", "description", "brand", "in_stock", "group_id") == (
        "Nice", "Kern", True, "B",
    )  # fmt: skip
    parent, child = found.attributes("B"), found.attributes("B-1")
    assert (parent["colour"], parent["care"]) == (("Red", "Blue"), ("Wash", "Dry"))
    assert parent["note"] == "By hand, slowly"
    assert (child["colour"], child["finish"], child["care"]) == (
        "Red",
        "Matt, fired",
        ("Wash", "Dry"),
    )
    assert "special_price" not in child
    assert found.attributes("B-2")["special_price"] == 4.0
    assert found.progress.skipped == {"store-view rows": 1}
    assert found.progress.unpublished == {"hidden": 1, "disabled": 1}


def test_bigcommerce(shop: Any) -> None:
    found = shop(
        "bc.csv",
        f"""Item,ID,Name,Type,SKU,Options,Inventory Tracking,Current Stock,\
Price,Cost Price,Sale Price,Categories,Description,Custom Fields,Product URL,UPC/EAN,\
Image URL (Import),Is Visible
Product,7,Arc lamp,physical,AL,,variant,0,40,9,0,23;24,<p>Lamp</p>,Stem=Brass;Bulb=E 27,/lamp/,\
{EAN},,TRUE
Variant,8,,,AL-B,Type=Swatch|Name=Shade|Value=Black[#000000];Type=Radio|Name=Size|Value=Tall,,3,,\
,,,,,,,,
Variant,9,,,,Type=Swatch|Name=Shade|Value=White[#FFFFFF],,0,42,,,,,,,,,
Image,10,,,,,,,,,,,,,,,https://c.e/lamp.jpg,
Product,11,Arc cord,physical,AC,,product,5,4,1,3,,,,/cord/,,,FALSE
""",
    )
    assert list(found.products) == ["AL", "AL-B", "9"]
    assert found.of("AL", "price", "in_stock", "codes", "image_url", "group_id") == (
        40.0, True, (EAN,), "https://c.e/lamp.jpg", "AL",
    )  # fmt: skip
    assert found.of("AL-B", "title", "price", "in_stock", "codes", "group_id") == (
        "Arc lamp", 40.0, True, (), "AL",
    )  # fmt: skip
    assert found.attributes("AL-B") == {
        "shade": "Black", "size": "Tall", "stem": "Brass", "bulb": "E 27", "is_visible": True,
    }  # fmt: skip
    assert found.of("9", "price", "in_stock") == (42.0, False)
    assert found.progress.skipped == {"image rows": 1}
    assert found.progress.unpublished == {"hidden": 1}


def test_bigcommerce_older_export(shop: Any) -> None:
    found = shop(
        "old.csv",
        f"""Item Type,Product ID,Product Name,Product Code/SKU,Brand Name,\
Product Description,Price,Product Visible?,Track Inventory,Current Stock Level,Category,\
Product UPC/EAN,Product Custom Fields
Product,1,Arc lamp,AL,Arc,<p>Lamp</p>,40,Y,by option,0,Lighting/Lamps;Sale,,"Stem=Brass;Bulb=E27"
  SKU,2,"[RB]Shade=Black,[S]Size=Tall",AL-B,,,,,,3,,{EAN},
  Rule,3,,,,,,,,,,,
Product,4,Old lamp,OL,Arc,x,40,N,none,0,Lighting,,
""",
    )
    assert found.of("AL", "category", "in_stock", "group_id") == ("Lighting > Lamps", True, "AL")
    assert found.of("AL-B", "title", "brand", "price", "codes") == (
        "Arc lamp", "Arc", 40.0, (EAN,),
    )  # fmt: skip
    assert found.attributes("AL-B") == {
        "shade": "Black", "size": "Tall", "stem": "Brass", "bulb": "E27",
    }  # fmt: skip
    assert list(found.products) == ["AL", "AL-B"]


def test_prestashop(shop: Any) -> None:
    found = shop(
        "presta.csv",
        f"""Product ID;Active (0/1);Name *;Categories (x,y,z...);\
Price tax included;Reference #;Manufacturer;EAN13;Quantity;Summary;Description;\
Tags (x,y,z...);Image URLs (x,y,z...);Feature(Name:Value:Position)
1;1;Kova vase;Home,Decor,Vases;24.50;KV-1;Kova;{EAN};7;Short;;glass,blue;\
https://c.e/1.jpg,https://c.e/2.jpg;Stuff:Glass:1,Height:30 cm:2
2;0;Kova old vase;Home;20;KV-0;Kova;;0;;;;;
3;1;Kova tray;Home > Trays;12;;Kova;;0;;Tray;;;
""",
    )
    assert list(found.products) == ["KV-1", "3"]
    assert found.of("KV-1", "title", "category", "price", "image_url", "codes", "brand") == (
        "Kova vase", "Decor", 24.5, "https://c.e/1.jpg", (EAN,), "Kova",
    )  # fmt: skip
    attributes = found.attributes("KV-1")
    assert (attributes["stuff"], attributes["height"]) == ("Glass", "30 cm")
    assert attributes["tags"] == ("glass", "blue")
    assert found.of("3", "category", "in_stock") == ("Trays", False)
    assert found.progress.unpublished == {"disabled": 1}


ETSY = """TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,\
IMAGE1,IMAGE2,VARIATION 1 TYPE,VARIATION 1 NAME,VARIATION 1 VALUES,SKU
Felt bag,"Wool, felted",39.00,EUR,4,"bag,tote","wool,felt",https://i.e/1.jpg,https://i.e/2.jpg,\
Primary color,Colour,"Grey,Red",FB-1
Felt case,Wool,19.00,EUR,0,,,https://i.e/3.jpg,,Size,,"S,L",
"""


def test_etsy_without_a_sku_goes_by_title(shop: Any) -> None:
    found = shop("etsy.csv", ETSY)
    assert found.products["FB-1"] == Product(
        "FB-1", "Felt bag", "Wool, felted", None, None, 39.0, "EUR", True, None,
        "https://i.e/1.jpg", ("FB-1",), None,
        {"tags": ("bag", "tote"), "materials": ("wool", "felt"), "colour": ("Grey", "Red")},
    )  # fmt: skip
    assert found.attributes("Felt case") == {"size": ("S", "L")}


def test_etsy_products_of_one_title_are_told_apart_by_what_lasts(shop: Any) -> None:
    head = "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,IMAGE1,VARIATION 1 TYPE,SKU\n"
    rows = ["Ring,Silver,{0},EUR,{1},i/1.jpg,,", "Ring,Gold,{0},EUR,{1},i/2.jpg,,"]
    rows += ["Bell,Brass,{0},EUR,{1},i/3.jpg,,", "Ring,Tin,9,EUR,1,i/4.jpg,,R-3"]
    first = shop("first.csv", head + "\n".join(rows).format("20.00", 3))
    assert sorted(each.title for each in first.products.values()) == [
        "Bell",
        "Ring",
        "Ring",
        "Ring",
    ]
    assert {"Bell", "R-3"} < set(first.products)
    others = [key for key in first.products if key.startswith("Ring #")]
    assert len(others) == 2
    assert all(first.attributes(key) == {} for key in others)
    later = shop("later.csv", head + "\n".join(reversed(rows)).format("25.00", 0))
    assert {key: each.description for key, each in later.products.items()} == {
        key: each.description for key, each in first.products.items()
    }


def test_a_count_that_does_not_matter_is_no_stock(shop: Any) -> None:
    found = shop(
        "untracked.csv",
        """Handle,Title,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,\
Variant Inventory Policy,Variant Price
a,A,A,,0,deny,5
b,B,B,shopify,0,continue,5
c,C,C,shopify,0,deny,5
d,D,D,shopify,2,deny,5
""",
    )
    assert {key: each.in_stock for key, each in found.products.items()} == {
        "A": True, "B": True, "C": False, "D": True,
    }  # fmt: skip
    variants = [
        {"sku": f"V-{n}", "inventory_quantity": 0, "inventory_policy": policy, "price": "5",
         "inventory_management": tracker}
        for n, (tracker, policy) in enumerate([(None, "deny"), ("shopify", "deny")])
    ]  # fmt: skip
    products = [{"title": "Vest", "handle": "v", "vendor": "Kern", "variants": variants}]
    found = shop("untracked.json", {"products": products})
    assert (found.of("V-0", "in_stock"), found.of("V-1", "in_stock")) == ((True,), (False,))


def test_a_variation_has_its_own_picture_and_an_escaped_line_break_is_one(shop: Any) -> None:
    rest = [
        {"id": 1, "sku": "C", "type": "variable", "name": "Cup", "permalink": "https://w.e/c",
         "catalog_visibility": "visible", "images": [{"src": "https://w.e/c.jpg"}]},
        {"id": 2, "sku": "C-R", "type": "variation", "parent_id": 1, "name": "Cup red",
         "permalink": "https://w.e/r", "image": {"src": "https://w.e/r.jpg"}},
        {"id": 3, "sku": "C-B", "type": "variation", "parent_id": 1, "name": "Cup blue",
         "permalink": "https://w.e/b", "image": None},
    ]  # fmt: skip
    found = shop("rest.json", rest)
    assert found.of("C-R", "image_url") == ("https://w.e/r.jpg",)
    assert found.of("C-B", "image_url") == ("https://w.e/c.jpg",)
    text = """ID,Type,SKU,Name,Published,Description,In stock?,Regular price,Categories
1,simple,P,Pot,1,"Cast iron.\\nFor soup.\\r\\nHeavy.",1,5,Pots
"""
    assert shop("woo.csv", text).of("P", "description") == ("Cast iron. For soup. Heavy.",)


def test_magento_configurable_of_price_0_has_none(shop: Any) -> None:
    found = shop(
        "m2.csv",
        """sku,product_type,name,price,product_online,configurable_variations
B,configurable,Bowl,0.0000,1,"sku=B-1,colour=Red"
B-1,simple,Bowl red,5,1,
F,simple,Free sample,0,1,
""",
    )
    assert {key: each.price for key, each in found.products.items()} == {
        "B": None, "B-1": 5.0, "F": 0.0,
    }  # fmt: skip


def test_magento_rest(shop: Any) -> None:
    def item(sku: str, status: int) -> dict[str, Any]:
        attributes = {"description": "<p>Of felt</p>", "hue": "Red"}
        return {
            "id": 1, "sku": sku, "name": f"Bag {sku}", "price": 34, "status": status,
            "visibility": 4, "type_id": "simple",
            "extension_attributes": {"stock_item": {"qty": 5, "is_in_stock": True}},
            "custom_attributes": [
                {"attribute_code": code, "value": value} for code, value in attributes.items()
            ],
        }  # fmt: skip

    found = shop("m.json", {"items": [item("B-1", 1), item("B-2", 2)], "total_count": 2})
    assert found.of("B-1", "title", "description", "price", "in_stock", "attributes") == (
        "Bag B-1", "Of felt", 34.0, True, {"hue": "Red"},
    )  # fmt: skip
    assert found.progress.unpublished == {"disabled": 1}


def test_a_value_may_have_a_colon(shop: Any) -> None:
    found = shop(
        "g.csv",
        """id,title,link,image_link,price,product_detail
1,Screen,https://g.e/1,https://g.e/1.jpg,9 EUR,"General:Ratio:16:9,General:Ports:HDMI,Weight:2 kg"
""",
    )
    assert found.attributes("1") == {"ratio": "16:9", "ports": "HDMI", "weight": "2 kg"}


def test_amazon_flat_file(shop: Any) -> None:
    rows = [
        "feed_product_type item_sku external_product_id external_product_id_type brand_name "
        "item_name standard_price quantity parent_child parent_sku relationship_type "
        "bullet_point1 bullet_point2 product_description update_delete",
        f"shirt T-R {EAN} EAN Tav Tav_tee_red 19.90 4 Child T Variation Soft Thin - Update",
        "shirt T - - Tav Tav_tee - - Parent - - Airy - Cotton Update",
        "shirt O - - Tav Tav_gone 5 - - - - - - - Delete",
    ]
    cells = [["" if cell == "-" else cell for cell in row.split()] for row in rows]
    found = shop("flat.tsv", "\n".join("\t".join(row) for row in cells) + "\n")
    assert list(found.products) == ["T-R", "T"]
    assert found.products["T-R"] == Product(
        "T-R", "Tav_tee_red", "Cotton", "Tav", "shirt", 19.9, None, True, None, None, (EAN,), "T",
        {"bullet_points": ("Soft", "Thin")},
    )  # fmt: skip
    assert found.of("T", "group_id", "price") == ("T", None)
    assert found.progress.unpublished == {"deleted": 1}


def test_meta_catalogue(shop: Any) -> None:
    found = shop(
        "meta.csv",
        """id,title,description,availability,condition,price,link,\
image_link,brand,item_group_id,sale_price,status,visibility,additional_variant_attribute
M1,Candle,Wax,in stock,new,9 EUR,https://a.b/1,https://a.b/1.jpg,Lum,C,7 EUR,active,published,\
"Scent:Lemon,Form:Tall"
M2,Candle,Wax,in stock,new,9 EUR,https://a.b/2,https://a.b/2.jpg,Lum,C,,archived,published,
M3,Candle,Wax,in stock,new,9 EUR,https://a.b/2,https://a.b/2.jpg,Lum,C,,active,staging,
""",
    )
    assert found.of("M1", "price", "currency", "group_id") == (9.0, "EUR", "C")
    attributes = found.attributes("M1")
    assert (attributes["scent"], attributes["form"], attributes["sale_price"]) == (
        "Lemon", "Tall", 7.0,
    )  # fmt: skip
    assert found.progress.unpublished == {"archived": 1, "hidden": 1}


@pytest.mark.parametrize(
    "detail",
    [
        "General:Kind:Player,General:Zoom:4x",
        [{"g:section_name": "General", "g:attribute_name": "Kind", "g:attribute_value": "Player"},
         {"attribute_name": "Zoom", "attribute_value": "4x"}],
    ],
)  # fmt: skip
def test_google_product_detail(shop: Any, detail: object) -> None:
    record = {
        "g:id": "G1", "title": "Player", "link": "https://a.b/1", "g:image_link": "https://a.b/1.j",
        "g:price": "19 EUR", "g:shipping": {"g:price": "4 EUR"}, "g:product_detail": detail,
    }  # fmt: skip
    found = shop("feed.json", [record])
    assert found.attributes("G1") == {"kind": "Player", "zoom": "4x"}
    assert found.of("G1", "price") == (19.0,)


def test_heureka(shop: Any) -> None:
    item = """<SHOPITEM><ITEM_ID>{0}</ITEM_ID><PRODUCTNAME>Hrnek {0}</PRODUCTNAME>
<PRODUCT>Hrnek {0} + obal</PRODUCT><URL>https://h.e/{0}</URL><IMGURL>https://h.e/{0}.jpg</IMGURL>
<IMGURL_ALTERNATIVE>https://h.e/b.jpg</IMGURL_ALTERNATIVE><PRICE_VAT>199,50</PRICE_VAT>
<PARAM><PARAM_NAME>Barva</PARAM_NAME><VAL>{1}</VAL></PARAM>
<PARAM><PARAM_NAME>Objem</PARAM_NAME><VAL>300 ml</VAL></PARAM>
<MANUFACTURER>Kern</MANUFACTURER><CATEGORYTEXT>Heureka.cz | Domov | Hrnky</CATEGORYTEXT>
<EAN>4006381333931</EAN><DELIVERY><DELIVERY_ID>PPL</DELIVERY_ID></DELIVERY>
<ITEMGROUP_ID>G</ITEMGROUP_ID></SHOPITEM>"""
    found = shop("h.xml", f"<SHOP>{item.format('A1', 'red')}{item.format('A2', 'blue')}</SHOP>")
    assert found.recognised["platform"] == "Heureka"
    assert found.products["A1"] == Product(
        "A1", "Hrnek A1", "", "Kern", "Domov > Hrnky", 199.5, None, None, "https://h.e/A1",
        "https://h.e/A1.jpg", (EAN,), "G",
        {"product": "Hrnek A1 + obal", "barva": "red", "objem": "300 ml"},
    )  # fmt: skip
    assert found.attributes("A2")["barva"] == "blue"


def test_akeneo_models_above_products(shop: Any) -> None:
    found = shop(
        "akeneo.csv",
        f"""sku;categories;enabled;family;groups;parent;name-en_US;\
name-de_DE;description-en_US-ecommerce;price-EUR;price-USD;weight;weight-unit;shade;ean;\
X_SELL-products
A1;shoes,sale;1;boots;;AM;;;;49.90;59.90;1.5;KILOGRAM;red;{EAN};A2
AM;shoes;1;boots;;AR;;;Warm;;;;;;;
AR;shoes;1;boots;;;Ada boot;Ada Stiefel;;;;;;;;
A2;shoes;0;boots;;;Ada off;;;9;;;;;;
""",
    )
    assert found.of("A1", "title", "description", "category", "price", "currency", "codes") == (
        "Ada boot", "Warm", "shoes", 49.9, "EUR", (EAN,),
    )  # fmt: skip
    assert {each.group_id for each in found.products.values()} == {"AR"}
    attributes = found.attributes("A1")
    assert (attributes["weight"], attributes["shade"]) == ("1.5 kilogram", "red")
    assert (attributes["price_usd"], attributes["name_de_de"]) == (59.9, "Ada Stiefel")
    assert found.progress.unpublished == {"disabled": 1}


def test_shopware(shop: Any) -> None:
    found = shop(
        "shopware.csv",
        f"""id;parent_id;product_number;active;stock;name;description;price_net;price_gross;\
tax_rate;cover_media_url;manufacturer_name;ean;categories;optionIds
0a1;;SW-1;1;0;Filz bag;<p>Wool</p>;33.61;40.00;19;https://c.e/1.jpg;Filz;;0c1|0c2;
0a2;0a1;SW-1.1;1;3;;;;;;;;{EAN};;0d1
0a3;0a1;SW-1.2;0;3;;;;;;;;;;0d2
""",
    )
    assert found.products["SW-1.1"] == Product(
        "SW-1.1", "Filz bag", "Wool", "Filz", None, 40.0, None, True, None, "https://c.e/1.jpg",
        (EAN,), "SW-1", {"active": 1.0},
    )  # fmt: skip
    assert found.of("SW-1", "group_id", "in_stock") == ("SW-1", False)
    assert found.progress.unpublished == {"disabled": 1}


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("status", ["active", "draft"], "draft"),
        ("Status", ["Published", "Archived"], "archived"),
        ("is_active", [True, False], "not published"),
        ("enabled", ["1", "0"], "not published"),
        ("visibility", ["visible", "hidden"], "hidden"),
        ("deleted", ["0", "1"], "deleted"),
        ("aktiv", ["ja", "nein"], "not published"),
        ("Status", ["Auslaufartikel", "inaktiv"], "inactive"),
        ("status", ["discontinued", "Unpublished"], "not published"),
        ("Visibility", ["Catalog and Search", "Hidden"], "hidden"),
        ("Statut", ["en ligne", "Archivé"], "archived"),
        ("published", ["", "false"], "not published"),
    ],
)
def test_a_status_column_is_told_by_its_values(
    shop: Any, column: str, values: list[object], reason: str
) -> None:
    rows = [{"id": str(n), "title": "x", column: value} for n, value in enumerate(values)]
    found = shop("plain.json", rows)
    assert list(found.products) == ["0"]
    assert found.progress.unpublished == {reason: 1}
    assert found.recognised["status"] == column
    assert len(shop("all.json", rows, include_unpublished=True).products) == 2


@pytest.mark.parametrize(
    ("column", "values"),
    [("status", ["new", "on loan"]), ("status", ["1", "0"]), ("active", ["passive", "active"]),
     ("online", ["12", "0"]), ("visibility", ["10 km", "2 km"]), ("state", ["private", "open"])],
)  # fmt: skip
def test_columns_that_say_something_else(shop: Any, column: str, values: list[str]) -> None:
    rows = [{"id": str(n), "title": "x", column: value} for n, value in enumerate(values)]
    assert len(shop("plain.json", rows).products) == 2


MAGENTO_1 = """sku,_store,_attribute_set,_type,_category,name,description,price,special_price,\
status,visibility,glaze,qty,is_in_stock,image,_media_image,_super_products_sku,_super_attribute_code
JUG-1,,Default,simple,Home/Jugs,Jug one,Fired,20.0000,,1,1,Blue,3.0000,1,/j.jpg,/j.jpg,,
,,,,Home/New,,,,,,,,,,,/k.jpg,,
JUG-2,,Default,simple,Home/Jugs,Jug two,,22.0000,,1,1,Red,0.0000,0,,,,
JUG,,Default,configurable,Home/Jugs,Jug,For water,0.0000,,1,4,,0,1,/j.jpg,/j.jpg,JUG-1,glaze
,de,,,,Krug,Aus Ton,,,,,,,,,,JUG-2,glaze
LONE,,Default,simple,Home,Alone,,5,,1,1,,1,1,,,,
OLD,,Default,simple,Home,Old,,5,,2,4,,1,1,,,,
"""


def test_magento_1_rows_without_a_key_go_on_with_the_product_above(shop: Any) -> None:
    found = shop("m1.csv", MAGENTO_1)
    assert found.recognised["platform"] == "Magento 1"
    assert not found.rejected
    assert list(found.products) == ["JUG-1", "JUG-2", "JUG"]
    assert found.of("JUG", "title", "description", "price", "category", "group_id") == (
        "Jug", "For water", None, "Home > Jugs", "JUG",
    )  # fmt: skip
    assert found.of("JUG-2", "title", "description", "price", "in_stock", "group_id") == (
        "Jug two", "For water", 22.0, False, "JUG",
    )  # fmt: skip
    assert found.attributes("JUG-1") == {"glaze": "Blue"}
    assert found.progress.unpublished == {"hidden": 1, "disabled": 1}
    assert found.progress.skipped == {"rows that go on with the product above": 2}


def test_magmi_store_rows_add_and_never_erase(shop: Any) -> None:
    found = shop(
        "magmi.csv",
        """store,websites,attribute_set,type,sku,name,description,price,status,visibility,qty,\
is_in_stock,categories,configurable_attributes,simples_skus,note
de,base,Default,configurable,POT,Topf,Deutsch,,,,,,,,,Notiz
admin,base,Default,configurable,POT,Pot,English,0,1,4,0,1,Home/Pots;;New,size,"POT-S,POT-L",
admin,base,Default,simple,POT-S,Pot S,,10,1,1,4,1,,,,
"admin,de",base,Default,simple,POT-L,Pot L,,12,1,1,0,0,,,,
""",
    )
    assert list(found.products) == ["POT", "POT-S", "POT-L"]
    assert found.of("POT", "title", "description", "category", "price", "group_id") == (
        "Pot", "English", "Home > Pots", None, "POT",
    )  # fmt: skip
    assert found.attributes("POT")["note"] == "Notiz"
    assert found.of("POT-L", "price", "category", "in_stock", "group_id") == (
        12.0, "Home > Pots", False, "POT",
    )  # fmt: skip
    assert found.progress.skipped == {"store-view rows": 1}


@pytest.mark.parametrize("platform", [each for each in PLATFORMS if each.translated])
def test_a_translated_name_is_that_of_one_column(platform: Platform) -> None:
    names = [name for names in platform.translated.values() for name in set(names.split())]
    assert len(names) == len(set(names))
    for column, others in platform.translated.items():
        for name in others.split():
            shown = name.replace("{n}", "7")
            assert platform_name(platform, shown) == column.replace("{n}", "7")


@pytest.mark.parametrize(
    "header",
    [
        "ID;Typ;Artikelnummer;Name;Ver\xf6ffentlicht;Sichtbarkeit im Katalog;Beschreibung;"
        "Vorr\xe4tig?;Regul\xe4rer Preis;Kategorien;Bilder;\xdcbergeordnet;Attribut 1 Name;"
        "Attribut 1 Wert(e)",
        "ID;Type;UGS;Nom;Publi\xe9;Visibilit\xe9 dans le catalogue;Description;En stock ?;"
        "Tarif r\xe9gulier;Cat\xe9gories;Images;Parent;Nom de l\u2019attribut 1;"
        "Valeur(s) de l\u2019attribut 1",
        "ID;Tipo;SKU;Nombre;Publicado;Visibilidad en el cat\xe1logo;Descripci\xf3n;"
        "\xbfExistencias?;Precio normal;Categor\xedas;Im\xe1genes;Superior;Nombre del atributo 1;"
        "Valor(es) del atributo 1",
        "ID;Tipo;COD;Nome;Pubblicato;Visibilit\xe0 nel catalogo;Descrizione;In stock?;"
        "Prezzo di listino;Categorie;Immagine;Genitore;Nome dell'attributo 1;"
        "Valore(i) dell'attributo 1",
        "ID;Type;SKU;Naam;Gepubliceerd;Zichtbaarheid in catalogus;Beschrijving;Op voorraad?;"
        "Reguliere prijs;Categorie\xebn;Afbeeldingen;Hoofd;Attribuut 1 naam;"
        "Attribuut 1 waarde(n)",
        "ID;Typ;Artikelnummer;Namn;Publicerad;Synlighet i katalog;Beskrivning;I lager?;"
        "Ordinarie pris;Kategorier;Bilder;\xd6verordnad;Attribut 1 namn;Attribut 1 v\xe4rde(n)",
    ],
    ids=["German", "French", "Spanish", "Italian", "Dutch", "Swedish"],
)
def test_woocommerce_in_other_languages(shop: Any, header: str) -> None:
    found = shop(
        "woo.csv",
        header
        + """
7;variable;HAT;Hat;1;visible;Felted;1;;Wear > Hats, New;https://w.e/h.jpg;;Fit;Wide, Slim
8;variation;HAT-W;Hat wide;1;visible;;0;19,90;;;HAT;Fit;Wide
9;simple;CAP;Cap;-1;visible;;1;9,90;Wear;;;;
10;simple;BOW;Bow;1;hidden;;1;9,90;Wear;;;;
""",
    )
    assert found.recognised["platform"] == "WooCommerce"
    assert list(found.products) == ["HAT", "HAT-W"]
    assert found.of("HAT-W", "title", "description", "category", "price") == (
        "Hat wide", "Felted", "Wear > Hats", 19.9,
    )  # fmt: skip
    assert found.of("HAT-W", "in_stock", "image_url", "group_id") == (
        False, "https://w.e/h.jpg", "HAT",
    )  # fmt: skip
    assert found.attributes("HAT")["fit"] == ("Wide", "Slim")
    assert found.progress.unpublished == {"draft": 1, "hidden": 1}


@pytest.mark.parametrize(
    "header",
    [
        "ID produit;Actif (0/1);Nom*;Cat\xe9gories (x,y,z...);Prix TTC;R\xe9f\xe9rence n\xb0;"
        "Marque;EAN-13;Quantit\xe9;R\xe9capitulatif;URL des images (x,y,z...);Visibilit\xe9",
        "Produkt-ID;Aktiv (0/1);Name*;Kategorien (x,y,z...);Preis inkl. MwSt.;Artikel-Nr.;Marke;"
        "EAN13;Menge;Zusammenfassung;Bild-URLs (x,y,z...);Sichtbarkeit",
        "ID producto;Activo (0/1);Nombre*;Categor\xedas (x,y,z...);Precio impuestos incluidos;"
        "N\xba de referencia;Marca;EAN13;Cantidad;Resumen;URL de las im\xe1genes (x,y,z...);"
        "Visibilidad",
        "ID prodotto;Attivo (0/1);Nome*;Categorie (x,y,z...);Prezzo IVA inclusa;N. riferimento;"
        "Marca;EAN13;Quantit\xe0;Riepilogo;URL immagini (x,y,z...);Visibilit\xe0",
    ],
    ids=["French", "German", "Spanish", "Italian"],
)
def test_prestashop_in_other_languages(shop: Any, header: str) -> None:
    found = shop(
        "ps.csv",
        header
        + """
4;1;Lamp;Home,Light;12,90;LA-4;Kern;4006381333931;5;Bright;https://p.e/4.jpg;both
5;0;Old lamp;Home,Light;12,90;LA-5;Kern;;5;;;both
6;1;Secret lamp;Home,Light;12,90;LA-6;Kern;;5;;;none
""",
    )
    assert found.recognised["platform"] == "PrestaShop"
    assert found.of("LA-4", "title", "description", "brand", "category", "price", "in_stock") == (
        "Lamp", "Bright", "Kern", "Light", 12.9, True,
    )  # fmt: skip
    assert found.of("LA-4", "image_url", "codes") == ("https://p.e/4.jpg", (EAN,))
    assert found.progress.unpublished == {"disabled": 1, "hidden": 1}


def test_prestashop_grid_export(shop: Any) -> None:
    found = shop(
        "grid.csv",
        """ID;Image;Name;Reference;Category;Price (tax excl.);Quantity;Status
4;https://p.e/4.jpg;Lamp;LA-4;Light;12.90;5;1
5;;Shade;;Light;3.90;5;1
6;;Old;LA-6;Light;3.90;5;0
""",
    )
    assert found.recognised["platform"] == "PrestaShop"
    assert {key: each.price for key, each in found.products.items()} == {"LA-4": 12.9, "5": 3.9}
    assert found.progress.unpublished == {"disabled": 1}


def test_amazon_template_of_qualified_names(shop: Any) -> None:
    at = "[marketplace_id=A1QQ]"
    names = [
        "contribution_sku#1.value", "product_type#1.value", "::record_action",
        f"item_name{at}[language_tag=de_DE]#1.value", f"brand{at}[language_tag=de_DE]#1.value",
        "amzn1.volt.ca.product_id_value", f"bullet_point{at}[language_tag=de_DE]#1.value",
        f"bullet_point{at}[language_tag=de_DE]#2.value", f"color{at}[language_tag=de_DE]#1.value",
        f"purchasable_offer{at}[audience=ALL]#1.our_price#1.schedule#1.value_with_tax",
        "fulfillment_availability#1.quantity", f"parentage_level{at}#1.value",
        f"child_parent_sku_relationship{at}#1.parent_sku",
        f"main_product_image_locator{at}#1.media_location",
    ]  # fmt: skip
    labels = "SKU,Type,Action,Name,Brand,Product id,Bullet,Bullet,Colour,Price,Stock,Level,Parent"
    rows = f"""settings=attributeRow=3&dataRow=4,Do not change these rows
{labels},Image
{",".join(names)}
TO,TOASTER,,Toaster,Kern,,Fast,Quiet,,,,Parent,,
TO-R,TOASTER,,Toaster red,,{EAN},,,Red,49.90,4,Child,TO,https://a.z/r.jpg
TO-X,TOASTER,delete,Toaster X,,,,,Red,49.90,4,Child,TO,
"""
    found = shop("template.txt", rows.replace(",", "\t"))
    assert found.recognised["platform"] == "Amazon template"
    assert list(found.products) == ["TO", "TO-R"]
    assert found.products["TO-R"] == Product(
        "TO-R", "Toaster red", "", "Kern", "TOASTER", 49.9, None, True, None,
        "https://a.z/r.jpg", (EAN,), "TO", {"color": "Red", "bullet_points": ("Fast", "Quiet")},
    )  # fmt: skip
    assert found.progress.unpublished == {"deleted": 1}


def test_meta_numbered_images(shop: Any) -> None:
    found = shop(
        "meta.csv",
        """id,title,description,availability,condition,price,link,image[0].url,image[0].tag[0],status
1,Pan,Iron,in stock,new,9.90 EUR,https://m.e/1,https://m.e/1.jpg,front,active
""",
    )
    assert found.products["1"].image_url == "https://m.e/1.jpg"


def test_a_status_may_come_late(shop: Any) -> None:
    rows: list[dict[str, object]] = [{"id": str(n), "title": "x"} for n in range(250)]
    rows[240]["published"], rows[245]["published"] = True, False
    found = shop("late.json", rows)
    assert len(found.products) == 249
    assert (found.progress.unpublished, found.recognised["status"]) == (
        {"not published": 1},
        "published",
    )
    lines = ["sku,name,published", *(f"{n},Cup {n}," for n in range(250)), "9000,Late,false"]
    assert "9000" not in shop("late.csv", "\n".join(lines)).products


def test_a_name_that_another_column_has_is_kept_as_it_was(shop: Any) -> None:
    found = shop(
        "two.csv",
        """Handle,Title,Variant SKU,Variant Price,Option1 Name,Option1 Value,\
Size (product.metafields.custom.size),Fit (product.metafields.a.fit),Fit (product.metafields.b.fit)
v,Vest,V-S,9,Size,S,small,wide,loose
""",
    )
    attributes = found.attributes("V-S")
    assert (attributes["size"], attributes["fit"]) == ("S", "wide")
    assert {"small", "loose"} <= {str(value) for value in attributes.values()}


def test_joined_records_are_the_same_in_every_run(write: Any, tmp_path: Path) -> None:
    from dsv3.indexer.sources.products import SourceItem, read_items

    path = write("woo.csv", WOO)

    def digests() -> list[bytes]:
        return [item.digest for item in read_items([path]) if isinstance(item, SourceItem)]

    assert digests() == digests()


def test_parents_that_name_each_other_do_not_hang(shop: Any) -> None:
    found = shop("ring.tsv", "item_sku\titem_name\tparent_sku\na\tA\tb\nb\tB\ta\nc\tC\tc\n")
    assert set(found.products) == {"a", "b", "c"}


_JUNK: tuple[Any, ...] = (
    "", "0", '"', "=", ",", "a=b", "\ud800", "\u00b2", "9" * 40, None, [], {}, [[[[[1]]]]], 10**30,
    True, "Name=B|Value=C", "sku=a,size=b|sku=c", "id:20", "P", "draft", [{"name": "a"}],
)  # fmt: skip


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "text", [SHOPIFY, WOO, MAGENTO_1, ETSY], ids=["following", "key", "continued", "told apart"]
)
def test_damaged_rows_are_given_or_counted(text: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - damage, not secrets
    for _ in range(20):
        rows: list[dict[str, Any]] = list(csv.DictReader(text.splitlines()))
        for row in rows:
            for _ in range(chance.randrange(4)):
                row[chance.choice(list(row))] = chance.choice(_JUNK)
        progress = SourceProgress()
        records = [RawRecord("shop", line, row) for line, row in enumerate(rows, start=2)]
        _, whole = complete_rows(iter(records), progress, ReadOptions())
        given = len(list(whole))
        left_out = progress.unpublished.total() + sum(progress.skipped.values())
        assert given + left_out == len(rows)
