"""An encoder compiled by `export.py`, run by OpenVINO: neither torch nor transformers is loaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EncoderError
from ..base import Encoder, FloatArray, IntArray
from ..long_text import encode_in_pieces
from ..names import LongText, used_fingerprint
from .batch import Inputs, Task, batches, for_task
from .manifest import GRAPH, TOKENIZER, read_manifest
from .tokens import TextTokenizer


class CompiledEncoder(Encoder):
    """Run an exported folder; its graph is loaded when the first text is encoded.

    Threads may share it: each has a request of its own, and they take turns computing.
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
        self._compiled: Any = None
        self._compiling = threading.Lock()
        self._requests = threading.local()

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
        request = getattr(self._requests, "own", None)
        if request is None:
            request = self._requests.own = self._compile().create_infer_request()
        outputs = request.infer(for_task(given, task) if self.architecture.experts else given)
        vectors: FloatArray = outputs[0]
        return vectors

    def _compile(self) -> Any:
        """Compile the graph when a vector is first wanted: counting tokens does not need it."""
        from .device import compile_graph, computes_bf16

        with self._compiling:
            if self._compiled is None:
                graph = self._folder / GRAPH
                bf16 = self.manifest.precision != "fp32" and computes_bf16()
                try:
                    self._compiled = compile_graph(graph, threads=self._threads, bf16=bf16)
                except RuntimeError as error:
                    first = str(error).strip().splitlines()[-1][:160]
                    raise EncoderError(f"{graph} cannot be compiled: {first}") from error
            return self._compiled
