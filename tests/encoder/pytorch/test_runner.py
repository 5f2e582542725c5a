"""The torch encoder gives sentence-transformers' own vectors, by its own batches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.base import FloatArray
from dsv3.encoder.corpus.cache import EmbeddingCache, text_key
from dsv3.encoder.corpus.fill import fill_cache
from dsv3.encoder.default import default_folder
from dsv3.encoder.hashing import HashingEncoder
from dsv3.encoder.load import load_encoder
from dsv3.encoder.pytorch import devices, sentence_transformer
from dsv3.encoder.pytorch.devices import choose_device
from dsv3.encoder.pytorch.runner import compute_in_bf16
from dsv3.encoder.pytorch.sentence_transformer import SentenceTransformerEncoder
from dsv3.encoder.texts.tokens import TextTokenizer
from dsv3.errors import EncoderError

V3_TINY = Path(__file__).parents[1] / "v3" / "tiny"


def _cosines(one: FloatArray, other: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: FloatArray = (one * other).sum(axis=1) / lengths
    return found


@pytest.mark.parametrize("folder", [default_folder(), V3_TINY], ids=["default", "v3"])
def test_vectors_are_those_of_sentence_transformers(
    folder: Path, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentence_transformer, "_TOKENISED_AT_ONCE", 30)
    plain = SentenceTransformerEncoder(folder, threads=1, plain=True)
    ours = SentenceTransformerEncoder(folder, threads=1)
    sample = [*texts[:80], "", "  \n", "word " * 400, "broken \ud800", "无线鼠标"]
    assert ours._tokenizer is not None
    assert ours.fingerprint == plain.fingerprint
    np.testing.assert_array_equal(ours.count_tokens(sample), plain.count_tokens(sample))
    for one, other in (
        (ours.encode_documents(sample), plain.encode_documents(sample)),
        (ours.encode_queries(sample[:5]), plain.encode_queries(sample[:5])),
    ):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_tokenizer_that_disagrees_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TextTokenizer, "cut", lambda *_: [[1, 2]])
    encoder = SentenceTransformerEncoder(V3_TINY, threads=1)
    assert encoder._tokenizer is None
    assert encoder.encode_documents(["usb hub"]).shape == (1, encoder.dim)
    with pytest.raises(EncoderError, match=r"needs a model with a tokenizer\.json"):
        SentenceTransformerEncoder(V3_TINY, long_text="pool")


def test_pieces_are_averaged_as_the_compiled_encoder_does(texts: list[str]) -> None:
    long = [" ".join(texts[:60]), " ".join(texts[60:90]), texts[0]]
    ours = load_encoder("default,long_text=pool", runtime="torch", threads=1)
    compiled = load_encoder("default,precision=fp32,long_text=pool", threads=1)
    assert ours.fingerprint == compiled.fingerprint
    assert ours.count_tokens(long).max() > 2 * ours.max_tokens
    found = _cosines(ours.encode_documents(long), compiled.encode_documents(long))
    assert found.min() > 0.9999


@pytest.mark.parametrize("folder", [default_folder(), V3_TINY], ids=["default", "v3"])
def test_bf16_keeps_the_vectors(folder: Path, texts: list[str]) -> None:
    encoder = SentenceTransformerEncoder(folder, threads=1)
    whole = encoder.encode_documents(texts[:30])
    compute_in_bf16(encoder._model)
    half = encoder.encode_documents(texts[:30])
    assert half.dtype == np.float32
    assert not np.array_equal(whole, half)
    assert _cosines(whole, half).min() > 0.999


def test_the_device_is_a_gpu_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    assert choose_device("cpu") == "cpu"
    with pytest.raises(EncoderError, match="there are cpu, cuda, auto"):
        choose_device("tpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(EncoderError, match="torch finds no GPU"):
        choose_device("cuda")
    monkeypatch.setattr(devices, "_DRIVER", Path(__file__))
    assert choose_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == "cuda"
    monkeypatch.setattr(devices, "_DRIVER", Path("/no/driver"))
    assert choose_device("auto") == "cpu"


def test_what_is_compiled_does_not_go_to_a_gpu() -> None:
    with pytest.raises(EncoderError, match="runs on the CPU"):
        load_encoder("default,precision=int8", device="cuda")
    with pytest.raises(EncoderError, match="runs on the CPU"):
        load_encoder("default", runtime="compiled", device="cuda")


def test_an_encoder_that_is_best_alone_runs_in_one_thread_beside(
    tmp_path: Path, texts: list[str]
) -> None:
    used: set[str] = set()

    class Alone(HashingEncoder):
        alone = True
        call_tokens = 500

        def encode_documents(self, texts: Any) -> FloatArray:
            used.add(threading.current_thread().name)
            return super().encode_documents(texts)

    encoder = Alone()
    with EmbeddingCache(tmp_path / "cache.sqlite") as cache:
        stats = fill_cache(encoder, texts, cache, workers=4)
        vectors, found, _ = cache.get_many(encoder.fingerprint, [text_key(t) for t in texts])
    assert stats.encoded == len(texts)
    assert found.all()
    np.testing.assert_array_equal(vectors, HashingEncoder().encode_documents(texts))
    assert len(used) == 1
    assert threading.main_thread().name not in used


@pytest.mark.gpu
@pytest.mark.parametrize("folder", [default_folder(), V3_TINY], ids=["default", "v3"])
def test_a_gpu_gives_the_vectors_of_the_cpu(folder: Path, texts: list[str]) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    on_cpu = SentenceTransformerEncoder(folder, plain=True)
    on_gpu = SentenceTransformerEncoder(folder, device="cuda")
    assert on_gpu.fingerprint == on_cpu.fingerprint
    found = _cosines(on_gpu.encode_documents(texts), on_cpu.encode_documents(texts))
    assert found.min() > 0.999


@pytest.mark.gpu
def test_a_gpu_fills_the_cache(tmp_path: Path, texts: list[str]) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("torch finds no GPU")
    encoder = load_encoder("default", device="cuda")
    assert encoder.alone
    with EmbeddingCache(tmp_path / "cache.sqlite") as cache:
        assert fill_cache(encoder, texts, cache).encoded == len(texts)
