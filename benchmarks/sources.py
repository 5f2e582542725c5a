"""Time reading products by format: records a second of CPU time, and the peak of memory.

    python benchmarks/sources.py [--products 200000] [--rounds 3] [--base OTHER/python]

The same invented products are written in each format. Each reading runs in a process of its own,
which reads, recognises and converts every record and stores nothing; versions and formats take
turns. `--base` is the interpreter of an environment with another version of dsv3, for the formats
that it knows.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

READER = """
import resource, sys, time
from dsv3.indexer.sources.products import read_items
begin, bad, good = time.process_time(), 0, 0
for item in read_items([sys.argv[1]]):
    if hasattr(item, "to_product"):
        item.to_product()
        good += 1
    else:
        bad += 1
usage = resource.getrusage(resource.RUSAGE_SELF)
print(good, bad, time.process_time() - begin, usage.ru_maxrss // 1024)
"""
NAMES = [
    "id",
    "title",
    "description",
    "link",
    "image_link",
    "availability",
    "price",
    "brand",
    "gtin",
    "product_type",
    "color",
    "size",
]
Record = dict[str, str]


def products(count: int) -> Iterator[Record]:
    chosen = random.Random(1)
    things = [
        "kettle",
        "toaster",
        "lamp",
        "shelf",
        "jacket",
        "monitor",
        "cable",
        "speaker",
        "desk",
        "chair",
    ]
    words = [
        "warm",
        "light",
        "quiet",
        "strong",
        "bright",
        "soft",
        "wide",
        "compact",
        "sturdy",
        "simple",
    ]
    for number in range(count):
        thing, brand = chosen.choice(things), chosen.choice(("Orvana", "Halder", "Corvo", "Norden"))
        said = " ".join(chosen.choice(words) for _ in range(40))
        yield {
            "id": f"P-{number}",
            "title": f"{brand} {thing} {chosen.choice(words)} {number}",
            "description": f"<p>A {thing}: {said}.</p>",
            "link": f"https://shop.example.com/{number}",
            "image_link": f"https://shop.example.com/{number}.jpg",
            "availability": chosen.choice(("in stock", "out of stock")),
            "price": f"{chosen.randrange(1, 900)}.{chosen.randrange(100):02} EUR",
            "brand": brand,
            "gtin": f"{4_000_000_000_000 + number}",
            "product_type": f"Home > {thing.title()}s",
            "color": chosen.choice(("red", "blue", "green")),
            "size": chosen.choice(("S", "M", "L")),
        }


def write_csv(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        made = csv.DictWriter(file, NAMES)
        made.writeheader()
        made.writerows(products(count))


def write_json_lines(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in products(count))


def write_xml(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write('<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" ')
        file.write('xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title>\n')
        for record in products(count):
            cells = (f"<g:{name}>{escape(value)}</g:{name}>" for name, value in record.items())
            file.write(f"<item>{''.join(cells)}</item>\n")
        file.write("</channel></rss>\n")


def write_xlsx(path: Path, count: int) -> None:
    from xlsxwriter import Workbook

    with Workbook(path, {"constant_memory": True, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, NAMES)
        for row, record in enumerate(products(count), 1):
            sheet.write_row(row, 0, list(record.values()))


WRITERS = {"csv": write_csv, "jsonl": write_json_lines, "xml": write_xml, "xlsx": write_xlsx}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--base")
    parser.add_argument("--formats", nargs="*", default=list(WRITERS))
    options = parser.parse_args()
    versions = {"this": sys.executable} | ({"base": options.base} if options.base else {})
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.formats:
            WRITERS[name](Path(folder, f"feed.{name}"), options.products)
        for _ in range(options.rounds):
            for name in options.formats:
                for version, python in versions.items():
                    done = subprocess.run(
                        [python, "-c", READER, Path(folder, f"feed.{name}")],
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    if done.returncode:
                        continue
                    good, bad, spent, held = done.stdout.split()
                    assert (int(good), int(bad)) == (options.products, 0), (name, version)
                    found.setdefault((name, version), []).append((float(spent), int(held)))
    print("| format | version | records a CPU second | peak MiB | raw CPU seconds |")
    print("|---|---|---|---|---|")
    for (name, version), runs in found.items():
        seconds = statistics.median(run[0] for run in runs)
        raw = ", ".join(f"{run[0]:.1f}" for run in runs)
        peak = max(run[1] for run in runs)
        print(f"| {name} | {version} | {options.products / seconds:,.0f} | {peak} | {raw} |")


if __name__ == "__main__":
    main()
