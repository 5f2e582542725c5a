"""What stands beside a compiled graph and says what it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import EncoderError
from ..names import Precision
from .architecture import Architecture

FORMAT = 2
MANIFEST, GRAPH, TOKENIZER = "manifest.json", "encoder.xml", "tokenizer.json"
GRAPH_WEIGHTS = "encoder.bin"
# Queries have a graph of their own where int8 serves them: see `export.py`.
QUERY_GRAPH, QUERY_GRAPH_WEIGHTS = "query.xml", "query.bin"
_KIND = "dsv3 compiled encoder"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a compiled encoder is.

    Attributes:
        precision: fp32; bf16, which falls back to fp32 where the processor lacks it; int8.
        fingerprint: that of the model it was made from, save for int8, whose vectors differ.
        source: the fingerprint of the model it was made from.
        least_cosine, mean_cosine: to the original's vectors, over the texts it was checked on.
        sizes: bytes of each file beside the manifest.

    """

    precision: Precision
    architecture: Architecture
    fingerprint: str
    source: str
    least_cosine: float
    mean_cosine: float
    sizes: Mapping[str, int]

    @property
    def query_graph(self) -> str:
        """Return the file of the graph that encodes queries."""
        return QUERY_GRAPH if QUERY_GRAPH in self.sizes else GRAPH

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {
            "kind": _KIND,
            "format": FORMAT,
            "precision": self.precision,
            "fingerprint": self.fingerprint,
            "source": self.source,
            "least_cosine": self.least_cosine,
            "mean_cosine": self.mean_cosine,
            "sizes": dict(self.sizes),
            "architecture": self.architecture.to_json(),
        }


def is_compiled(folder: Path) -> bool:
    """Say whether a folder was written by `export_encoder`."""
    try:
        found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("kind") == _KIND


def read_manifest(folder: Path) -> Manifest:
    """Read a compiled encoder's manifest and check that its files are there, whole.

    Raises:
        EncoderError: the folder was not written by this version, or a file of it is damaged.

    """
    if not is_compiled(folder):
        raise EncoderError(f"{folder} holds no compiled encoder; make one: dsv3 model export")
    found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if found.get("format") != FORMAT:
        raise EncoderError(
            f"{folder} was compiled by another version of dsv3; compile it anew: dsv3 model export"
        )
    for file, size in found["sizes"].items():
        path = folder / file
        if not path.is_file() or path.stat().st_size != size:
            raise EncoderError(f"{path} is missing or damaged; compile it anew: dsv3 model export")
    return Manifest(
        precision=found["precision"],
        architecture=Architecture.from_json(found["architecture"]),
        fingerprint=found["fingerprint"],
        source=found["source"],
        least_cosine=found["least_cosine"],
        mean_cosine=found["mean_cosine"],
        sizes=found["sizes"],
    )


def compiled_fingerprint(source: str, precision: Precision, graph_weights: Path) -> str:
    """Return the fingerprint of a compiled encoder: its source's, unless its vectors differ."""
    if precision != "int8":
        return source
    with graph_weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashlib.sha256(f"{source} int8 {digest}".encode()).hexdigest()
