"""The names that shops and feeds give to our fields, in order of preference.

Names are compared by `fold_name`: case, spaces, underscores and other marks do not count; a dot
stands before the name of a nested field.
"""

from __future__ import annotations

import re

OUR_FIELDS = (
    "product_id",
    "title",
    "description",
    "brand",
    "category",
    "price",
    "currency",
    "in_stock",
    "url",
    "image_url",
    "codes",
    "group_id",
)

OWN = "our own name"
GOOGLE = "Google Merchant Center"
SHOPIFY = "Shopify"
SCHEMA = "schema.org"
COMMON = "a common name"

_CONVENTIONS: dict[str, dict[str, str]] = {
    SHOPIFY: {
        "product_id": "variantsku handle",
        "description": "bodyhtml",
        "brand": "vendor",
        "category": "productcategory type",
        "price": "variantprice",
        "in_stock": "variantinventoryqty",
        "image_url": "variantimage imagesrc",
        "codes": "variantbarcode googleshoppingmpn",
        "group_id": "handle",
    },
    OWN: {field: field.replace("_", "") for field in OUR_FIELDS},
    GOOGLE: {
        "product_id": "id",
        "title": "title",
        "url": "link",
        "image_url": "imagelink",
        "in_stock": "availability",
        "category": "producttype googleproductcategory",
        "codes": "gtin mpn",
        "group_id": "itemgroupid",
    },
    SCHEMA: {
        "product_id": "sku productid identifier",
        "title": "name",
        "brand": "brand.name manufacturer.name",
        "category": "category.name",
        "price": "offers.price offers.lowprice offers.pricespecification.price",
        "currency": "offers.pricecurrency offers.pricespecification.pricecurrency pricecurrency",
        "in_stock": "offers.availability",
        "url": "offers.url mainentityofpage",
        "image_url": "image image.url image.contenturl",
        "codes": "gtin13 gtin14 gtin12 gtin8 offers.sku",
        "group_id": "inproductgroupwithid isvariantof.productgroupid",
    },
    COMMON: {
        "product_id": (
            "asin itemid itemno itemnumber articleid articleno articlenumber artno productcode "
            "productno productnumber productsku itemsku uniqid uuid uid pid variantid docid "
            "itemcode code"
        ),
        "title": (
            "producttitle productname itemname itemtitle displayname productdisplayname "
            "titleen nameen fulltitle fullname heading label"
        ),
        "description": (
            "productdescription longdescription fulldescription descriptionhtml itemdescription "
            "bodyhtml body shortdescription productshortdescription summary overview details "
            "about text"
        ),
        "brand": (
            "brandname productbrand manufacturer manufacturername vendor vendorname supplier "
            "suppliername maker make brands label marke"
        ),
        "category": (
            "categoryhierarchy categorypath categorytree productcategorytree categoryfull "
            "breadcrumbs breadcrumb categories productcategory taxonomy maincategory categoryname "
            "department productclass categoryid"
        ),
        "price": (
            "currentprice productprice sellingprice finalprice unitprice actualprice "
            "discountedprice regularprice listprice retailprice msrp pricecents priceincents "
            "price.amount price.value price.current variants.price saleprice"
        ),
        "currency": "currencycode price.currency price.currencycode",
        "in_stock": (
            "isinstock available isavailable availabilitystatus stockstatus stock stocklevel "
            "stockquantity stockqty inventory inventoryquantity inventoryqty "
            "variants.inventoryquantity qty quantity"
        ),
        "url": "producturl pageurl canonicalurl permalink weburl itemurl href",
        "image_url": (
            "imageurls images imgurl mainimage mainimageurl primaryimage featuredimage img imghigh "
            "imglarge picture pictureurl photo images.url images.src imgmedium img500x500 "
            "imageurlhigh thumbnail thumbnailurl imglow imgthumb"
        ),
        "codes": (
            "gtin ean ean13 ean8 eancode upc upca upccode isbn isbn13 isbn10 barcode jan "
            "partnumber partno mfrpartnumber mfgpartnumber manufacturerpartnumber "
            "manufacturersku modelnumber modelno mfrpartno oemcode oempartnumber sku asin "
            "variants.sku variants.barcode "
            "gtinupceanorisbn"
        ),
        "group_id": "parentid parentsku parentasin parent masterid groupcode variantgroup",
    },
}

CODE_NAMES = frozenset(
    name for fields in _CONVENTIONS.values() for name in fields.get("codes", "").split()
) - {"codes"}
"""Names of identifiers that a shopper may type; an attribute so named is a code as well."""

PART_NUMBER_NAMES = frozenset({"name"})
"""Beside a title, a field so named often holds the manufacturer's part number."""

SHOPIFY_NOISE = frozenset(
    {
        "variantinventorytracker",
        "variantfulfillmentservice",
        "variantinventorypolicy",
        "imageposition",
        "imagealttext",
        "imagesrc",
        "variantrequiresshipping",
        "varianttaxable",
        "varianttaxcode",
        "giftcard",
        "seotitle",
        "seodescription",
    }
)
"""Columns of a Shopify export that say nothing of the product."""

_MARKS = re.compile(r"[\W_]+")
_PICTURE = re.compile(
    r"(?:additional|main|primary|featured|extra|alt)?(?:img|image|picture|photo|thumb|thumbnail)s?"
    r"(?:url|urls|link|links|src|high|low|small|medium|large|thumb|[0-9]+|[0-9]+x[0-9]+)*"
)


def fold_name(name: str) -> str:
    """Return a name as it is compared: "g:Item_Group ID" gives "itemgroupid"."""
    name = name.casefold().removeprefix("g:")
    return ".".join(_MARKS.sub("", part) for part in name.split("."))


def candidates(field: str, *, shopify: bool = False) -> dict[str, str]:
    """Return the folded names known for one of our fields, best first, with their convention."""
    found: dict[str, str] = {}
    for convention, fields in _CONVENTIONS.items():
        if convention != SHOPIFY or shopify:
            for name in fields.get(field, "").split():
                found.setdefault(name, convention)
    return found


def is_image_name(name: str) -> bool:
    """Tell whether a column holds pictures: "img_500x500" does, "image_stabiliser" does not."""
    return _PICTURE.fullmatch(fold_name(name).replace(".", "")) is not None
