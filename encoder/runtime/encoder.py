"""An encoder compiled by `export.py`, run by OpenVINO: neither torch nor transformers is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..base import Encoder, FloatArray, IntArray
from ..names import LongText, used_fingerprint
from ..texts.pieces import encode_in_pieces
from ..texts.tokens import TextTokenizer
from .batch import Inputs, Task, batches, for_task
from .manifest import GRAPH, TOKENIZER, read_manifest

if TYPE_CHECKING:
    from .device import LazyGraph


class CompiledEncoder(Encoder):
    """Runs an exported folder; its graphs are loaded when the first text is encoded.

    Threads may share it, and take turns computing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "",
        threads: int | None = None,
        long_text: LongText = "cut",
    ) -> None:
        self.manifest = manifest = read_manifest(folder)
        self.name = name or str(folder)
        self.architecture = architecture = manifest.architecture
        self.dim = architecture.hidden
        self.similarity = architecture.similarity
        self.max_tokens = architecture.max_tokens
        self.long_text = long_text
        self.fingerprint = used_fingerprint(manifest.fingerprint, long_text)
        self._tokenizer = TextTokenizer(
            folder / TOKENIZER, max_tokens=self.max_tokens, lowercase=architecture.lowercase
        )
        self._folder = folder
        self._threads = threads or 1
        self._graphs: dict[str, LazyGraph] = {}

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Encode what shoppers type; returns (n, dim) float32."""
        tokens = self._tokenizer.cut(texts, self.architecture.query_prompt)
        return self._encode(tokens, "query")

    def encode_documents(self, texts: Sequence[str]) -> FloatArray:
        """Encode product texts; returns (n, dim) float32."""
        prompt = self.architecture.document_prompt
        if self.long_text == "pool":
            pieces = [self._tokenizer.pieces(text, prompt) for text in texts]
            return encode_in_pieces(
                pieces,
                lambda ids: self._encode(ids, "document"),
                normalize=self.architecture.normalize,
            )
        return self._encode(self._tokenizer.cut(texts, prompt), "document")

    def count_tokens(self, texts: Sequence[str]) -> IntArray:
        """Count the tokens of each document text before any cut; returns (n,) int64."""
        return self._tokenizer.count(texts, self.architecture.document_prompt)

    def _encode(self, tokens: Sequence[Sequence[int]], task: Task) -> FloatArray:
        vectors = np.empty((len(tokens), self.dim), dtype=np.float32)
        for positions, given in batches(tokens, self.max_tokens):
            vectors[positions] = self._infer(given, task)
        return vectors

    def _infer(self, given: Inputs, task: Task) -> FloatArray:
        graph = self._graph(self.manifest.query_graph if task == "query" else GRAPH)
        return graph.run(for_task(given, task) if self.architecture.experts else given)

    def _graph(self, file: str) -> LazyGraph:
        """Return a graph; OpenVINO is loaded with the first: counting tokens does without."""
        if file not in self._graphs:
            from .device import LazyGraph

            # Beside whole-number weights the little that is left is faster without conversions.
            bf16 = self.manifest.precision != "fp32" and file == GRAPH
            graph = LazyGraph(self._folder / file, threads=self._threads, bf16=bf16)
            self._graphs.setdefault(file, graph)  # the first of two threads' stays
        return self._graphs[file]
