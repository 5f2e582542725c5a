"""Tell a V3 folder from any other model's; write one whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import InputError


def is_v3_folder(path: str | Path) -> bool:
    """Say whether a folder's config.json is that of a V3 model."""
    try:
        config = json.loads((Path(path) / "config.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == "dsv3"


def free_folder(path: str | Path) -> Path:
    """Return a path at which a folder may be written.

    Raises:
        InputError: something is there already.

    """
    free = Path(path)
    if free.exists() and (not free.is_dir() or any(free.iterdir())):
        raise InputError(f"{free} exists and is not empty; name another folder")
    return free


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a folder to write into, which takes its name only when all is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield unfinished
        unfinished.chmod(0o755)
        unfinished.replace(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
