"""Read the products that an HTML page tells machines of: JSON-LD in its scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from ...errors import InputError
from .json_ld import LinkedData
from .lines import LONGEST_LINE
from .records import NoProductsError, RawRecord, ReadOptions, Rejected, SourceProgress
from .stream import ByteStream

_WRAPPING = re.compile(
    r"^\s*(?:<!--|(?://|/\*)?\s*<!\[CDATA\[(?:\s*\*/)?)|(?:-->|(?://|/\*)?\s*\]\]>(?:\s*\*/)?)\s*$"
)


def read_html(
    stream: ByteStream, options: ReadOptions, progress: SourceProgress
) -> Iterator[RawRecord | Rejected]:
    """Yield a record for each product in the page's JSON-LD, of all its blocks together.

    Raises:
        InputError: the page holds none, or is longer than `LONGEST_LINE` bytes.

    """
    content = stream.body.read(LONGEST_LINE + 1)
    if len(content) > LONGEST_LINE:
        raise InputError(f"{stream.name}: the page is longer than {LONGEST_LINE >> 20} MiB")
    progress.recognise(stream.name, format="HTML with JSON-LD")
    page = LexborHTMLParser(content)
    data = LinkedData(stream.name, progress)
    blocks = page.css('script[type^="application/ld+json"]')
    found = False
    for number, block in enumerate(blocks, start=1):
        try:
            value = json.loads(_WRAPPING.sub("", block.text()), strict=False)
        except (ValueError, RecursionError) as error:
            found = True
            reason = f"block {number} of JSON-LD cannot be read ({error})"
            yield Rejected(reason, source=stream.name, line=number, ends=True)
            continue
        for item in data.add(value):
            found = True
            yield item
    for item in data.finish():
        found = True
        yield item
    if not found:
        raise NoProductsError(
            f"{stream.name} is an HTML page without products as JSON-LD; "
            "give the shop's feed or export instead"
        )
