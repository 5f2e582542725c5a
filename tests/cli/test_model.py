from __future__ import annotations

import json
from pathlib import Path

import pytest
from dsv3.cli.app import app
from dsv3.errors import InputError
from transformers import BertConfig, BertModel, BertTokenizer
from typer.testing import CliRunner

TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["model", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a small dense BERT without a sentence-transformers configuration."""
    folder = tmp_path / "base"
    words = tmp_path / "vocab.txt"
    words.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "usb", "hub", "a"]))
    BertTokenizer(vocab=str(words), model_max_length=32).save_pretrained(str(folder))
    config = BertConfig(
        vocab_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def test_info_counts_a_preset_beside_the_article() -> None:
    shown = _run("info", "v3-edge")
    for part in ("35.66 M", "22.57 M", "+58.0%", "+58%", "142.64 MB", "S = -26.7"):
        assert part in shown
    found = json.loads(_run("info", "v3-edge", "--query-tokens", "32", "--json"))
    assert found["parameters"]["total"] == 35_659_872
    assert found["operations"][0]["added"] == pytest.approx(0.227, abs=0.001)
    assert found["memory"]["int8"] == 35_659_872


def test_info_shows_the_load_of_each_gate(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("usb hub\n\nwireless mouse\n")
    assert "2, document" in _run("info", str(TINY), "--texts", str(texts))
    found = json.loads(_run("info", str(TINY), "--texts", str(texts), "--json"))
    assert {load["task"] for load in found["load"]} == {"query", "document"}


def test_upcycle_writes_a_folder_that_equals_its_base(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "v3"
    done = json.loads(_run("upcycle", str(base), str(out), "--json"))
    assert done["least_cosine"] > 0.99999
    assert done["total"] > done["base_total"]
    config = json.loads((out / "config.json").read_text())
    assert (config["moe_layers"], config["moe_intermediate_size"]) == ([1], 48)
    assert config["shared_intermediate_size"] == 66
    with pytest.raises(InputError, match="is not empty"):
        _run("upcycle", str(base), str(out))


def test_a_preset_of_another_shape_is_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"v3-edge has the shape of MiniLM.* 2 layers 16 wide"):
        _run("upcycle", str(base), str(tmp_path / "v3"), "--preset", "v3-edge")


def test_a_file_of_texts_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"texts\.txt: cannot be read"):
        _run("info", str(TINY), "--texts", str(tmp_path / "texts.txt"))


def test_export_into_the_cache_is_what_the_name_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dsv3.encoder.load import load_encoder

    monkeypatch.setenv("DSV3_CACHE", str(tmp_path / "cache"))
    made = json.loads(_run("export", str(TINY), "--precision", "int8", "--json"))
    assert made["encoder"] == f"{TINY},precision=int8"
    assert made["least_cosine"] > 0.9
    (folder,) = (tmp_path / "cache" / "compiled").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["fingerprint"] == made["fingerprint"]
    assert load_encoder(made["encoder"]).fingerprint == made["fingerprint"]
