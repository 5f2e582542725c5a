"""Tell a V3 folder from any other model's."""

from __future__ import annotations

import json
from pathlib import Path


def is_v3_folder(path: str | Path) -> bool:
    """Say whether a folder's config.json is that of a V3 model."""
    try:
        config = json.loads((Path(path) / "config.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == "dsv3"
