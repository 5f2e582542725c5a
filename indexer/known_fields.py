"""The fields that every product has a place for: the one table that all who use them read.

SQL, columns, keyword search, templates, recognition and evaluation take from here what they need
to know of a field. A new field is a line in `Product` and an entry here; a new name that feeds
give to a field is a word in its `aliases`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OWN = "our own name"
GOOGLE = "Google Merchant Center"
SHOPIFY = "Shopify"
SCHEMA = "schema.org"
COMMON = "a common name"
CONVENTIONS = (SHOPIFY, OWN, GOOGLE, SCHEMA, COMMON)
"""Whose names are tried before whose."""

ATTRIBUTES = "attributes"
"""The place for every other field, which is none of the known ones itself."""

_ATTRIBUTES_WEIGHT = 0.3

Kind = Literal["text", "number", "boolean"]
Look = Literal["letters", "stock", "address", "picture"]


@dataclass(frozen=True, slots=True)
class KnownField:
    """One field of `Product`.

    Attributes:
        name: as `Product` has it.
        kind: of its values in SQL and in the columns.
        several: it holds a tuple of them.
        optional: it may be None.
        keyword_weight: default weight in keyword search; None where its words are not searched.
        spelled: its words are short and well spelled: misspelt ones are set right by them.
        placeholder: a template may name it.
        needed: a record without it is no product.
        by_name: a column of its name is taken though its values do not look right.
        look: what some of its values look like; None for anything.
        aliases: for each convention the folded names, best first, with spaces between.
    """

    name: str
    kind: Kind = "text"
    several: bool = False
    optional: bool = True
    keyword_weight: float | None = None
    spelled: bool = False
    placeholder: bool = False
    needed: bool = False
    by_name: bool = False
    look: Look | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)

    def names(self, convention: str) -> list[str]:
        """Return the folded names that a convention has for this field, best first."""
        own = self.name.replace("_", "") if convention == OWN else ""
        return self.aliases.get(convention, own).split()


KNOWN_FIELDS = (
    KnownField(
        "product_id",
        optional=False,
        needed=True,
        by_name=True,
        aliases={
            SHOPIFY: "variantsku handle",
            GOOGLE: "id",
            SCHEMA: "sku productid identifier",
            COMMON: (
                "asin itemid itemno itemnumber articleid articleno articlenumber artno productcode "
                "productno productnumber productsku itemsku uniqid uuid uid pid variantid docid "
                "itemcode code"
            ),
        },
    ),
    KnownField(
        "title",
        optional=False,
        keyword_weight=1.0,
        spelled=True,
        placeholder=True,
        needed=True,
        by_name=True,
        look="letters",
        aliases={
            GOOGLE: "title",
            SCHEMA: "name",
            COMMON: (
                "producttitle productname itemname itemtitle displayname productdisplayname "
                "titleen nameen fulltitle fullname heading label"
            ),
        },
    ),
    KnownField(
        "description",
        optional=False,
        keyword_weight=1.0,
        placeholder=True,
        aliases={
            SHOPIFY: "bodyhtml",
            COMMON: (
                "productdescription longdescription fulldescription descriptionhtml "
                "itemdescription bodyhtml body shortdescription productshortdescription summary "
                "overview details about text"
            ),
        },
    ),
    KnownField(
        "brand",
        keyword_weight=1.0,
        spelled=True,
        placeholder=True,
        look="letters",
        aliases={
            SHOPIFY: "vendor",
            SCHEMA: "brand.name manufacturer.name",
            COMMON: (
                "brandname productbrand manufacturer manufacturername vendor vendorname supplier "
                "suppliername maker make brands label marke"
            ),
        },
    ),
    KnownField(
        "category",
        keyword_weight=1.0,
        spelled=True,
        placeholder=True,
        look="letters",
        aliases={
            SHOPIFY: "productcategory type",
            GOOGLE: "producttype googleproductcategory",
            SCHEMA: "category.name",
            COMMON: (
                "categoryhierarchy categorypath categorytree productcategorytree categoryfull "
                "breadcrumbs breadcrumb categories productcategory taxonomy maincategory "
                "categoryname department productclass categoryid"
            ),
        },
    ),
    KnownField(
        "price",
        kind="number",
        placeholder=True,
        by_name=True,
        aliases={
            SHOPIFY: "variantprice",
            SCHEMA: "offers.price offers.lowprice offers.pricespecification.price",
            COMMON: (
                "currentprice productprice sellingprice finalprice unitprice actualprice "
                "discountedprice regularprice listprice retailprice msrp pricecents priceincents "
                "price.amount price.value price.current variants.price saleprice"
            ),
        },
    ),
    KnownField(
        "currency",
        placeholder=True,
        look="letters",
        aliases={
            SCHEMA: "offers.pricecurrency offers.pricespecification.pricecurrency pricecurrency",
            COMMON: "currencycode price.currency price.currencycode",
        },
    ),
    KnownField(
        "in_stock",
        kind="boolean",
        look="stock",
        aliases={
            SHOPIFY: "variantinventoryqty",
            GOOGLE: "availability",
            SCHEMA: "offers.availability",
            COMMON: (
                "isinstock available isavailable availabilitystatus stockstatus stock stocklevel "
                "stockquantity stockqty inventory inventoryquantity inventoryqty "
                "variants.inventoryquantity qty quantity"
            ),
        },
    ),
    KnownField(
        "url",
        look="address",
        aliases={
            GOOGLE: "link",
            SCHEMA: "offers.url mainentityofpage",
            COMMON: "producturl pageurl canonicalurl permalink weburl itemurl href",
        },
    ),
    KnownField(
        "image_url",
        look="picture",
        aliases={
            SHOPIFY: "variantimage imagesrc",
            GOOGLE: "imagelink",
            SCHEMA: "image image.url image.contenturl",
            COMMON: (
                "imageurls images imgurl mainimage mainimageurl primaryimage featuredimage img "
                "imghigh imglarge picture pictureurl photo images.url images.src imgmedium "
                "img500x500 imageurlhigh thumbnail thumbnailurl imglow imgthumb"
            ),
        },
    ),
    KnownField(
        "codes",
        several=True,
        optional=False,
        by_name=True,
        aliases={
            SHOPIFY: "variantbarcode googleshoppingmpn",
            GOOGLE: "gtin mpn",
            SCHEMA: "gtin13 gtin14 gtin12 gtin8 offers.sku",
            COMMON: (
                "gtin ean ean13 ean8 eancode upc upca upccode isbn isbn13 isbn10 barcode jan "
                "partnumber partno mfrpartnumber mfgpartnumber manufacturerpartnumber "
                "manufacturersku modelnumber modelno mfrpartno oemcode oempartnumber sku asin "
                "variants.sku variants.barcode gtinupceanorisbn"
            ),
        },
    ),
    KnownField(
        "group_id",
        placeholder=True,
        by_name=True,
        aliases={
            SHOPIFY: "handle",
            GOOGLE: "itemgroupid",
            SCHEMA: "inproductgroupwithid isvariantof.productgroupid",
            COMMON: "parentid parentsku parentasin parent masterid groupcode variantgroup",
        },
    ),
)

FIELD_NAMES = tuple(each.name for each in KNOWN_FIELDS)

SPELLED_FIELDS = tuple(each.name for each in KNOWN_FIELDS if each.spelled)

KEYWORD_WEIGHTS: Mapping[str, float] = {
    each.name: each.keyword_weight
    for each in sorted(KNOWN_FIELDS, key=lambda each: not each.spelled)
    if each.keyword_weight is not None
} | {ATTRIBUTES: _ATTRIBUTES_WEIGHT}
"""The fields that keyword search reads, with their default weights: names first, then prose.

The ledger's digests depend on this order.
"""
