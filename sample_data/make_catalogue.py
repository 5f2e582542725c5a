"""Write catalogue.jsonl from departments/*.toml and judgments.csv from queries.toml."""

from __future__ import annotations

import csv
import json
import random
import re
import sys
import tomllib
import unicodedata
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SEED = 20
IN_STOCK_SHARE = 0.9
WITH_IMAGE_SHARE = 0.8
# What an entry says beside its attributes; see README.md.
ENTRY_FIELDS = {"title", "brand", "mpn", "price", "text", "in_stock", "variants"}

Entry = dict[str, Any]
Row = dict[str, Any]


def gtin13(twelve_digits: str) -> str:
    """Append the EAN-13 check digit (GS1 General Specifications, 7.9)."""
    weighted = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(twelve_digits))
    return twelve_digits + str(-weighted % 10)


def slug(title: str) -> str:
    """Spell a title in lower-case ASCII words joined by hyphens."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only.lower()).strip("-")


def read_entries(path: Path) -> Iterator[tuple[str, Entry]]:
    """Yield (category, entry) from one department's file, in its order."""
    shelves = tomllib.loads(path.read_text(encoding="utf-8"))
    department = shelves.pop("department")
    for shelf, entries in shelves.items():
        for entry in entries:
            yield f"{department} > {shelf}", entry


def expand(entry: Entry) -> Iterator[Entry]:
    """Yield one entry per variant; `{colour}` and the like in the title are filled in.

    A variant's `mpn` is the ending of its part number, its `text` is added to the description,
    and its other keys replace the entry's.
    """
    shared = {key: value for key, value in entry.items() if key != "variants"}
    for variant in entry.get("variants", [{}]):
        one = shared | variant
        one["mpn"] = shared["mpn"] + variant.get("mpn", "")
        if "text" in variant:
            one["text"] = f"{shared['text']} {variant['text']}"
        one["title"] = one["title"].format_map(one)
        yield one


def row(category: str, entry: Entry, group: str | None) -> Row:
    """Build a catalog row. What is drawn depends on the part number alone.

    So adding a product leaves the ids, codes and stock of the others as they are.
    """
    draw = random.Random(f"{SEED}:{entry['mpn']}")
    product_id = str(draw.randrange(100_000, 1_000_000))
    gtin = gtin13(f"{draw.randrange(20, 30)}{draw.randrange(10**10):010d}")
    drawn_stock, with_image = draw.random() < IN_STOCK_SHARE, draw.random() < WITH_IMAGE_SHARE
    in_stock = entry.get("in_stock", drawn_stock)
    page = f"{slug(entry['title'])}-{product_id}"
    fields: Row = {
        "id": product_id,
        "title": entry["title"],
        "description": entry["text"],
        "brand": entry["brand"],
        "category": category,
        "price": entry["price"],
        "currency": "EUR",
        "in_stock": in_stock,
        "gtin": gtin,
        "mpn": entry["mpn"],
        "url": f"https://shop.example.com/p/{page}",
    }
    if with_image:
        fields["image_url"] = f"https://images.example.com/{product_id}.jpg"
    if group:
        fields["item_group_id"] = group
    return fields | {key: value for key, value in entry.items() if key not in ENTRY_FIELDS}


def catalog() -> list[Row]:
    """Return every row; raise SystemExit when two share an id or a part number."""
    rows = []
    for path in sorted((HERE / "departments").glob("*.toml")):
        for category, entry in read_entries(path):
            group = slug(entry["mpn"]) if "variants" in entry else None
            rows += [row(category, one, group) for one in expand(entry)]
    for key in ("id", "gtin", "mpn"):
        seen: dict[str, str] = {}
        for one in rows:
            if one[key] in seen:
                sys.exit(f"{one['title']}: {key} {one[key]} is also that of {seen[one[key]]}")
            seen[one[key]] = one["title"]
    return rows


def selected(pattern: str, rows: list[Row]) -> list[str]:
    """Return the ids whose part number matches; exit when none does."""
    ids = [one["id"] for one in rows if fnmatchcase(one["mpn"], pattern)]
    if not ids:
        sys.exit(f"queries.toml: no product has the part number {pattern}")
    return ids


def judgments(rows: list[Row]) -> list[tuple[str, str, int]]:
    """Return (query, product id, grade), best grades first; `*` is every other product."""
    queries = tomllib.loads((HERE / "queries.toml").read_text(encoding="utf-8"))["query"]
    judged = []
    for query in queries:
        grades: dict[str, int] = {}
        for grade, key in ((3, "3"), (2, "2"), (1, "1"), (0, "0"), (0, "pooled")):
            for pattern in query.get(key, []):
                for product_id in selected(pattern, rows):
                    grades.setdefault(product_id, grade)
        judged += [(query["text"], product_id, grade) for product_id, grade in grades.items()]
        judged.append((query["text"], "*", 0))
    return judged


def main() -> None:
    """Write the files beside this script, or into the folder named on the command line."""
    into = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    rows = catalog()
    lines = [json.dumps(one, ensure_ascii=False) + "\n" for one in rows]
    (into / "catalogue.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    judged = judgments(rows)
    with (into / "judgments.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("query", "product_id", "grade"))
        table.writerows(judged)
    queries = len({query for query, _, _ in judged})
    print(f"{len(rows)} products, {queries} queries, {len(judged)} judgments")


if __name__ == "__main__":
    main()
