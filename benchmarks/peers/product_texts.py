"""Read products for the peers, and write the text that each system encodes.

Needs the standard library alone: the peers' interpreter imports it.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPLATE = "{title}. {brand}. {description}"
"""The same text in dsv3's words."""

_TAG = re.compile(r"<(?:/?[a-zA-Z]|!--)[^<>]*>")


def read_products(path: Path) -> Iterator[dict[str, Any]]:
    """Yield id, title, brand, price and text of each product of a JSON Lines file."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            record = json.loads(line)
            title = clean(record["title"])
            brand = clean(record.get("brand") or record.get("supplier") or "")
            description = clean(record.get("description") or record.get("short_description") or "")
            yield {
                "id": str(record["id"]),
                "title": title,
                "brand": brand,
                "price": float(record.get("price") or 0),
                "text": ". ".join(filter(None, (title, brand, description))).strip(" .,;:-"),
            }


def clean(text: str) -> str:
    """Drop tags and entities, twice since some are escaped once more, and spare spaces."""
    for _ in range(2):
        text = html.unescape(_TAG.sub(" ", text))
    return " ".join(text.split())
