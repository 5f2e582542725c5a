"""Compile an encoder's folder into one that OpenVINO runs."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...files import sync_tree
from ..base import FloatArray
from ..folders import fingerprint_folder
from ..installed import require_models
from ..names import PRECISIONS, Precision
from .architecture import Architecture, Inexact, Unsupported, read_architecture
from .manifest import (
    GRAPH,
    GRAPH_WEIGHTS,
    MANIFEST,
    QUERY_GRAPH,
    QUERY_GRAPH_WEIGHTS,
    TOKENIZER,
    Manifest,
    compiled_fingerprint,
    is_compiled,
)
from .typical_texts import TYPICAL_TEXTS

# fp32 and bf16 must give the original's vectors; int8 must stay near enough to be of use,
# and how much retrieval it costs is for judgments to say.
_LEAST_COSINE: dict[Precision, float] = {"fp32": 0.9999, "bf16": 0.9995, "int8": 0.9}
# Below this the graph for queries is not kept, and queries go through the one for documents.
_LEAST_QUERY_COSINE: dict[Precision, float] = {"fp32": 0.9999, "bf16": 0.998, "int8": 0.998}


def export_folder(
    folder: Path,
    out: Path,
    *,
    precision: Precision = "fp32",
    texts: Sequence[str] = (),
    verify: bool = True,
) -> Manifest:
    """Compile a sentence-transformers or V3 folder; `out` appears whole or not at all.

    A query's few tokens cost what reading the weights costs, and each operation's overhead. So
    queries get a graph of their own: all experts of a layer in one product and, unless fp32 is
    asked for, weights of 8 bits over each output's own range, inputs rounded as they come.

    Args:
        folder: what to compile; it needs model.safetensors and tokenizer.json.
        out: folder to write; an earlier export there is replaced.
        precision: int8 rounds weights, and inputs to the ranges seen on `texts`.
        texts: typical documents; some product texts of our own where none are given.
        verify: compare with the original, run by torch, on `texts`.

    Raises:
        Unsupported: the model is of a kind that cannot be compiled.
        Inexact: the compiled encoder's vectors are not the original's.
        MissingExtra: `verify` without torch.
        InputError: an unknown precision, or `out` holds something else.

    """
    if precision not in PRECISIONS:
        raise InputError(f"no precision {precision!r}; there are {', '.join(PRECISIONS)}")
    if out.exists() and not is_compiled(out) and any(out.iterdir()):
        raise InputError(f"{out} holds something else than a compiled encoder; name a new folder")
    architecture = read_architecture(folder)
    if not (folder / TOKENIZER).is_file():
        raise Unsupported(f"{folder}: without a tokenizer.json it cannot be compiled")
    if verify:
        require_models("Comparing what is compiled with the original (which --no-check leaves out)")
    samples = list(texts) or list(TYPICAL_TEXTS)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        _write_graph(folder, architecture, made, precision, samples)
        manifest = _describe(folder, architecture, made, precision, samples, verify=verify)
        _publish(made, out)
    return manifest


def source_fingerprint(folder: Path, architecture: Architecture) -> str:
    """Return the fingerprint that the folder has when torch runs it."""
    return fingerprint_folder(
        folder, {"max_tokens": architecture.max_tokens, "similarity": architecture.similarity}
    )


def _write_graph(
    folder: Path,
    architecture: Architecture,
    made: Path,
    precision: Precision,
    samples: Sequence[str],
) -> None:
    from openvino import save_model

    from ..texts.tokens import TextTokenizer
    from .graph import build_graph
    from .linear import LinearLayers
    from .ranges import find_ranges
    from .weights import read_weights

    shutil.copyfile(folder / TOKENIZER, made / TOKENIZER)
    weights = read_weights(folder, architecture)
    linears = LinearLayers()
    if precision == "int8":
        tokenizer = TextTokenizer(
            made / TOKENIZER, max_tokens=architecture.max_tokens, lowercase=architecture.lowercase
        )
        tokens = tokenizer.cut(samples, architecture.document_prompt)
        linears = LinearLayers(find_ranges(architecture, weights, tokens))
    graph = build_graph(architecture, weights, linears)
    save_model(graph, made / GRAPH, compress_to_fp16=False)
    if precision != "fp32" or architecture.experts:
        linears = LinearLayers(whole_weights=precision != "fp32")
        graph = build_graph(architecture, weights, linears, few_tokens=True)
        save_model(graph, made / QUERY_GRAPH, compress_to_fp16=False)


def _describe(
    folder: Path,
    architecture: Architecture,
    made: Path,
    precision: Precision,
    samples: Sequence[str],
    *,
    verify: bool,
) -> Manifest:
    """Write the manifest, with the cosines to the original's vectors where they were asked for."""
    source = source_fingerprint(folder, architecture)
    manifest = Manifest(
        precision=precision,
        architecture=architecture,
        fingerprint=compiled_fingerprint(source, precision, made / GRAPH_WEIGHTS),
        source=source,
        least_cosine=1.0,
        mean_cosine=1.0,
        sizes=_sizes(made),
    )
    _write_manifest(made, manifest)
    if not verify:
        return manifest
    of_queries, of_documents = _cosines(folder, made, samples)
    if (made / QUERY_GRAPH).exists() and not of_queries.min() >= _LEAST_QUERY_COSINE[precision]:
        for file in (QUERY_GRAPH, QUERY_GRAPH_WEIGHTS):
            (made / file).unlink()
        manifest = replace(manifest, sizes=_sizes(made))
        _write_manifest(made, manifest)
        of_queries, of_documents = _cosines(folder, made, samples)
    both = np.concatenate([of_queries, of_documents])
    checked = of_documents if manifest.query_graph == QUERY_GRAPH else both
    found = float(checked.min())
    if not found >= _LEAST_COSINE[precision]:  # nor is NaN
        raise Inexact(
            f"{folder}: compiled to {precision}, the vectors differ from the original's (cosine "
            f"{found:.5f}, at least {_LEAST_COSINE[precision]} is required); "
            "use another precision or the runtime torch"
        )
    manifest = replace(manifest, least_cosine=float(both.min()), mean_cosine=float(both.mean()))
    _write_manifest(made, manifest)
    return manifest


def _sizes(made: Path) -> dict[str, int]:
    files = sorted(path for path in made.iterdir() if path.name != MANIFEST)
    return {path.name: path.stat().st_size for path in files}


def _cosines(folder: Path, made: Path, samples: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    """Compare with the original, as queries and as documents; returns (n,) twice."""
    from ..pytorch.sentence_transformer import SentenceTransformerEncoder
    from .encoder import CompiledEncoder

    original = SentenceTransformerEncoder(folder, plain=True)
    compiled = CompiledEncoder(made)
    return (
        _cosine(original.encode_queries(samples), compiled.encode_queries(samples)),
        _cosine(original.encode_documents(samples), compiled.encode_documents(samples)),
    )


def _cosine(one: FloatArray, other: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: FloatArray = (one * other).sum(axis=1) / lengths
    return found


def _write_manifest(made: Path, manifest: Manifest) -> None:
    (made / MANIFEST).write_text(json.dumps(manifest.to_json(), indent=2), encoding="utf-8")


def _publish(made: Path, out: Path) -> None:
    """Put the finished folder in its place; where two processes made it, the first one's stays."""
    sync_tree(made)
    if out.exists():
        out.replace(made.with_name("old"))
    try:
        made.replace(out)
    except OSError:
        if not is_compiled(out):
            raise
