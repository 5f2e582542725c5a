from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from dsv3.encoder.base import Encoder
from dsv3.encoder.compression.compress import Compression, compress_model
from dsv3.encoder.corpus.cache import EmbeddingCache
from dsv3.encoder.load import load_encoder
from dsv3.errors import ShopError
from dsv3.eval.compression import as_table, measure_models, shop_texts, weigh
from dsv3.eval.qrels import Qrels, collect
from dsv3.eval.systems.dense import DenseSystem
from dsv3.indexer.index import index_shop
from dsv3.indexer.ingest import Reading

Runner = Callable[..., CompletedProcess[str]]
TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"
KINDS = ("wireless mouse", "usb cable", "desk lamp", "running shoes")
COLOURS = ("red", "blue", "black", "white")


@pytest.fixture(autouse=True)
def _own_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSV3_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    products = [
        {"id": f"{kind}/{colour}", "title": f"{kind} {colour}", "description": "made\nof steel"}
        for kind in KINDS
        for colour in COLOURS
    ]
    source = tmp_path / "products.jsonl"
    source.write_text("\n".join(map(json.dumps, products)))
    into = tmp_path / "shop.dsv3"
    index_shop(into, Reading([str(source)]), changes={"encoder": "hashing:64"}, workers=1)
    return into


@pytest.fixture
def judged() -> Qrels:
    graded = [(kind, f"{kind}/{colour}", 3) for kind in KINDS for colour in COLOURS[:2]]
    return collect(graded, source="test")


def test_the_dense_system_is_the_exact_ranking(tmp_path: Path) -> None:
    encoder: Encoder = load_encoder("hashing:64")
    texts = [f"{kind} {colour}" for kind in KINDS for colour in COLOURS]
    with EmbeddingCache(tmp_path / "vectors.sqlite") as cache:
        system = DenseSystem("hash", encoder, texts, texts, cache)
        run = system.rank({"q1": "usb cable blue", "q2": "desk lamp"}, 5)
    assert run.rankings["q1"][0] == "usb cable blue"
    assert len(run.rankings["q2"]) == 5
    scores = encoder.encode_queries(["desk lamp"]) @ encoder.encode_documents(texts).T
    best = sorted(range(len(texts)), key=lambda row: (-scores[0, row], row))[:5]
    assert list(run.rankings["q2"]) == [texts[row] for row in best]


def test_models_are_compared_with_the_first(shop: Path, judged: Qrels, tmp_path: Path) -> None:
    small = tmp_path / "small"
    compress_model(str(TINY), small, shop_texts(shop), Compression(["int8"]))
    models = {"hashing": "hashing:64", "same": "hashing:64", "int8": str(small)}
    rows = measure_models({**models, "fewer": "hashing:32"}, shop, judged, workers=1)
    first, same, int8, _ = rows
    assert first.comparison is None
    assert first.kept is not None
    assert (first.kept.mean, first.kept.low, first.kept.high) == (1, 1, 1)
    assert same.comparison is not None
    assert same.comparison.difference.mean == 0
    assert same.quality == first.quality
    assert same.rated == first.rated > 0
    assert int8.kept is not None
    assert int8.kept.mean == pytest.approx(int8.quality.mean / first.quality.mean)
    assert int8.parameters == weigh(str(TINY))[0]
    assert int8.bytes == sum(graph.stat().st_size for graph in small.glob("*.bin"))
    assert min(row.query_ms for row in rows) > 0
    lines = as_table(rows)
    assert len(lines) == 2 + len(rows)
    assert lines[2].startswith("| hashing | 0.00M |")
    assert "100.0% [100.0%, 100.0%]" in lines[3]


def test_what_nobody_rated_leaves_the_verdict_open(shop: Path) -> None:
    """All that one model shows is rated, and little of what another shows."""
    texts = [f"{kind} {colour}" for kind in KINDS for colour in COLOURS]
    ids = [f"{kind}/{colour}" for kind in KINDS for colour in COLOURS]
    with EmbeddingCache(shop / "embeddings.sqlite") as cache:
        system = DenseSystem("hash", load_encoder("hashing:64"), ids, texts, cache)
        shown = system.rank({text: text for text in texts}, 10).rankings
    rated = Qrels({query: dict.fromkeys(products, 3) for query, products in shown.items()})
    _, other = measure_models({"one": "hashing:64", "other": "hashing:8"}, shop, rated, workers=1)
    assert other.rated < 0.9
    assert other.comparison is not None
    assert other.comparison.significant
    assert "rate these" in other.comparison.verdict


def test_a_smaller_catalog_holds_all_that_is_judged(
    shop: Path, judged: Qrels, tmp_path: Path
) -> None:
    from dsv3.eval.compression import _drawn

    ids = [f"{kind}/{colour}" for kind in KINDS for colour in COLOURS]
    few = _drawn(ids, judged, 10)
    assert len(few) == 10
    assert {product for grades in judged.grades.values() for product in grades} <= set(few)
    assert [product for product in ids if product in few] == few
    assert _drawn(ids, judged, None) == _drawn(ids, judged, 99) == ids
    (row,) = measure_models({"hash": "hashing:64"}, shop, judged, products=8, workers=1)
    assert row.quality.mean == pytest.approx(1)


def test_a_model_is_weighed_by_its_files() -> None:
    from dsv3.encoder.v3.summary import summarise

    parameters, size = weigh(str(TINY))
    assert parameters == summarise(str(TINY))["parameters"]["total"]
    assert size == (TINY / "model.safetensors").stat().st_size


def test_texts_are_the_shops_on_one_line_each(shop: Path, tmp_path: Path) -> None:
    texts = shop_texts(shop)
    assert len(texts) == 16
    assert "wireless mouse red. made of steel" in texts
    with pytest.raises(ShopError, match="no shop"):
        shop_texts(tmp_path / "nowhere")


def test_the_command_measures_in_a_shop(dsv3: Runner, shop: Path, tmp_path: Path) -> None:
    judgments = tmp_path / "judgments.csv"
    lines = [f"{kind},{kind}/{colour},3" for kind in KINDS for colour in COLOURS[:2]]
    judgments.write_text("\n".join(["query,product_id,grade", *lines]))
    command = f"model compress {TINY} {tmp_path / 'small'} --method int8 --in {shop}"
    shown = dsv3(*command.split(), "--judgments", judgments, "--json")
    found = json.loads(shown.stdout)
    assert [row["name"] for row in found["measured"]] == [str(TINY), str(tmp_path / "small")]
    assert found["measured"][1]["bytes"] < found["measured"][0]["bytes"]


@pytest.mark.parametrize(
    ("options", "told"),
    [([], "--texts, or a shop"), (["--judgments", "j.csv"], "name it with --in")],
)
def test_texts_must_come_from_somewhere(
    dsv3: Runner, options: list[str], told: str, tmp_path: Path
) -> None:
    done = dsv3("model", "compress", TINY, tmp_path / "o", "--method", "int8", *options)
    assert done.returncode == 2
    assert told in done.stderr
