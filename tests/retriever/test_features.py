"""Features of candidates: what titles, kinds and neighbours say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from dsv3.indexer.candidates import Candidates
from dsv3.indexer.forward import TermsOf, term_digest
from dsv3.indexer.lexical.query import Form, Word
from dsv3.retriever.features import FEATURES, Evidenced, features

ROWS = np.array([3, 5, 9], np.int64)
SCORES = np.array([0.9, 0.8, 0.1], np.float32)


def digests(*titles: str) -> np.ndarray:
    longest = max(len(title.split()) for title in titles)
    made = np.zeros((len(titles), longest), np.uint32)
    for row, title in enumerate(titles):
        for place, term in enumerate(title.split()):
            made[row, place] = term_digest(term)
    return made


def evidenced(*titles: str, words: tuple[Word, ...]) -> Evidenced:
    nothing = np.zeros((3, 0), np.uint32)
    lane = Candidates(ROWS, SCORES)
    return Evidenced(
        rows=ROWS,
        lanes={"dense": lane, "lexical": Candidates(ROWS[:1], SCORES[:1])},
        joined=SCORES,
        vectors=np.eye(3, 8, dtype=np.float32),
        terms=TermsOf(digests(*titles), np.array([9, 1, 9], np.uint16), nothing, nothing),
        words=words,
        rarity=np.ones(len(words), np.float32),
        kinds=np.array([1, -1, 0], np.int32),
        kind_similarities=np.array([0.2, 0.7], np.float32),
        whole=np.array([True, False, False]),
        evidence={},
    )


def column(name: str, given: Evidenced) -> list[float]:
    values: list[float] = features(given)[:, FEATURES.index(name)].astype(np.float64).tolist()
    return [round(value, 3) for value in values]


def test_titles_say_words_in_their_heads_and_behind_them() -> None:
    given = evidenced("red lamp", "case for lamp", "chair", words=(Word.of("lamp"),))
    assert column("title_coverage", given) == [1, 1, 0]
    assert column("head_coverage", given) == [1, 0, 0]
    assert column("title_of_query", given) == [0.5, 0.333, 0]


def test_terms_of_a_form_have_to_stand_side_by_side() -> None:
    word = Word((Form(("headtorch",)), Form(("head", "torch"))))
    given = evidenced("head torch", "torch for head", "headtorch", words=(word,))
    assert column("title_coverage", given) == [1, 0, 1]


def test_a_candidate_without_a_kind_has_its_own_similarity_for_it() -> None:
    given = evidenced("a", "b", "c", words=(Word.of("lamp"),))
    assert column("kind_similarity", given) == [0.7, 0.8, 0.2]


def test_titles_without_a_term_and_queries_without_a_word_have_features() -> None:
    given = evidenced("a", "b", "c", words=(Word.of("lamp"),))
    nothing = np.zeros((3, 0), np.uint32)
    bare = replace(given, terms=TermsOf(nothing, np.zeros(3, np.uint16), nothing, nothing))
    for each in (bare, evidenced("a", "b", "c", words=())):
        made = features(each)
        assert made.shape == (3, len(FEATURES))
        assert np.isfinite(made).all()
