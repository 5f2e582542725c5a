"""What is done to a text before any encoder sees it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ...errors import InputError


def encodable(text: str) -> str:
    """Replace lone surrogates, which no tokeniser accepts, by question marks."""
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def text_key(text: str) -> bytes:
    """Digest a text to 16 bytes, the same in every process and on every platform."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def read_lines(path: Path) -> list[str]:
    """Read texts, one a line; blank lines are passed over.

    Raises:
        InputError: the file is missing, or not UTF-8.

    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    return [line for line in lines if line.strip()]
