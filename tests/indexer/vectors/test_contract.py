"""Hold every kind of index to the same contract, with a brute-force search as the judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dsv3.encoder.base import FloatArray, IntArray, Similarity
from dsv3.errors import InputError
from dsv3.indexer.vectors.base import BoolArray, Neighbors, VectorIndex
from dsv3.indexer.vectors.build import build_index
from dsv3.indexer.vectors.load import load_index
from hypothesis import given, settings
from hypothesis import strategies as st

DIM = 32
COUNT = 1500
SPECS = [
    "Flat",
    "SQ8",
    "SQfp16",
    "HNSW32",
    "HNSW32,SQ8",
    "IVF32,Flat",
    "IVF32,SQ8",
    "IVF32_HNSW16,Flat",
    "IVF16,PQ8x4",
    "IVF16,RaBitQfs,Refine(SQ8)",
    "RaBitQ",
    "RaBitQ,Refine(SQ8)",
    "PCA24,Flat",
]


def clustered(count: int, seed: int) -> FloatArray:
    """Make unit vectors around 40 centres that are the same whatever the seed."""
    centres = np.random.default_rng(1).standard_normal((40, DIM))
    rng = np.random.default_rng(seed)
    vectors = centres[rng.integers(0, 40, count)] + 0.6 * rng.standard_normal((count, DIM))
    unit: FloatArray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


VECTORS = clustered(COUNT, 2)
# Rows have gaps, and are not added in order.
ROWS = np.random.default_rng(3).permutation(2 * COUNT)[:COUNT].astype(np.int64)
QUERIES = clustered(12, 4)


def build(spec: str, similarity: Similarity = "cosine") -> VectorIndex:
    batches = [(ROWS[i : i + 700], VECTORS[i : i + 700]) for i in range(0, COUNT, 700)]
    return build_index(spec, DIM, similarity, COUNT, batches, VECTORS)


@pytest.fixture(scope="module", params=SPECS)
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build each kind of index once; a test that changes one opens its own."""
    folder = tmp_path_factory.mktemp("index")
    build(request.param).save(folder)
    return folder


@pytest.fixture
def index(saved: Path) -> VectorIndex:
    return load_index(saved)


class Held:
    """Keep rows and vectors beside the index, to score them by numpy alone."""

    def __init__(self, rows: IntArray = ROWS, vectors: FloatArray = VECTORS) -> None:
        self.rows = rows
        self.vectors = vectors

    def without(self, rows: IntArray) -> Held:
        kept = ~np.isin(self.rows, rows)
        return Held(self.rows[kept], self.vectors[kept])

    def replaced(self, rows: IntArray, vectors: FloatArray) -> Held:
        rest = self.without(rows)
        return Held(np.concatenate([rest.rows, rows]), np.concatenate([rest.vectors, vectors]))

    def passing(self, mask: BoolArray | None) -> Held:
        if mask is None:
            return self
        allowed = np.zeros(int(self.rows.max()) + 1, np.bool_)
        allowed[: len(mask)] = mask[: len(allowed)]
        return Held(self.rows[allowed[self.rows]], self.vectors[allowed[self.rows]])


def recall(
    found: Neighbors, held: Held, queries: FloatArray, k: int, mask: BoolArray | None
) -> float:
    """Share of the k best that were found, a row as good as the k-th best counting as it.

    Checks on the way that what was found is allowed, complete, distinct, scored and ordered.
    """
    held = held.passing(mask)
    size = min(k, len(held.rows))
    assert (found.rows[:, size:] == -1).all()
    assert np.isneginf(found.scores[:, size:]).all()
    assert (np.diff(found.scores[:, :size]) <= 0).all()
    hits = 0
    for rows, scores, query in zip(found.rows, found.scores, queries, strict=True):
        real = rows[:size]
        assert len(np.unique(real)) == size
        assert np.isin(real, held.rows).all()
        truth = held.vectors @ query
        order = np.argsort(held.rows)
        mine = truth[order][np.searchsorted(held.rows[order], real)]
        np.testing.assert_allclose(scores[:size], mine, atol=2e-5)
        if size:
            hits += int((mine >= np.sort(truth)[-size] - 1e-6).sum())
    return hits / (size * len(queries)) if size else 1.0


def mask_of(share: float, seed: int = 5) -> BoolArray:
    return np.asarray(np.random.default_rng(seed).random(2 * COUNT) < share)


