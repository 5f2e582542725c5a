"""The systems compared: how each is told to index and to search."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .product_texts import TEMPLATE

_HERE = __name__.rpartition(".")[0]  # the peers import from where this was imported
_PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}
# The model is a folder: looking for it on the hub could only cost the peers time.
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}

Command = list[str | Path]


@dataclass(frozen=True, slots=True)
class System:
    """How one system is run, and in what environment."""

    index: Callable[[Path, Path], Command]
    search: Callable[[Path, str], Command]
    environment: dict[str, str]


def all_systems(peer_python: str, dsv3_options: Sequence[str] = ()) -> dict[str, System]:
    """Return the systems by name; `dsv3_options` are added to `dsv3 index`."""
    txtai = _peer(peer_python, "with_txtai", {})
    chromadb = _peer(peer_python, "with_chromadb", {})
    return {
        "dsv3": _dsv3(dsv3_options),
        "dsv3 fp32": _dsv3([*dsv3_options, "--encoder", "default,precision=fp32"]),
        "txtai": txtai,
        "txtai, passive": _peer(peer_python, "with_txtai", _PASSIVE),
        "txtai, vectors only": _peer(peer_python, "with_txtai", {}, "vectors"),
        "chromadb": chromadb,
        "chromadb, passive": _peer(peer_python, "with_chromadb", _PASSIVE),
    }


def _dsv3(options: Sequence[str]) -> System:
    command = Path(sys.executable).with_name("dsv3")
    return System(
        lambda products, folder: [
            command, "index", products, "--into", folder, "--template", TEMPLATE, *options
        ],
        lambda folder, query: [command, "search", query, "--in", folder, "-k", "10"],
        {},
    )  # fmt: skip


def _peer(python: str, script: str, settings: dict[str, str], *more: str) -> System:
    command: Command = [python, "-m", f"{_HERE}.{script}"]
    return System(
        lambda products, folder: [*command, "index", products, folder, *more],
        lambda folder, query: [*command, "search", folder, query],
        {**_OFFLINE, **settings},
    )
