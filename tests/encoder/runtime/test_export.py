from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dsv3.encoder.load import load_encoder
from dsv3.encoder.runtime import export
from dsv3.encoder.runtime.architecture import Unsupported
from dsv3.encoder.runtime.export import export_folder
from dsv3.encoder.runtime.manifest import read_manifest
from dsv3.errors import EncoderError, InputError
from safetensors.numpy import load_file, save_file


def test_an_export_stands_by_itself(small_model: Any, tmp_path: Path) -> None:
    folder = small_model()
    manifest = export_folder(folder, tmp_path / "out", precision="fp32", verify=False)
    before = load_encoder(str(folder)).encode_documents(["a kettle"])
    shutil.rmtree(folder)
    encoder = load_encoder(str(tmp_path / "out"))
    assert encoder.fingerprint == manifest.fingerprint
    np.testing.assert_allclose(encoder.encode_documents(["a kettle"]), before, atol=1e-2)


def test_the_manifest_says_how_near_the_vectors_are(small_model: Any, tmp_path: Path) -> None:
    export_folder(small_model(), tmp_path / "out", precision="fp32")
    manifest = read_manifest(tmp_path / "out")
    assert 0.9999 <= manifest.least_cosine <= manifest.mean_cosine <= 1.0001


def test_wrong_vectors_are_refused_and_nothing_is_left(
    small_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_cosines", lambda *_: (np.array([1.0]), np.array([0.7])))
    with pytest.raises(EncoderError, match=r"cosine 0\.70000, at least 0\.9999"):
        export_folder(small_model(), tmp_path / "out", precision="fp32")
    assert list(tmp_path.iterdir()) == []


def test_an_export_replaces_an_earlier_one_but_nothing_else(
    small_model: Any, tmp_path: Path
) -> None:
    first = export_folder(small_model(seed=1), tmp_path / "out", verify=False)
    second = export_folder(small_model(seed=2), tmp_path / "out", verify=False)
    assert first.fingerprint != second.fingerprint == read_manifest(tmp_path / "out").fingerprint
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    with pytest.raises(InputError, match="something else"):
        export_folder(small_model(), tmp_path / "mine", verify=False)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"


def test_an_unknown_precision_lists_those_there_are(small_model: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="fp32, bf16, int8"):
        export_folder(small_model(), tmp_path / "out", precision="int4")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("config.json", {"model_type": "mamba"}, "type 'mamba'"),
        ("config.json", {"hidden_act": "relu"}, "hidden_act 'relu'"),
        ("config.json", {"position_embedding_type": "relative_key"}, "relative_key"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "this pooling"),
    ],
)
def test_what_cannot_be_compiled_says_why_and_runs_on_torch(
    small_model: Any, tmp_path: Path, file: str, change: dict[str, Any], said: str
) -> None:
    folder = small_model()
    path = folder / file
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(Unsupported, match=said):
        export_folder(folder, tmp_path / "out")
    with pytest.raises(Unsupported, match=said):
        load_encoder(str(folder), runtime="compiled")
    assert list(tmp_path.iterdir()) == []


def test_auto_falls_back_to_torch(small_model: Any) -> None:
    folder = small_model(hidden_act="relu")
    encoder = load_encoder(str(folder))
    assert type(encoder).__name__ == "SentenceTransformerEncoder"
    assert load_encoder(f"{folder},long_text=pool").fingerprint != encoder.fingerprint
    with pytest.raises(EncoderError, match="need a compiled encoder"):
        load_encoder(f"{folder},precision=int8")


def test_missing_weights_are_named(small_model: Any, tmp_path: Path) -> None:
    folder = small_model()
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "intermediate" in name)
    save_file(
        {key: value for key, value in tensors.items() if key != name}, folder / "model.safetensors"
    )
    with pytest.raises(Unsupported, match=name.rpartition("encoder.")[2]):
        export_folder(folder, tmp_path / "out", verify=False)


def test_changed_weights_are_compiled_anew(small_model: Any) -> None:
    folder = small_model()
    before = load_encoder(str(folder))
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if "word_embeddings" in name)
    save_file({**tensors, name: tensors[name][::-1].copy()}, folder / "model.safetensors")
    after = load_encoder(str(folder))
    assert after.fingerprint != before.fingerprint
    assert not np.allclose(after.encode_documents(["kettle"]), before.encode_documents(["kettle"]))


@pytest.mark.parametrize("file", ["encoder.bin", "encoder.xml", "tokenizer.json"])
def test_a_damaged_export_is_one_clear_error(small_model: Any, tmp_path: Path, file: str) -> None:
    out = tmp_path / "out"
    export_folder(small_model(), out, verify=False)
    (out / file).write_bytes((out / file).read_bytes()[:-7])
    with pytest.raises(EncoderError, match="missing or damaged") as caught:
        load_encoder(str(out))
    assert "\n" not in str(caught.value)


def test_an_export_of_another_format_is_refused(small_model: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_folder(small_model(), out, verify=False)
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "format": 0}))
    with pytest.raises(EncoderError, match="another version of dsv3"):
        load_encoder(str(out))


def test_a_compiled_folder_has_one_precision(small_model: Any, tmp_path: Path) -> None:
    export_folder(small_model(), tmp_path / "out", precision="fp32", verify=False)
    assert load_encoder(f"{tmp_path / 'out'},precision=fp32").dim == 32
    with pytest.raises(EncoderError, match="was compiled to fp32"):
        load_encoder(f"{tmp_path / 'out'},precision=int8")
    with pytest.raises(EncoderError, match="torch cannot run it"):
        load_encoder(str(tmp_path / "out"), runtime="torch")


def test_an_unwritable_cache_folder_is_one_clear_error(
    small_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DSV3_CACHE", str(tmp_path / "file"))
    with pytest.raises(EncoderError, match="set DSV3_CACHE"):
        load_encoder(str(small_model()))
