"""Products in JSON-LD, as schema.org describes them: graphs, lists, groups and their variants."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from .prices import parse_price
from .records import RawRecord, SourceProgress
from .values import as_stock

WINDOW = 10_000
"""How many nodes are held back, so that those which name each other are joined."""

_PRODUCTS = frozenset(
    {
        "Product",
        "ProductGroup",
        "IndividualProduct",
        "ProductModel",
        "Vehicle",
        "Car",
        "Book",
        "SomeProducts",
    }
)
_WITHIN = ("@graph", "itemListElement", "mainEntity", "item", "itemOffered", "hasPart")
_DEEPEST = 8
_OWN = frozenset(
    {
        "productGroupID",
        "hasVariant",
        "variesBy",
        "sku",
        "gtin",
        "gtin8",
        "gtin12",
        "gtin13",
        "gtin14",
        "mpn",
        "productID",
        "identifier",
        "aggregateRating",
        "review",
        "url",
    }
)
"""What a group says of itself; its variants take over whatever else it says."""

_OF_OTHERS = frozenset(
    {
        "isRelatedTo",
        "isSimilarTo",
        "isAccessoryOrSparePartFor",
        "isConsumableFor",
        "review",
        "reviews",
    }
)
"""What a product says of other products, and what others say of it."""

_IDS = (
    "sku",
    "productID",
    "gtin",
    "gtin14",
    "gtin13",
    "gtin12",
    "gtin8",
    "mpn",
    "productGroupID",
    "@id",
    "url",
)
"""What a product is known by, best first; not all products of a shop have the same."""

Node = dict[str, object]


def types(value: Mapping[str, object]) -> frozenset[str]:
    """Return the names of a node's types, without the vocabulary they are from."""
    kind = value.get("@type", [])
    kinds = kind if isinstance(kind, list) else [kind]
    return frozenset(str(name).rpartition("/")[2].rpartition(":")[2] for name in kinds)


def is_product(value: object) -> bool:
    """Tell whether a node of JSON-LD is a product, or a group of its variants."""
    return isinstance(value, dict) and not _PRODUCTS.isdisjoint(types(value))


def is_linked_data(value: object) -> bool:
    """Tell whether a value is a node, or a document, of JSON-LD."""
    return isinstance(value, dict) and ("@type" in value or "@graph" in value)


class LinkedData:
    """Gives a record for each product among nodes; a variant with what its group says.

    A variant stands in its group, is named by it, or names it. So nodes are held back, `WINDOW` of
    them, until all are there; a group is joined with variants that come later, too. A group none of
    whose variants is there is a product itself.
    """

    def __init__(self, source: str, progress: SourceProgress) -> None:
        self._source = source
        self._progress = progress
        self._held: list[Node] = []
        self._groups: dict[str, Node] = {}
        self._others: dict[str, Node] = {}
        self._count = 0

    def add(self, value: object) -> Iterator[RawRecord]:
        """Take in a value; yield the records that are then ready."""
        for node in self._nodes(value, 0):
            self._held.append(node)
            if len(self._held) >= WINDOW:
                yield from self.finish()

    def finish(self) -> Iterator[RawRecord]:
        """Yield the records of all nodes held back."""
        held, self._held = self._held, []
        by_id = {name: node for node in held if isinstance(name := node.get("@id"), str)}
        self._note_groups(held)
        group_of = {id(node): group for node in held if (group := self._named_group(node))}
        within: dict[int, list[Node]] = {}
        for node in held:
            for variant in _variants(node):
                known = by_id.get(str(variant.get("@id")))
                if known is not None and known is not node:
                    group_of[id(known)] = node
                elif len(variant) > 1:
                    within.setdefault(id(node), []).append(variant)
        yield from self._emitted(held, group_of, within)

    def _note_groups(self, held: Sequence[Node]) -> None:
        for node in held:
            if "ProductGroup" in types(node) and len(self._groups) < WINDOW:
                for name in (node.get("@id"), node.get("productGroupID")):
                    if isinstance(name, str | int):
                        self._groups[str(name)] = node

    def _emitted(
        self, held: Sequence[Node], group_of: Mapping[int, Node], within: Mapping[int, list[Node]]
    ) -> Iterator[RawRecord]:
        joined = {id(group) for group in group_of.values()}
        for node in held:
            if id(node) in within:
                for variant in within[id(node)]:
                    yield self._record(_joined(variant, node))
            elif id(node) in group_of:
                yield self._record(_joined(node, group_of[id(node)]))
            elif id(node) not in joined:
                yield self._record(node)

    def _named_group(self, node: Node) -> Node | None:
        """Return the group that a variant names, or tells of within itself."""
        named = next(iter(_as_list(node.get("isVariantOf"))), node.get("inProductGroupWithID"))
        if isinstance(named, dict):
            ids = (named.get("@id"), named.get("productGroupID"))
            known = next(
                (self._groups[str(name)] for name in ids if str(name) in self._groups), None
            )
            group = known or (named if len(named) > 1 else None)
        else:
            group = self._groups.get(str(named)) if named is not None else None
        return None if group is node else group

    def _record(self, node: Node) -> RawRecord:
        self._count += 1
        node = {name: self._resolved(value) for name, value in node.items()
                if name not in _OF_OTHERS}  # fmt: skip
        if (known := _known_by(node)) is not None:
            node["sku"] = known
        if (other := node.pop("productID", None)) not in (None, node.get("sku")):
            node.setdefault("identifier", other)  # under its own name it would be the id of some
        if "offers" in node:
            node["offers"] = _one_offer(node["offers"])
        if "additionalProperty" in node:
            node["additionalProperty"] = [
                _with_unit(each) for each in _as_list(node["additionalProperty"])
            ]
        return RawRecord(self._source, self._count, node)

    def _resolved(self, value: object) -> object:
        """Return the brand or offer that a reference names."""
        if not self._others:
            return value
        if isinstance(value, list):
            return [self._resolved(each) for each in value]
        if isinstance(value, dict) and value.keys() == {"@id"}:
            return self._others.get(str(value["@id"]), value)
        return value

    def _nodes(self, value: object, depth: int) -> Iterator[Node]:
        """Yield the products in a value, however they are wrapped."""
        if isinstance(value, list):
            for each in value:
                yield from self._nodes(each, depth)
        elif isinstance(value, dict) and depth < _DEEPEST:
            if is_product(value):
                yield value
                return
            inner = [each for key in _WITHIN if isinstance(each := value.get(key), dict | list)]
            for each in inner:
                yield from self._nodes(each, depth + 1)
            if not inner:
                self._progress.skip("not a product")
                if isinstance(name := value.get("@id"), str) and len(self._others) < WINDOW:
                    self._others[name] = value


