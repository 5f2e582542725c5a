"""Let MTEB's tasks run on an encoder, or on the whole of a shop's search.

`MtebEncoder` keeps mteb's `EncoderProtocol` and `MtebRetriever` its `SearchProtocol`:

    mteb.evaluate(MtebRetriever(), tasks=mteb.get_tasks(["NFCorpus"]))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from ..closing import Closing
from ..encoder.base import Encoder, FloatArray
from ..errors import InputError, MissingExtra, ShopError

if TYPE_CHECKING:
    from mteb.models.model_meta import ModelMeta

    from ..retriever.retriever import ECommRetriever
    from .systems.retriever import Mode

TITLE_LENGTH = 120


class MtebEncoder:
    """Shows an encoder to mteb."""

    def __init__(
        self, model_name: str | Encoder = "default", revision: str | None = None, **kwargs: Any
    ) -> None:
        """Take an encoder, or load one by name.

        Args:
            model_name: an encoder, or what `load_encoder` takes.
            revision: mteb's; the fingerprint of the weights says more and is what is reported.
            **kwargs: mteb's, such as the device; not needed.

        """
        from ..encoder.load import load_encoder

        del revision, kwargs
        loaded = load_encoder(model_name) if isinstance(model_name, str) else model_name
        self._encoder = loaded

    def encode(
        self, inputs: Iterable[Mapping[str, list[str]]], *, prompt_type: Any = None, **kwargs: Any
    ) -> FloatArray:
        """Encode batches of texts, (n, dim); queries as queries, all else as documents."""
        del kwargs
        texts = [text for batch in inputs for text in batch["text"]]
        if getattr(prompt_type, "value", prompt_type) == "query":
            return self._encoder.encode_queries(texts)
        return self._encoder.encode_documents(texts)

    def similarity(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return the similarity of every pair, (n, m), as a tensor."""
        import torch

        first, second = self._prepare(embeddings1), self._prepare(embeddings2)
        return torch.from_numpy(first @ second.T)

    def similarity_pairwise(self, embeddings1: Any, embeddings2: Any) -> Any:
        """Return the similarity of each pair in turn, (n,), as a tensor."""
        import torch

        first, second = self._prepare(embeddings1), self._prepare(embeddings2)
        return torch.from_numpy((first * second).sum(axis=1))

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """Describe the encoder."""
        return _meta(
            f"dsv3/{self._encoder.name.replace('/', '--')}",
            self._encoder.fingerprint,
            embed_dim=self._encoder.dim,
            max_tokens=self._encoder.max_tokens,
            similarity_fn_name=self._encoder.similarity,
        )

    def _prepare(self, embeddings: Any) -> FloatArray:
        vectors: FloatArray = np.atleast_2d(np.asarray(embeddings, dtype=np.float32))
        if self._encoder.similarity == "cosine":
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = vectors / np.maximum(lengths, 1e-12)
        return vectors


class MtebRetriever(Closing):
    """Shows a shop's search to mteb: each task's corpus becomes a shop of its own.

    Args:
        encoder: what `load_encoder` takes.
        mode: hybrid, dense or lexical.
        folder: where shops are built; a temporary folder otherwise, removed on `close`.

    """

    def __init__(
        self, encoder: str = "default", mode: Mode = "hybrid", folder: Path | None = None
    ) -> None:
        self._encoder = encoder
        self._mode = mode
        self._stack = ExitStack()
        self._folder = folder
        self._shops: dict[tuple[str, str, str], tuple[ECommRetriever, list[str]]] = {}

    def index(
        self, corpus: Any, *, task_metadata: Any, hf_split: str, hf_subset: str, **kwargs: Any
    ) -> None:
        """Index a task's documents as products."""
        from ..indexer.index import index_shop
        from ..indexer.ingest import Reading
        from ..retriever.retriever import ECommRetriever

        del kwargs
        if self._folder is None:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
        place = self._folder / f"{len(self._shops)}.dsv3"
        source = self._folder / f"{len(self._shops)}.jsonl"
        names = _write_products(corpus, source)
        index_shop(place, Reading([str(source)]), changes={"encoder": self._encoder}, workers=1)
        shop = self._stack.enter_context(ECommRetriever.open(place))
        self._shops[(task_metadata.name, hf_split, hf_subset)] = (shop, names)

    def search(
        self,
        queries: Any,
        *,
        task_metadata: Any,
        hf_split: str,
        hf_subset: str,
        top_k: int,
        top_ranked: Any = None,
        **kwargs: Any,
    ) -> dict[str, dict[str, float]]:
        """Search with a task's queries.

        Returns query id -> document id -> a score that keeps the ranking: 1 for the first, 1/2
        for the second and so on, because ties would be broken otherwise than they were shown.

        Raises:
            InputError: the task gives candidates to rerank, which a shop's search cannot do.
            ShopError: the task was not indexed.

        """
        del kwargs
        if top_ranked is not None:
            raise InputError(f"{task_metadata.name} is a reranking task; use MtebEncoder for it")
        key = (task_metadata.name, hf_split, hf_subset)
        if key not in self._shops:
            raise ShopError(f"{task_metadata.name} ({hf_split}) was not indexed before the search")
        shop, names = self._shops[key]
        pages = shop.retrieve_many([row["text"] for row in queries], k=top_k, mode=self._mode)
        return {
            row["id"]: {names[int(hit.product_id)]: 1.0 / hit.rank for hit in page}
            for row, page in zip(queries, pages, strict=True)
        }

    @property
    def mteb_model_meta(self) -> ModelMeta:
        """Describe the search."""
        name = f"dsv3/{self._mode}-{self._encoder.replace('/', '--')}"
        return _meta(name, "1", model_type=["hybrid"])

    def close(self) -> None:
        """Close the shops and remove what was temporary."""
        self._shops.clear()
        self._stack.close()


def _write_products(corpus: Any, path: Path) -> list[str]:
    """Write documents as products named by their row; return the documents' ids."""
    names: list[str] = []
    with path.open("wb") as file:
        for row in corpus:
            title = (row.get("title") or "").strip()
            body = (row.get("text") or row.get("body") or "").strip()
            product = {
                "id": str(len(names)),
                "title": title or body[:TITLE_LENGTH] or "untitled",
                "description": body,
            }
            file.write(orjson.dumps(product) + b"\n")
            names.append(row["id"])
    return names


def _meta(name: str, revision: str, **known: Any) -> ModelMeta:
    try:
        from mteb.models.model_meta import ModelMeta
    except ModuleNotFoundError as error:
        raise MissingExtra("mteb", "mteb", "Running MTEB's tasks") from error
    return ModelMeta.create_empty({"name": name, "revision": revision, **known})
