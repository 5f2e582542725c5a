from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.corpus.cache import EmbeddingCache, text_key
from dsv3.encoder.corpus.fill import fill_cache
from dsv3.encoder.load import load_encoder
from dsv3.encoder.names import EncoderName
from dsv3.encoder.pytorch import devices
from dsv3.encoder.runtime.encoder import CompiledEncoder
from dsv3.encoder.runtime.export import export_folder
from dsv3.errors import EncoderError

_NO_HEAVY_IMPORTS = """
import sys
from dsv3 import load_encoder
encoder = load_encoder("default")
assert encoder.encode_queries(["wireless mouse"]).shape == (1, 384)
heavy = {"torch", "transformers", "sentence_transformers", "onnxruntime", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""


def test_neither_torch_nor_transformers_is_loaded() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NO_HEAVY_IMPORTS], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_package_is_imported_without_numpy_runtimes() -> None:
    code = "import sys, dsv3; print(sorted({'openvino', 'torch', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_long_texts_are_pooled_from_pieces(small_model: Any) -> None:
    folder = small_model()
    cut = load_encoder(f"{folder},precision=fp32")
    pool = load_encoder(f"{folder},precision=fp32,long_text=pool")
    assert cut.fingerprint != pool.fingerprint
    short = ["a kettle", "word " * 40]
    np.testing.assert_allclose(cut.encode_documents(short), pool.encode_documents(short), atol=1e-5)
    # 48 tokens a piece less [CLS] and [SEP]: "red" fills the first piece, "shoe" the second
    first, second = "red " * 46, "shoe " * 23
    parts = cut.encode_documents([first, second])
    expected = 48 * parts[0] + 25 * parts[1]
    np.testing.assert_allclose(
        pool.encode_documents([first + second])[0],
        expected / np.linalg.norm(expected),
        atol=1e-5,
    )


def test_settings_are_part_of_the_name(small_model: Any) -> None:
    name = f"{small_model()},precision=fp32,long_text=pool"
    encoder = load_encoder(name)
    assert encoder.name == name
    assert encoder.recipe == {"name": name, "runtime": "auto"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("default,precision=int4", "fp32, bf16, int8"),
        ("default,colour=red", "there are precision, long_text"),
        ("default,long_text", "cut, pool"),
        ("hashing,precision=int8", "no such settings"),
        ("default:big", "no variants"),
    ],
)
def test_a_wrong_setting_says_what_there_is(name: str, said: str) -> None:
    with pytest.raises(EncoderError, match=said):
        load_encoder(name)


def test_a_folder_with_a_comma_in_its_name_is_no_setting(tmp_path: Path) -> None:
    folder = tmp_path / "a,precision=fp32"
    folder.mkdir()
    assert EncoderName.parse(str(folder)) == EncoderName(str(folder))


def test_threads_may_share_an_encoder(small_model: Any) -> None:
    encoder = load_encoder(f"{small_model()},precision=fp32")
    texts = [f"product {number} " + "word " * (number % 30) for number in range(60)]
    expected = encoder.encode_documents(texts)
    wrong: list[int] = []

    def work(start: int) -> None:
        for _ in range(5):
            found = encoder.encode_documents(texts[start::4])
            if not np.allclose(found, expected[start::4], atol=1e-5):
                wrong.append(start)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_worker_processes_give_the_same_vectors(
    small_model: Any, tmp_path: Path, texts: list[str]
) -> None:
    encoder = load_encoder(f"{small_model('dsv3')},precision=fp32")
    with EmbeddingCache(tmp_path / "cache.sqlite") as cache:
        stats = fill_cache(encoder, texts, cache, workers=2)
        vectors, found, tokens = cache.get_many(
            encoder.fingerprint, [text_key(text) for text in texts]
        )
    assert stats.encoded == len(texts)
    assert found.all()
    np.testing.assert_array_equal(tokens, encoder.count_tokens(texts))
    assert stats.cut == int((tokens > 48).sum()) > 0
    np.testing.assert_allclose(vectors, encoder.encode_documents(texts), atol=1e-5)


def test_processes_are_not_pinned_to_one_core(small_model: Any) -> None:
    encoder = load_encoder(str(small_model()))
    encoder.encode_queries(["kettle"])
    assert isinstance(encoder, CompiledEncoder)
    for graph in encoder._graphs.values():
        assert graph.compiled().get_property("ENABLE_CPU_PINNING") is False


def test_what_a_cpu_alone_computes_stays_there_beside_a_gpu(
    small_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    folder = small_model()
    export_folder(folder, tmp_path / "made", precision="fp32", verify=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(devices, "_DRIVER", Path(__file__))
    for name in (f"{folder},precision=fp32", str(tmp_path / "made")):
        assert isinstance(load_encoder(name, device="auto"), CompiledEncoder)
        with pytest.raises(EncoderError, match="runs on the CPU"):
            load_encoder(name, device="cuda")
