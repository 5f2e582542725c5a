"""Where models are: the folder of a name, the cache folder, checksums of big files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import platformdirs

from ..errors import EncoderError

# What a sentence-transformers folder is made of; all else in it cannot change a vector.
_MODEL_FILES = frozenset(
    {
        "added_tokens.json",
        "config.json",
        "config_sentence_transformers.json",
        "merges.txt",
        "modules.json",
        "sentence_bert_config.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    }
)
_WEIGHT_SUFFIXES = frozenset({".safetensors", ".bin", ".model"})
_OTHER_RUNTIMES = frozenset({"onnx", "openvino"})
_NOT_DOWNLOADED = ["*.onnx", "*.xml", "*.h5", "*.msgpack", "*.ot", "*.tflite", "openvino/*"]


def cache_folder() -> Path:
    """Return the folder for what can be made again; DSV3_CACHE sets another."""
    return Path(os.environ.get("DSV3_CACHE") or platformdirs.user_cache_dir("dsv3"))


def find_folder(name: str) -> Path:
    """Return the folder of a model given by path or hub name, downloading it where needed.

    Raises:
        EncoderError: there is no such folder or model, or the hub cannot be reached.

    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise EncoderError(f"{name}: no such folder")
    return _download(name)


def _download(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    repository = name if "/" in name else f"sentence-transformers/{name}"
    try:
        return Path(snapshot_download(repository, ignore_patterns=_NOT_DOWNLOADED))
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise EncoderError(
            f"{name}: neither a folder here nor a model on the Hugging Face hub"
        ) from error
    except Exception as error:  # the hub's client lets its HTTP library's errors through
        raise EncoderError(
            f"{name}: not a folder here, and the Hugging Face hub gave no model "
            f"({_first_line(error)}); check the name and the network, or give a folder"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def model_files(folder: Path) -> list[Path]:
    """List, in a fixed order, the files that decide a model's vectors."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(
        path
        for path in found
        if (path.name in _MODEL_FILES or path.suffix in _WEIGHT_SUFFIXES)
        and not _OTHER_RUNTIMES.intersection(path.relative_to(folder).parts)
    )


def fingerprint_folder(folder: Path, settings: Mapping[str, str | int]) -> str:
    """Digest a model's weights, configuration, tokenizer and the settings it is used with."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    files = model_files(folder)
    checksums = sha256_of(files)
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(bytes.fromhex(checksums[path]))
    return digest.hexdigest()


def sha256_of(files: list[Path]) -> dict[Path, str]:
    """Digest files; one that has kept its size and time since last asked is not read again."""
    store = cache_folder() / "checksums.json"
    known = _read_checksums(store)
    checksums: dict[Path, str] = {}
    changed = False
    for path in files:
        state = path.stat()
        key = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}|{state.st_ino}"
        if key not in known:
            known[key] = _sha256(path)
            changed = True
        checksums[path] = known[key]
    if changed:
        _write_checksums(store, known)
    return checksums


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_checksums(store: Path) -> dict[str, str]:
    try:
        found = json.loads(store.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_checksums(store: Path, known: Mapping[str, str]) -> None:
    """Keep checksums for the next process; without them it only starts slower."""
    beside = store.with_name(f"{store.name}.{os.getpid()}")
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(known))
        beside.replace(store)
    except OSError:
        with suppress(OSError):
            beside.unlink()
