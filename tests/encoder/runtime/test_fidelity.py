"""A compiled encoder gives the vectors of the original, which torch runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.base import Encoder, FloatArray
from dsv3.encoder.default import default_folder
from dsv3.encoder.load import load_encoder
from dsv3.encoder.pytorch.sentence_transformer import SentenceTransformerEncoder
from dsv3.encoder.runtime import export
from dsv3.encoder.runtime.architecture import Inexact, read_architecture
from dsv3.encoder.runtime.batch import Task, for_task, inputs
from dsv3.encoder.runtime.device import compile_graph
from dsv3.encoder.runtime.encoder import CompiledEncoder
from dsv3.encoder.runtime.export import export_folder
from dsv3.encoder.runtime.graph import build_graph
from dsv3.encoder.runtime.linear import LinearLayers
from dsv3.encoder.runtime.manifest import GRAPH, QUERY_GRAPH
from dsv3.encoder.runtime.weights import read_weights

SMALL: list[dict[str, Any]] = [
    {"family": "bert"},
    {"family": "bert", "pooling": "cls"},
    {"family": "bert", "settings": {"similarity_fn_name": "dot"}},
    {"family": "bert", "settings": {"prompts": {"query": "search: ", "passage": "text: "}}},
    {"family": "roberta"},
    {"family": "xlm-roberta", "pooling": "cls"},
    {"family": "dsv3"},
    {"family": "dsv3", "moe_layers": [0, 1], "shared_intermediate_size": 0},
    {"family": "dsv3", "moe_layers": [0], "num_experts": 8, "num_experts_per_tok": 1},
    {"family": "dsv3", "moe_layers": []},
]
TEXTS = [
    "toner",
    "wireless mouse, 2.4 GHz, black",
    "",
    "   \n",
    "Kaffeevollautomat aus Edelstahl, 1,8 l",
    "无线鼠标 静音 🖱️",
    "word " * 46,
    "word " * 47,
    "a text that is far longer than the limit of the model " * 12,
    *(f"product {number} " + "with some more words " * (number % 9) for number in range(30)),
]


def cosines(one: FloatArray, other: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: FloatArray = (one * other).sum(axis=1) / lengths
    return found


def _pair(folder: Path) -> tuple[Encoder, Encoder]:
    return (
        SentenceTransformerEncoder(folder, threads=1, plain=True),
        load_encoder(f"{folder},precision=fp32", runtime="compiled"),
    )


@pytest.mark.parametrize("shape", SMALL, ids=str)
def test_small_models_agree_with_torch(small_model: Any, shape: dict[str, Any]) -> None:
    original, compiled = _pair(small_model(**shape))
    assert (compiled.dim, compiled.max_tokens) == (original.dim, original.max_tokens)
    assert compiled.similarity == original.similarity
    assert compiled.fingerprint == original.fingerprint
    np.testing.assert_array_equal(compiled.count_tokens(TEXTS), original.count_tokens(TEXTS))
    for one, other in (
        (original.encode_documents(TEXTS), compiled.encode_documents(TEXTS)),
        (original.encode_queries(TEXTS), compiled.encode_queries(TEXTS)),
    ):
        np.testing.assert_allclose(one, other, atol=2e-4, rtol=1e-3)
        assert cosines(one, other).min() > 0.99999


def test_the_gates_differ(small_model: Any) -> None:
    _, compiled = _pair(small_model("dsv3"))
    queries, documents = compiled.encode_queries(TEXTS), compiled.encode_documents(TEXTS)
    assert cosines(queries, documents).min() < 0.999


def test_lower_casing_is_kept(small_model: Any) -> None:
    _, compiled = _pair(small_model(lowercase=True))
    np.testing.assert_array_equal(
        compiled.encode_documents(["USB Cable"]), compiled.encode_documents(["usb cable"])
    )


def test_the_default_agrees_with_torch(texts: list[str]) -> None:
    original, compiled = _pair(default_folder())
    sample = [*texts[:12], "", "word " * 400]
    one, other = original.encode_documents(sample), compiled.encode_documents(sample)
    assert cosines(one, other).min() >= 0.9999


@pytest.mark.parametrize("family", ["bert", "dsv3"])
def test_int8_stays_near_and_is_smaller(small_model: Any, tmp_path: Path, family: str) -> None:
    folder = small_model(family, initializer_range=0.1)
    whole = export_folder(folder, tmp_path / "fp32", precision="fp32")
    small = export_folder(folder, tmp_path / "int8", precision="int8", texts=TEXTS)
    assert small.mean_cosine > 0.98
    assert small.fingerprint != whole.fingerprint == small.source
    rounded = load_encoder(str(tmp_path / "int8"))
    again = load_encoder(str(tmp_path / "fp32"))
    differ = np.abs(rounded.encode_documents(TEXTS) - again.encode_documents(TEXTS)).max()
    assert 1e-4 < differ < 0.2


@pytest.mark.parametrize(
    "shape", [{}, {"num_experts": 8}, {"shared_intermediate_size": 0}], ids=str
)
def test_all_experts_at_once_give_what_each_gives_alone(
    small_model: Any, shape: dict[str, Any]
) -> None:
    folder = small_model("dsv3", moe_layers=[0, 1], **shape)
    architecture = read_architecture(folder)
    weights = read_weights(folder, architecture)
    apart, together = (
        compile_graph(
            build_graph(architecture, weights, LinearLayers(), few_tokens=few_tokens),
            threads=1,
            bf16=False,
        )
        for few_tokens in (False, True)
    )
    given = inputs([[2, 7, 8, 3], [2, 9, 3], [2, 3]], architecture.max_tokens)
    tasks: tuple[Task, ...] = ("query", "document")
    for task in tasks:
        one, other = (each(for_task(given, task))[0] for each in (apart, together))
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_queries_have_a_graph_of_whole_numbers(texts: list[str]) -> None:
    exact = load_encoder("default,precision=fp32", runtime="compiled")
    quick = load_encoder("default", runtime="compiled")
    assert isinstance(exact, CompiledEncoder)
    assert isinstance(quick, CompiledEncoder)
    assert (exact.manifest.query_graph, quick.manifest.query_graph) == (GRAPH, QUERY_GRAPH)
    queries = [" ".join(text.split()[:5]) for text in texts[:40]]
    one, other = exact.encode_queries(queries), quick.encode_queries(queries)
    assert 0.999 < cosines(one, other).min() < 0.999999
    alone = np.stack([quick.encode_queries([query])[0] for query in queries])
    np.testing.assert_allclose(other, alone, atol=2e-3)


def test_queries_fall_back_where_whole_numbers_lose_too_much(
    small_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_model("dsv3", initializer_range=0.1)
    monkeypatch.setitem(export._LEAST_QUERY_COSINE, "bf16", 1.1)
    manifest = export_folder(folder, tmp_path / "out", precision="bf16", texts=TEXTS)
    assert manifest.query_graph == GRAPH
    assert not (tmp_path / "out" / QUERY_GRAPH).exists()
    assert load_encoder(str(tmp_path / "out")).encode_queries(["kettle"]).shape == (1, 32)


@pytest.mark.parametrize("wrong", [0.5, float("nan")])
def test_queries_without_a_graph_of_their_own_are_held_to_the_bound_too(
    small_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    far, near = np.full(3, wrong, np.float32), np.ones(3, np.float32)
    monkeypatch.setattr(export, "_cosines", lambda *_: (far, near))
    with pytest.raises(Inexact, match="differ from the original"):
        export_folder(small_model(), tmp_path / "out", precision="fp32", texts=TEXTS)


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("precision", "least"), [("fp32", 0.9999), ("bf16", 0.9999)])
def test_a_thousand_real_texts_agree(icecat: Path, precision: str, least: float) -> None:
    import gzip
    import json

    with gzip.open(icecat / "products.jsonl.gz", "rt") as lines:
        products = [json.loads(line) for line in lines][::19][:1000]
    texts = [f"{p['title']}. {p.get('short_description') or ''}" for p in products]
    original = load_encoder("default", runtime="torch")
    compiled = load_encoder(f"default,precision={precision}", runtime="compiled")
    one, other = original.encode_documents(texts), compiled.encode_documents(texts)
    assert cosines(one, other).min() >= least
