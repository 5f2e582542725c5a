"""Write the table of platform layouts in docs/import.md from the data that importing acts on.

python docs/layouts.py
"""

from __future__ import annotations

import re
from pathlib import Path

from dsv3.indexer.sources.platforms import PLATFORMS, Platform

PAGE = Path(__file__).with_name("import.md")
BEGIN, END = "<!-- layouts: made by docs/layouts.py -->", "<!-- end of layouts -->"


def table() -> str:
    """Return the table of all platforms as Markdown."""
    rows = [
        ("Platform", "Told by", "Id", "Variants", "Attributes from", "Left out where"),
        ("---",) * 6,
        *(
            (
                platform.name,
                " or ".join(_names(columns, " + ") for columns in platform.told[:2])
                + (" …" if len(platform.told) > 2 else ""),
                _names(platform.columns["product_id"], ", else "),
                _variants(platform),
                _attributes(platform),
                "; ".join(
                    f"`{status.column}` is {', '.join(word or 'null' for word in status.why)}"
                    for status in platform.status
                ),
            )
            for platform in PLATFORMS
        ),
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _names(columns: str, between: str) -> str:
    return between.join(f"`{name}`" for name in columns.split())


def _variants(platform: Platform) -> str:
    join = platform.join
    if join is None:
        return _names(platform.columns.get("group_id", ""), ", ")
    if join.how == "following":
        same = f"same {_names(join.key, ' or ')}" if join.key else f"`{join.kind}` is {join.rows}"
        return f"rows that follow, {same}"
    if join.how == "nested":
        return f"in `{join.children}`"
    return _names(f"{join.parent} {join.parent_number} {join.children}", ", ")


def _attributes(platform: Platform) -> str:
    pairs = [f"`{pair.name.split()[0]}`, `{pair.value.split()[0]}`" for pair in platform.pairs]
    packed = [f"`{packed.column}`" for packed in platform.packed]
    ends = ["names with `-locale`, `-channel`, `-currency`"] if platform.localised else []
    return "; ".join([*pairs, *packed, *ends])


def page_with_table(page: str) -> str:
    """Return the page with the table of today between its marks."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    return marked.sub(lambda _: f"{BEGIN}\n{table()}\n{END}", page)


if __name__ == "__main__":
    PAGE.write_text(page_with_table(PAGE.read_text()))
