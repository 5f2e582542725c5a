from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from dsv3.errors import InputError
from dsv3.indexer.sources import xml_document
from dsv3.indexer.sources.load import read_records
from dsv3.indexer.sources.records import RawRecord, ReadOptions, Rejected, SourceProgress

RSS = """<?xml version="1.0"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Tarn</title>
<item><g:id>T-1</g:id><g:title>Tarn mug &amp; lid</g:title><g:price>14.50 EUR</g:price>
<g:shipping><g:country>AT</g:country><g:price>3.90 EUR</g:price></g:shipping>
<g:additional_image_link>https://t.example/1b.jpg</g:additional_image_link>
<g:additional_image_link>https://t.example/1c.jpg</g:additional_image_link></item>
<item><g:id>T-2</g:id><title><![CDATA[Tarn jug, <b>1 l</b>]]></title>
<g:price>29 EUR</g:price></item>
</channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:shop="http://base.google.com/ns/1.0">
<title>Tarn</title><link rel="self" href="https://t.example/feed"/>
<entry><id>tag:t.example,2026:1</id><shop:id>T-1</shop:id><title type="html">Tarn mug</title>
<link href="https://t.example/1"/><link rel="enclosure" href="https://t.example/1.jpg"/>
<category term="mugs" label="Mugs"/>
<summary type="xhtml"><div><p>Holds <b>tea</b>.</p></div></summary>
</entry></feed>"""
RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://purl.org/rss/1.0/" xmlns:g="http://base.google.com/ns/1.0">
<channel rdf:about="https://t.example"><title>Tarn</title></channel>
<item rdf:about="https://t.example/1"><title>Tarn mug</title><g:id>T-1</g:id></item></rdf:RDF>"""


def found(write: Any, content: str | bytes, **options: Any) -> list[RawRecord | Rejected]:
    return list(read_records(write("feed", content), ReadOptions(**options)))


def fields_of(write: Any, content: str | bytes, **options: Any) -> list[dict[str, object]]:
    items = found(write, content, **options)
    assert all(isinstance(item, RawRecord) for item in items), items
    return [dict(item.fields) for item in items if isinstance(item, RawRecord)]


def catalogue(*products: str, encoding: str = "utf-8") -> str:
    return (
        f'<?xml version="1.0" encoding="{encoding}"?>\n<list>\n' + "\n".join(products) + "\n</list>"
    )


def product(number: int, name: str = "mug") -> str:
    return f"<product id='{number}'><name>{name}</name></product>"


def test_items_of_a_feed_keep_what_is_nested_apart(write: Any, read: Any) -> None:
    progress = SourceProgress()
    spec = write("feed.txt", RSS)
    products, rejected = read(spec, progress=progress)
    assert not rejected
    assert [(each.product_id, each.title) for each in products] == [
        ("T-1", "Tarn mug & lid"),
        ("T-2", "Tarn jug, 1 l"),
    ]
    assert [each.price for each in products] == [14.5, 29]
    assert progress.recognised[spec]["format"] == "XML (RSS 2.0)"
    [first, _] = fields_of(write, RSS)
    assert first["shipping"] == {"country": "AT", "price": "3.90 EUR"}
    assert first["additional_image_link"] == [
        "https://t.example/1b.jpg",
        "https://t.example/1c.jpg",
    ]


def test_entries_of_atom_and_items_of_rdf(write: Any) -> None:
    [entry] = fields_of(write, ATOM)
    assert entry == {
        "id": "T-1",
        "feed.id": "tag:t.example,2026:1",
        "title": "Tarn mug",
        "link": "https://t.example/1",
        "link.enclosure": "https://t.example/1.jpg",
        "category": "Mugs",
        "summary": entry["summary"],
    }
    assert str(entry["summary"]).split() == ["Holds", "tea", "."]
    assert fields_of(write, RDF) == [{"title": "Tarn mug", "id": "T-1"}]


def test_attributes_pairs_and_lists_become_fields(write: Any, read: Any) -> None:
    content = catalogue(
        """<product id="7"><name>Vase</name><price currency="CHF">48.00</price>
        <param name="Glaze">matt</param><param name="Glaze">grey</param>
        <attribute code="height" unit="cm">31</attribute><size value="M"/>
        <specs><spec><name>Clay</name><value>stoneware</value></spec></specs>
        <tag>new</tag><tag>gift</tag></product>"""
    )
    [record] = fields_of(write, content)
    assert record["price"] == "48.00"
    assert record["price.currency"] == "CHF"
    [vase], _ = read(write("feed", content))
    assert (vase.product_id, vase.price, vase.currency) == ("7", 48, "CHF")
    assert {name: vase.attributes[name] for name in ("glaze", "height", "clay", "size", "tag")} == {
        "glaze": ("matt", "grey"),
        "height": "31 cm",
        "clay": "stoneware",
        "size": "M",
        "tag": ("new", "gift"),
    }


@pytest.mark.parametrize(
    ("declared", "written"),
    [
        ("utf-8", "utf-8"),
        ("iso-8859-1", "cp1252"),
        ("windows-1252", "cp1252"),
        ("windows-1250", "cp1250"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("utf-8", "cp1252"),
        ("iso-8859-1", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("no-such-thing", "utf-8"),
    ],
)
def test_text_is_read_as_it_was_written_whatever_is_declared(
    write: Any, declared: str, written: str
) -> None:
    content = catalogue(product(1, "Krüge für 5 €"), product(2), encoding=declared)
    [first, _] = fields_of(write, content.encode(written))
    assert first["name"] == "Krüge für 5 €"


def test_an_encoding_given_by_hand_counts(write: Any) -> None:
    content = catalogue(product(1, "mug \u017e"), product(2)).encode("cp1250")
    assert fields_of(write, content, encoding="cp1250")[0]["name"] == "mug \u017e"


@pytest.mark.parametrize(
    "broken",
    [
        "<product id='3'><name>5 < 6</name></product>",
        "<product id='3'><name>mug</nam></product>",
        "<product id='3'><name>mug",
        "<product id='3'><name><![CDATA[mug</name></product>",
        "<product id='3' id='4'><name>mug</name></product>",
        "<product id='3'><name>&#11;</name></product>",
        "<product id='3'>" + "<a>" * 100 + "</product>",
    ],
)
@pytest.mark.parametrize("before", [0, 2, 1500])
def test_a_broken_item_is_lost_alone_and_told(write: Any, broken: str, before: int) -> None:
    good = [product(number) for number in range(before)]
    items = found(write, catalogue(*good, broken, product(98), product(99)))
    bad = [item for item in items if isinstance(item, Rejected)]
    assert len(items) == before + 3
    assert [(item.line, item.ends) for item in bad] == [(before + 3, False)]
    assert "no well-formed XML" in bad[0].reason
    assert str(bad[0].record).startswith("<product")
    assert items[-1].line == before + 5
    assert items[-1].fields == {"id": "99", "name": "mug"}  # type: ignore[union-attr]


def test_the_last_item_broken_is_lost_alone(write: Any) -> None:
    *good, bad = found(write, catalogue(product(1), product(2), "<product><name>x</product>"))
    assert len(good) == 2
    assert isinstance(bad, Rejected)
    assert not bad.ends


def test_names_of_html_and_bare_ampersands_are_understood(write: Any) -> None:
    content = catalogue(product(1, "caf&eacute; &amp; bar"), product(2, "b & b &nbsp;&copy"))
    assert [each["name"] for each in fields_of(write, content)] == ["café & bar", "b & b \xa0&copy"]


@pytest.mark.parametrize("cut", [8, 20, 45, 60])
def test_a_document_that_breaks_off_says_so(write: Any, cut: int) -> None:
    items = found(write, catalogue(*map(product, range(9)))[:-cut])
    assert isinstance(items[-1], Rejected)
    assert items[-1].ends
    assert len(items) >= 8


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE a [<!ENTITY x "yy"><!ENTITY z "&x;&x;">]>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd">',
        '<!DOCTYPE a [<!ENTITY z SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_document_types_are_refused(write: Any, declared: str) -> None:
    content = f"{declared}<a><p><id>1</id><name>&z;</name></p></a>"
    with pytest.raises(InputError, match="declares a document type"):
        found(write, content)
    with pytest.raises(InputError, match="declares a document type"):
        found(write, f"<!-- {'x' * 70_000} -->{content}", items="a/p")


def test_the_product_is_the_element_with_the_names_of_products(write: Any) -> None:
    content = """<shop><currencies><currency id="EUR" rate="1"/></currencies>
    <categories><category id="1">Mugs</category><category id="2">Jugs</category></categories>
    <offers><offer id="5"><name>Mug</name><price>3</price><variants>
    <variant><sku>5a</sku><price>3</price><ean>1</ean><quantity>1</quantity></variant>
    <variant><sku>5b</sku><price>4</price><ean>2</ean><quantity>0</quantity></variant></variants></offer>
    <offer id="6"><name>Jug</name><price>4</price></offer></offers></shop>"""
    goods = fields_of(write, content)
    assert [each["id"] for each in goods] == ["5a", "5b", "6"]
    assert [each.get("group_id") for each in goods] == ["5", "5", None]
    assert len(fields_of(write, content, items="variants/variant")) == 2
    with pytest.raises(InputError, match="no element stands at --items shop/thing"):
        found(write, content, items="shop/thing")


def test_where_it_is_not_evident_the_option_is_named(write: Any) -> None:
    twice = "<a><b><x>1</x><y>2</y></b>" * 1
    content = f"{twice}<b><x>1</x><y>2</y></b><c><x>1</x><y>2</y></c><c><x>1</x><y>2</y></c></a>"
    with pytest.raises(InputError, match=r"not evident .*\(a/b, a/c\); say which with --items"):
        found(write, content)
    assert len(fields_of(write, content, items="a/c")) == 2


def test_a_prefix_that_all_names_have_is_no_part_of_them(write: Any) -> None:
    content = """<x:list xmlns:x="urn:x"><x:product><x:sku>1</x:sku><x:name>Mug</x:name></x:product>
    </x:list>"""
    assert fields_of(write, content) == [{"sku": "1", "name": "Mug"}]


def test_a_feed_without_items_gives_none(write: Any) -> None:
    assert found(write, "<rss><channel><title>Tarn</title></channel></rss>") == []


class _Endless(io.RawIOBase):
    def __init__(self, head: bytes, body: Callable[[], bytes]) -> None:
        self.left, self.body = head, body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.left = self.left or self.body()
        given = self.left[: len(buffer)]
        buffer[: len(given)] = given
        self.left = self.left[len(given) :]
        return len(given)


@pytest.mark.parametrize("body", [product(1).encode() * 500, (product(1) + "<a>").encode() * 500])
def test_memory_does_not_grow_with_the_document(
    monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    stdin = io.TextIOWrapper(io.BufferedReader(_Endless(b"<list>", lambda: body)))
    monkeypatch.setattr("sys.stdin", stdin)
    records = read_records("-")
    next(records)
    tracemalloc.start()
    try:
        for _ in range(5_000):
            next(records)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4_000_000


def test_an_item_without_end_is_given_up(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_document, "LONGEST_LINE", 1 << 20)
    long = "<product id='1'><name>" + "x" * (1 << 21) + "</name></product>"
    first, second = found(write, catalogue(long, product(2)))
    assert isinstance(first, Rejected)
    assert "longer than 1 MiB" in first.reason
    assert second.fields["id"] == "2"  # type: ignore[union-attr]


def test_variants_within_an_item_take_what_it_says(write: Any) -> None:
    content = """<goods><good id="7" ean="4006381333931"><name>Scarf</name><price>12</price>
    <variants><variant sku="7-R"><name>red</name><stock>2</stock></variant>
    <variant sku="7-G"><name>green</name><price>14</price></variant></variants></good>
    <good id="8"><name>Hat</name><price>9</price>
    <variants><variant><colour>red</colour></variant></variants></good></goods>"""
    red, green, hat = fields_of(write, content)
    assert red == {"id": "7-R", "sku": "7-R", "name": "Scarf", "price": "12", "variant": "red",
                   "stock": "2", "group_id": "7"}  # fmt: skip
    assert (green["price"], green["variant"], green["group_id"]) == ("14", "green", "7")
    assert hat["id"] == "8"
    assert hat["variants"] == {"variant": {"colour": "red"}}


def test_categories_and_contents_are_where_other_items_have_them(write: Any) -> None:
    content = """<goods><good><id>1</id><name>Scarf</name><price>9</price>
    <categories><category>Women</category><category>Scarves</category></categories></good></goods>"""
    [scarf] = fields_of(write, content)
    assert scarf["category"] == ["Women", "Scarves"]
    assert "categories" not in scarf
    content = """<feed xmlns="http://www.w3.org/2005/Atom"><entry><id>1</id><title>Scarf</title>
    <content type="html">&lt;b&gt;Warm&lt;/b&gt;</content></entry>
    <entry><id>2</id><title>Hat</title><summary>Light</summary><content>Long</content></entry></feed>"""
    scarf, hat = fields_of(write, content)
    assert scarf["summary"] == "<b>Warm</b>"
    assert (hat["summary"], hat["content"]) == ("Light", "Long")
