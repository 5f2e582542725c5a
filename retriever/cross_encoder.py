"""A cross-encoder, which reads a query and a product's text together, over the first products.

Nogueira & Cho 2019, "Passage Re-ranking with BERT". It takes a pass of a model for each product, so
it is given few of them, and a time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cachetools import LRUCache

from ..encoder.folders import find_folder
from ..encoder.installed import require_models
from ..errors import EncoderError
from ..indexer.candidates import FloatVector
from ..indexer.product import Product
from ..indexer.template import Template

_BATCH = 4  # pairs: few enough that time is looked at often
_MOST_TOKENS = 64  # of query and product together; a template has what matters first
_QUERIES_CACHED = 256


class CrossEncoder:
    """Scores products for a query with a model of sentence-transformers, on one core.

    Safe to use from several threads; they take turns.

    Args:
        name: a folder or the name on the Hugging Face hub.
        template: form of the text that stands for a product.

    Raises:
        MissingExtra: a package of the extra `models` is not installed.
        EncoderError: there is no such model, or it is no cross-encoder with one score.
    """

    def __init__(self, name: str, template: str) -> None:
        require_models(f"The cross-encoder {name}")
        self.name = name
        self.template = template
        self._text = Template(template).fill
        self._model = _load(name)
        self._lock = threading.Lock()
        self._scored: LRUCache[tuple[int | str, ...], FloatVector]
        self._scored = LRUCache(_QUERIES_CACHED)

    def scores(
        self, query: str, products: Sequence[Product | None], milliseconds: int
    ) -> FloatVector:
        """Score the first products, as many as the time allows, and at least a batch of 4.

        A batch is begun where those before it let expect that it ends in time. What was scored
        is kept for the latest queries, so that their pages are cut out of one order.

        Args:
            query: what the shopper asks for.
            products: n products, in the order of their turn.
            milliseconds: that may be spent, waiting for other threads included.

        Returns:
            (m,) scores of the first m of the products, m <= n.
        """
        begin = time.perf_counter()
        texts = [self._text(product) if product else "" for product in products]
        asked: tuple[int | str, ...] = (milliseconds, query, *texts)
        with self._lock:
            scores: FloatVector | None = self._scored.get(asked)
            if scores is None:
                scores = self._within(begin + milliseconds / 1000, query, texts)
                self._scored[asked] = scores
        return scores

    def _within(self, end: float, query: str, texts: Sequence[str]) -> FloatVector:
        begin, scores = time.perf_counter(), np.empty(0, np.float32)
        while len(scores) < len(texts):
            batch = texts[len(scores) : len(scores) + _BATCH]
            now = time.perf_counter()
            if len(scores) and now + (now - begin) / len(scores) * len(batch) > end:
                break
            pairs = [(query, text) for text in batch]
            made = self._model.predict(pairs, batch_size=_BATCH, show_progress_bar=False)
            scores = np.concatenate([scores, np.asarray(made, np.float32)])
        return scores


def _load(name: str) -> Any:
    folder = find_folder(name)
    _check_head(folder, name)
    import torch
    from sentence_transformers import CrossEncoder as Model
    from transformers.utils import logging

    torch.set_num_threads(1)  # on shared cores more wait for one another, and take longer
    logging.disable_progress_bar()
    try:
        model = Model(str(folder), device="cpu", local_files_only=True)
    except Exception as error:  # transformers raises whatever the broken file provokes
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise EncoderError(f"{name}: not a cross-encoder: {first}") from error
    if model.num_labels != 1:
        raise EncoderError(
            f"{name}: a cross-encoder with one score is wanted, this one gives {model.num_labels}"
        )
    model.max_seq_length = min(model.max_seq_length or _MOST_TOKENS, _MOST_TOKENS)
    return model


def _check_head(folder: Path, name: str) -> None:
    """Refuse a model without a trained score, for which one of random weights would be made."""
    kind = _read(folder / "config_sentence_transformers.json").get("model_type")
    architectures = _read(folder / "config.json").get("architectures") or [""]
    if kind != "CrossEncoder" and not architectures[0].endswith("ForSequenceClassification"):
        raise EncoderError(
            f"{name}: not a cross-encoder: it was trained to give vectors or words, not a score"
        )


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