def test_holds_what_was_added(index: VectorIndex) -> None:
    assert len(index) == index.capacity == COUNT
    assert index.dim == DIM
    assert index.similarity == "cosine"
    assert index.tombstone_share == 0
    np.testing.assert_array_equal(index.rows(), np.sort(ROWS))
    np.testing.assert_array_equal(index.vectors(ROWS[::7]), VECTORS[::7])


@pytest.mark.parametrize("share", [1.0, 0.7, 0.3, 0.1, 0.03, 0.01, 0.001])
def test_recall_at_every_selectivity(index: VectorIndex, share: float) -> None:
    mask = mask_of(share)
    found = index.search(QUERIES, 10, mask)
    least = 1.0 if found.plan.startswith("exact") else 0.97
    assert recall(found, Held(), QUERIES, 10, mask) >= least
    assert "filter" in found.plan or "exact over" in found.plan or share == 1.0


def test_unfiltered_recall(index: VectorIndex) -> None:
    found = index.search(QUERIES, 10)
    assert recall(found, Held(), QUERIES, 10, None) >= 0.97


def test_single_queries_find_what_a_batch_finds(index: VectorIndex) -> None:
    mask = mask_of(0.4)
    batch = index.search(QUERIES, 5, mask)
    for number, query in enumerate(QUERIES):
        one = index.search(query[None], 5, mask)
        np.testing.assert_allclose(one.scores[0], batch.scores[number], atol=1e-6)


def test_a_filter_against_the_query_still_finds_enough(index: VectorIndex) -> None:
    """Only what is far from the query passes, as in a search for mice among printers."""
    scores = VECTORS @ QUERIES[0]
    mask = np.zeros(2 * COUNT, np.bool_)
    mask[ROWS[scores < np.quantile(scores, 0.4)]] = True
    found = index.search(QUERIES[:1], 10, mask)
    assert mask[found.rows[0]].all()
    best = np.sort(scores[mask[ROWS]])[::-1][:10]
    assert (found.scores[0] >= best - 0.05).all()


def test_removed_rows_are_gone(index: VectorIndex) -> None:
    gone = ROWS[:450]
    assert index.remove(np.concatenate([gone, gone[:5], np.array([10**9])])) == 450
    assert index.remove(gone) == 0
    assert len(index) == COUNT - 450
    assert index.capacity == COUNT
    assert index.tombstone_share == pytest.approx(0.3)
    held = Held().without(gone)
    for mask in (None, mask_of(0.5)):
        found = index.search(QUERIES, 10, mask)
        assert recall(found, held, QUERIES, 10, mask) >= 0.97
    with pytest.raises(InputError, match="not in the vector index"):
        index.vectors(gone[:1])


def test_added_again_replaces(index: VectorIndex) -> None:
    changed = ROWS[100:160]
    vectors = clustered(60, 6)
    index.add(changed, vectors)
    assert len(index) == COUNT
    assert index.capacity == COUNT + 60
    held = Held().replaced(changed, vectors)
    np.testing.assert_array_equal(index.vectors(changed), vectors)
    found = index.search(vectors, 1)
    assert recall(found, held, vectors, 1, None) >= 0.97
    assert recall(index.search(QUERIES, 10), held, QUERIES, 10, None) >= 0.97


def test_the_last_of_equal_rows_in_one_batch_is_kept(index: VectorIndex) -> None:
    rows = np.array([7 * COUNT, 7 * COUNT + 1, 7 * COUNT])
    vectors = clustered(3, 7)
    index.add(rows, vectors)
    assert len(index) == COUNT + 2
    np.testing.assert_array_equal(index.vectors(rows[1:]), vectors[1:])


def test_changes_survive_saving(index: VectorIndex, tmp_path: Path) -> None:
    index.remove(ROWS[:50])
    index.add(ROWS[40:60], clustered(20, 8))
    index.save(tmp_path / "new")
    again = load_index(tmp_path / "new")
    assert len(again) == len(index) == COUNT - 40
    assert again.tombstone_share == index.tombstone_share
    np.testing.assert_array_equal(again.rows(), index.rows())
    np.testing.assert_array_equal(again.vectors(again.rows()), index.vectors(index.rows()))
    for mask in (None, mask_of(0.3), mask_of(0.005)):
        mine, theirs = index.search(QUERIES, 10, mask), again.search(QUERIES, 10, mask)
        np.testing.assert_allclose(mine.scores, theirs.scores, atol=1e-6)
        assert mine.plan == theirs.plan
    again.add(np.array([1]), clustered(1, 9))
    assert again.rows()[0] in (0, 1)


