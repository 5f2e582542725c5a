"""A small retrieval task on queries that training never sees, asked while it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .examples import Example

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sentence_transformers import SentenceTransformer


@dataclass(frozen=True)
class ValidationSet:
    """Queries, texts to find among, and grades.

    Attributes:
        queries: id -> text.
        documents: id -> text.
        grades: query id -> document id -> gain; a document without a grade gains nothing.

    """

    queries: Mapping[str, str]
    documents: Mapping[str, str]
    grades: Mapping[str, Mapping[str, float]]

    @classmethod
    def of(cls, examples: Sequence[Example]) -> ValidationSet:
        """Make the task of finding each query's positives among all texts of the examples."""
        texts = dict.fromkeys(
            text for example in examples for text in (example.positive, *example.negatives)
        )
        documents = {f"d{place}": text for place, text in enumerate(texts)}
        ids = {text: name for name, text in documents.items()}
        queries: dict[str, str] = {}
        grades: dict[str, dict[str, float]] = {}
        by_text: dict[str, str] = {}
        for example in examples:
            query = by_text.setdefault(example.query, f"q{len(by_text)}")
            queries[query] = example.query
            grades.setdefault(query, {})[ids[example.positive]] = example.grade
        return cls(queries, documents, grades)

    def ndcg(self, model: SentenceTransformer, k: int = 10) -> float:
        """Return the mean nDCG@k of a model's exact ranking of all documents.

        Gain is the grade, discount log2(rank + 1) (Järvelin & Kekäläinen 2002).
        """
        names = list(self.documents)
        places = {name: place for place, name in enumerate(names)}
        documents = model.encode_document(
            list(self.documents.values()), normalize_embeddings=True, show_progress_bar=False
        )
        asked = model.encode_query(
            list(self.queries.values()), normalize_embeddings=True, show_progress_bar=False
        )
        scores = np.asarray(asked) @ np.asarray(documents).T  # (queries, documents)
        discount = 1 / np.log2(np.arange(2, k + 2))
        total = 0.0
        for row, query in enumerate(self.queries):
            gains = np.zeros(len(names))
            for name, grade in self.grades.get(query, {}).items():
                gains[places[name]] = grade
            ideal = np.sort(gains)[::-1][:k]
            best = float(ideal @ discount[: len(ideal)])
            if best > 0:
                shown = gains[np.argsort(-scores[row], kind="stable")[:k]]
                total += float(shown @ discount[: len(shown)]) / best
        return total / max(1, len(self.queries))