def _known_by(node: Node) -> object:
    """Return what a product without an SKU is known by; None where it has one, or nothing else."""
    found = {name: value for name in _IDS if isinstance(value := node.get(name), str | int)}
    found = {name: value for name, value in found.items() if str(value).strip()}
    if "sku" in found or node.get("sku"):
        return None
    if str(found.get("@id", "")).startswith(("#", "_:")) and "url" in found:
        del found["@id"]  # it says something within its page alone
    return next(iter(found.values()), None)


def _one_offer(offers: object) -> object:
    """Return the one of several offers that counts: the cheapest, of those that can be had if any.

    Only offers in the currency of the first are compared. The SKUs of all are kept, and an address.
    """
    if isinstance(offers, dict):
        inner = offers.get("offers")
        if inner and "lowPrice" not in offers and "price" not in offers:
            return _one_offer(inner)
        return {name: value for name, value in offers.items() if name != "offers"}
    listed = [each for each in _as_list(offers) if isinstance(each, dict)]
    if len(listed) < 2:
        return offers
    currency = _offered(listed[0])[1]
    alike = [each for each in listed if _offered(each)[1] == currency]
    chosen = min(alike, key=lambda each: (as_stock(each.get("availability")) is False,
                                          _offered(each)[0]))  # fmt: skip
    skus = list(dict.fromkeys(str(each["sku"]) for each in listed if each.get("sku")))
    url = next((each["url"] for each in listed if each.get("url")), None)
    found = {**chosen, "sku": skus} if skus else dict(chosen)
    return found if url is None else {"url": url, **found}


def _offered(offer: Node) -> tuple[float, object]:
    """Return the price of an offer, infinite where none can be read, and its currency."""
    within = next(iter(_as_list(offer.get("priceSpecification"))), None)
    within = within if isinstance(within, dict) else {}
    price = next((each for each in (offer.get("price"), offer.get("lowPrice"), within.get("price"))
                  if each not in (None, "")), None)  # fmt: skip
    amount = parse_price(price, "units").amount
    currency = offer.get("priceCurrency") or within.get("priceCurrency")
    return math.inf if amount is None else amount, currency


def _with_unit(value: object) -> object:
    """Return a property whose value has its unit with it."""
    if not isinstance(value, dict) or not isinstance(value.get("unitText"), str):
        return value
    amount, unit = value.get("value"), value["unitText"].strip()
    if isinstance(amount, bool) or not isinstance(amount, str | int | float) or not unit:
        return value
    if str(amount).rstrip().endswith(unit):
        return value
    return {**value, "value": f"{amount} {unit}"}


def _variants(group: Node) -> list[Node]:
    return [each for each in _as_list(group.get("hasVariant")) if isinstance(each, dict)]


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _joined(variant: Node, group: Node) -> Node:
    """Return a variant with what its group says and it does not, and with the group's id."""
    joined: Node = {
        name: value for name, value in group.items() if name not in _OWN and name[:1] != "@"
    }
    joined |= {name: value for name, value in variant.items() if value not in (None, "", [])}
    joined.pop("isVariantOf", None)
    name = group.get("productGroupID") or group.get("@id")
    if name is not None:
        joined["inProductGroupWithID"] = name
    return joined