def test_saving_over_itself_and_removing_the_source(
    index: VectorIndex, saved: Path, tmp_path: Path
) -> None:
    index.save(tmp_path)
    own = load_index(tmp_path)
    own.remove(ROWS[:10])
    own.save(tmp_path)
    assert len(load_index(tmp_path)) == COUNT - 10
    for file in tmp_path.iterdir():
        file.unlink()
    assert (
        recall(own.search(QUERIES, 3), Held(own.rows(), own.vectors(own.rows())), QUERIES, 3, None)
        >= 0.97
    )
    own.add(np.array([12 * COUNT]), clustered(1, 10))
    assert len(own) == COUNT - 9


def test_more_wanted_than_there_are(index: VectorIndex) -> None:
    mask = np.zeros(2 * COUNT, np.bool_)
    mask[ROWS[:4]] = True
    found = index.search(QUERIES, 10, mask)
    assert recall(found, Held(), QUERIES, 10, mask) == 1.0
    everything = index.search(QUERIES[:2], COUNT + 50)
    assert recall(everything, Held(), QUERIES[:2], COUNT + 50, None) == 1.0


@pytest.mark.parametrize("length", [0, 10, 2 * COUNT])
def test_nothing_passes(index: VectorIndex, length: int) -> None:
    found = index.search(QUERIES, 4, np.zeros(length, np.bool_))
    assert (found.rows == -1).all()
    assert np.isneginf(found.scores).all()
    assert found.plan == "no rows pass"


