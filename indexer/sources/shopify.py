"""Put the rows of a Shopify export together: one row a variant or picture, named by a handle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain

from .names import fold_name
from .recognition import is_shopify
from .records import RawRecord, Rejected, SourceProgress

_INHERITED = ("title", "bodyhtml", "vendor", "productcategory", "type", "tags", "imagesrc")
_OPTIONS = ("option1", "option2", "option3")
_VARIANT = ("variantsku", "variantprice", "variantbarcode", "option1value")


def complete_rows(
    items: Iterable[RawRecord | Rejected], progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield the records of any source; the rows of a Shopify export are put together."""
    items = iter(items)
    for item in items:
        if isinstance(item, RawRecord):
            whole = chain([item], items)
            yield from join_rows(whole, progress) if is_shopify(item.fields) else whole
            return
        yield item


def join_rows(
    items: Iterable[RawRecord | Rejected], progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record for each variant, complete in itself.

    A later row of a handle takes title, text, vendor and options' names from the first. A row
    with a picture and no variant is dropped and counted. A variant without a SKU gets the handle
    and its options as one, so that variants do not replace each other. The options become
    columns of their own: "Option1 Name" = Size, "Option1 Value" = M gives "Size" = M.
    """
    handle = ""
    first: dict[str, object] = {}
    for item in items:
        if isinstance(item, Rejected):
            yield item
            continue
        row = {fold_name(name): name for name in item.fields}
        values = {folded: item.fields[name] for folded, name in row.items()}
        continues = bool(handle) and values.get("handle") == handle
        if not continues:
            handle, first = str(values.get("handle") or ""), values
        elif not any(values.get(name) for name in _VARIANT):
            progress.skip("picture rows")
            continue
        yield RawRecord(
            item.source, item.line, _complete(item.fields, row, values, first, continues)
        )


def _complete(
    fields: Mapping[str, object],
    row: Mapping[str, str],
    values: Mapping[str, object],
    first: Mapping[str, object],
    continues: bool,
) -> dict[str, object]:
    complete = {
        name: value for name, value in fields.items() if not fold_name(name).startswith(_OPTIONS)
    }
    for folded in _INHERITED:
        if continues and folded in row and not values.get(folded):
            complete[row[folded]] = first.get(folded)
    options = _options(values, first)
    complete.update({name: value for name, value in options.items() if name not in complete})
    if continues and not values.get("variantsku"):
        parts = [str(values["handle"]), *(str(value) for value in options.values())]
        complete[row.get("variantsku", "Variant SKU")] = "/".join(parts)
    return complete


def _options(values: Mapping[str, object], first: Mapping[str, object]) -> dict[str, object]:
    options: dict[str, object] = {}
    for option in _OPTIONS:
        name = values.get(f"{option}name") or first.get(f"{option}name")
        value = values.get(f"{option}value")
        # A product without options has the option "Title" with the value "Default Title".
        if name and value and value != "Default Title":
            options[str(name)] = value
    return options
