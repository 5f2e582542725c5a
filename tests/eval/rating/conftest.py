from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def to_rate(tmp_path: Path) -> Path:
    """Write six pairs of two queries to rate."""
    lines = [
        {
            "query": query,
            "product_id": f"{query[0]}{number}",
            "title": f"{query} {number} <b>&",
            "price": 1234.5,
            "currency": "EUR",
            "image_url": "https://shop.example/p.png",
            "url": "javascript:alert(1)" if number == 1 else "https://shop.example/p",
            "attributes": {"dry_clean": True, **{f"fact_{n}": n for n in range(20)}},
        }
        for query in ("red shoe", "blue hat")
        for number in range(3)
    ]
    path = tmp_path / "to-rate.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