@pytest.mark.parametrize("length", [COUNT // 50, COUNT, 2 * COUNT + 999])
def test_a_mask_may_be_shorter_or_longer_than_the_rows(index: VectorIndex, length: int) -> None:
    mask = np.ones(length, np.bool_)
    found = index.search(QUERIES, 10, mask)
    assert recall(found, Held(), QUERIES, 10, mask) >= 0.97


def test_more_effort_finds_no_less(index: VectorIndex) -> None:
    little = recall(index.search(QUERIES, 10, effort=0.05), Held(), QUERIES, 10, None)
    much = recall(index.search(QUERIES, 10, effort=100.0), Held(), QUERIES, 10, None)
    assert much >= little
    assert much >= 0.99


def test_queries_are_brought_to_unit_length(index: VectorIndex) -> None:
    np.testing.assert_allclose(
        index.search(QUERIES * 9, 5).scores, index.search(QUERIES, 5).scores, atol=1e-5
    )


def test_no_queries(index: VectorIndex) -> None:
    assert index.search(np.empty((0, DIM), np.float32), 3).rows.shape == (0, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(index: VectorIndex, bad: float) -> None:
    vectors = clustered(3, 11)
    vectors[1, 5] = bad
    with pytest.raises(InputError, match=r"vector 1 .*not finite"):
        index.add(np.arange(3), vectors)
    with pytest.raises(InputError, match="not finite"):
        index.search(vectors, 2)
    assert index.capacity == COUNT


def test_wrong_shapes_are_refused(index: VectorIndex) -> None:
    with pytest.raises(InputError, match=rf"\(n, {DIM}\)"):
        index.add(np.arange(2), np.ones((2, DIM + 1), np.float32))
    with pytest.raises(InputError, match=rf"\(n, {DIM}\)"):
        index.search(np.ones(DIM, np.float32), 2)
    with pytest.raises(InputError, match="2 rows were given with 3 vectors"):
        index.add(np.arange(2), clustered(3, 12))
    with pytest.raises(InputError, match="negative"):
        index.add(np.array([4, -2]), clustered(2, 12))
    with pytest.raises(InputError, match="integers"):
        index.remove(np.array([0.5]))
    with pytest.raises(InputError, match="positive"):
        index.search(QUERIES, 0)
    with pytest.raises(InputError, match="mask"):
        index.search(QUERIES, 3, np.arange(5))  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", SPECS)
def test_an_empty_index(spec: str, tmp_path: Path) -> None:
    build_index(spec, DIM, "cosine", 0, [], VECTORS).save(tmp_path)
    index = load_index(tmp_path)
    assert len(index) == index.capacity == index.tombstone_share == 0
    for mask in (None, np.ones(5, np.bool_)):
        assert (index.search(QUERIES, 3, mask).rows == -1).all()
    assert index.rows().shape == (0,)
    assert index.vectors(np.empty(0, np.int64)).shape == (0, DIM)
    assert index.remove(np.array([3])) == 0
    index.train(VECTORS)
    index.add(ROWS[:20], VECTORS[:20])
    found = index.search(VECTORS[:20], 1)
    np.testing.assert_array_equal(found.rows[:, 0], ROWS[:20])


@pytest.mark.parametrize("spec", [spec for spec in SPECS if "PQ" not in spec])
def test_dot_product_keeps_lengths(spec: str) -> None:
    lengths = np.linspace(0.5, 2, COUNT, dtype=np.float32)[:, None]
    vectors = VECTORS * lengths
    index = build_index(spec, DIM, "dot", COUNT, [(ROWS, vectors)], vectors)
    np.testing.assert_array_equal(index.vectors(ROWS), vectors)
    held = Held(ROWS, vectors)
    for mask in (None, mask_of(0.3), mask_of(0.01)):
        assert recall(index.search(QUERIES, 10, mask), held, QUERIES, 10, mask) >= 0.9


def rows_found(index: VectorIndex, mask: BoolArray | None) -> IntArray:
    found: IntArray = index.search(QUERIES[:1], 10, mask).rows[0]
    return found


@pytest.mark.parametrize("spec", ["Flat", "SQ8", "HNSW32", "IVF32,Flat"])
def test_equal_scores_come_in_order_of_rows(spec: str) -> None:
    """Copies of one vector under many rows: a page must not depend on how it was computed."""
    vectors = np.repeat(VECTORS[:75], 20, axis=0)
    rows = np.arange(COUNT)
    index = build_index(spec, DIM, "cosine", COUNT, [(rows, vectors)], vectors)
    found = rows_found(index, None)
    best = int(np.argmax(VECTORS[:75] @ QUERIES[0])) * 20
    assert set(found.tolist()) <= set(range(best, best + 20))
    assert (np.diff(found) > 0).all()
    narrow = np.zeros(COUNT, np.bool_)
    narrow[best + 5 : best + 18] = True
    assert rows_found(index, narrow).tolist() == list(range(best + 5, best + 15))


@pytest.mark.slow
def test_product_quantization_with_eight_bits(tmp_path: Path) -> None:
    index = build_index("IVF256,PQ32", DIM, "cosine", COUNT, [(ROWS, VECTORS)], VECTORS)
    index.remove(ROWS[:100])
    index.save(tmp_path)
    held = Held().without(ROWS[:100])
    for mask in (None, mask_of(0.3)):
        found = load_index(tmp_path).search(QUERIES, 10, mask)
        assert recall(found, held, QUERIES, 10, mask) >= 0.97


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_series_of_changes_leaves_what_a_dictionary_would_hold(data: st.DataObject) -> None:
    """Add, replace and remove at random: search, rows and vectors agree with plain numpy."""
    spec = data.draw(st.sampled_from(["Flat", "SQ8", "HNSW32"]))
    index = build_index(spec, DIM, "cosine", 0, [], VECTORS)
    index.train(VECTORS)
    rows_drawn = st.lists(st.integers(0, 60), max_size=12)
    held: dict[int, FloatArray] = {}
    for _ in range(data.draw(st.integers(1, 6))):
        rows = np.array(data.draw(rows_drawn), np.int64)
        if data.draw(st.booleans()):
            vectors = VECTORS[data.draw(st.integers(0, 900)) :][: len(rows)]
            index.add(rows, vectors)
            held |= dict(zip(rows.tolist(), vectors, strict=True))
        else:
            gone = set(rows.tolist()) & set(held)
            assert index.remove(rows) == len(gone)
            held = {row: vector for row, vector in held.items() if row not in gone}
    assert index.rows().tolist() == sorted(held)
    if held:
        truth = Held(np.array(list(held)), np.array(list(held.values())))
        mask = np.array(data.draw(st.lists(st.booleans(), max_size=70)), np.bool_)
        for chosen in (None, mask):
            found = index.search(QUERIES, 5, chosen)
            assert recall(found, truth, QUERIES, 5, chosen) == 1.0
