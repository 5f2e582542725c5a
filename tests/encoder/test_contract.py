"""Every encoder keeps the contract of `dsv3.encoder.base`."""

from __future__ import annotations

import numpy as np
import pytest
from dsv3.encoder.base import Encoder
from dsv3.encoder.load import load_encoder

NAMES = [("hashing", "auto"), ("hashing:64", "auto"), ("default", "torch"), ("default", "compiled")]


@pytest.fixture(scope="module", params=NAMES, ids="-".join)
def encoder(request: pytest.FixtureRequest) -> Encoder:
    name, runtime = request.param
    return load_encoder(name, threads=1, runtime=runtime)


def test_vectors_have_the_stated_shape_and_type(encoder: Encoder) -> None:
    for encode in (encoder.encode_queries, encoder.encode_documents):
        vectors = encode(["wireless mouse", "", "🖱️ 无线鼠标 فأرة"])
        assert vectors.shape == (3, encoder.dim)
        assert vectors.dtype == np.float32
        assert np.isfinite(vectors).all()


def test_cosine_vectors_have_unit_length(encoder: Encoder) -> None:
    assert encoder.similarity == "cosine"
    vectors = encoder.encode_documents(["a red shoe", "", "x" * 20_000, "word " * 3_000])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_documents([]).shape == (0, encoder.dim)
    assert encoder.encode_queries([]).shape == (0, encoder.dim)
    assert encoder.count_tokens([]).shape == (0,)


def test_a_text_keeps_its_vector_whatever_it_is_encoded_with(encoder: Encoder) -> None:
    texts = ["short", "a laser printer with duplex unit " * 10, "toner"]
    together = encoder.encode_documents(texts)
    alone = np.concatenate([encoder.encode_documents([text]) for text in texts])
    # a batch's shape decides the order of additions, and bfloat16 keeps 8 bits of each
    np.testing.assert_allclose(together, alone, atol=2e-3)


def test_like_texts_are_closer_than_unlike_ones(encoder: Encoder) -> None:
    query = encoder.encode_queries(["wireless mouse"])
    near, far = encoder.encode_documents(["Logitech wireless mouse, black", "oak garden table"])
    assert query @ near > query @ far


def test_lone_surrogates_are_encoded(encoder: Encoder) -> None:
    assert np.isfinite(encoder.encode_documents(["broken \ud800 text"])).all()
    assert encoder.count_tokens(["broken \ud800 text"])[0] > 0


def test_tokens_are_counted_before_the_cut(encoder: Encoder) -> None:
    short, long = encoder.count_tokens(["one", "word " * (encoder.max_tokens * 2)])
    assert 0 < short < encoder.max_tokens < long


def test_what_is_beyond_the_limit_is_cut(encoder: Encoder) -> None:
    text = "word " * (encoder.max_tokens * 2)
    vectors = encoder.encode_documents([text, text + "and something else"])
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-5)


def test_the_recipe_makes_the_same_encoder_again(encoder: Encoder) -> None:
    assert encoder.recipe is not None
    again = load_encoder(**encoder.recipe, threads=1)
    assert again.fingerprint == encoder.fingerprint
    texts = ["a kettle", "an HDMI cable"]
    np.testing.assert_allclose(
        again.encode_documents(texts), encoder.encode_documents(texts), atol=1e-6
    )
