from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from transformers import BertConfig, BertModel, BertTokenizer

TINY = Path(__file__).parents[1] / "encoder" / "v3" / "tiny"

Runner = Callable[..., CompletedProcess[str]]
Model = Callable[..., str]


@pytest.fixture
def model(dsv3: Runner) -> Model:
    def run(*arguments: object) -> str:
        done = dsv3("model", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


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


def test_info_counts_a_preset_beside_the_article(model: Model) -> None:
    shown = model("info", "v3-edge")
    for part in ("35.66 M", "22.57 M", "+58.0%", "+58%", "142.64 MB", "S = -26.7"):
        assert part in shown
    found = json.loads(model("info", "v3-edge", "--query-tokens", "32", "--json"))
    assert found["parameters"]["total"] == 35_659_872
    assert found["operations"][0]["added"] == pytest.approx(0.227, abs=0.001)
    assert found["memory"]["int8"] == 35_659_872


def test_info_shows_the_load_of_each_gate(model: Model, tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("usb hub\n\nwireless mouse\n")
    assert "2, document" in model("info", str(TINY), "--texts", str(texts))
    found = json.loads(model("info", str(TINY), "--texts", str(texts), "--json"))
    assert {load["task"] for load in found["load"]} == {"query", "document"}


def test_upcycle_writes_a_folder_that_equals_its_base(
    model: Model, dsv3: Runner, base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "v3"
    done = json.loads(model("upcycle", str(base), str(out), "--json"))
    assert done["least_cosine"] > 0.99999
    assert done["total"] > done["base_total"]
    config = json.loads((out / "config.json").read_text())
    assert (config["moe_layers"], config["moe_intermediate_size"]) == ([1], 48)
    assert config["shared_intermediate_size"] == 66
    assert "is not empty" in dsv3("model", "upcycle", base, out).stderr


def test_a_preset_of_another_shape_is_refused(dsv3: Runner, base: Path, tmp_path: Path) -> None:
    done = dsv3("model", "upcycle", base, tmp_path / "v3", "--preset", "v3-edge")
    assert re.search(r"v3-edge has the shape of MiniLM.* 2 layers 16 wide", done.stderr)


def test_a_file_of_texts_that_cannot_be_read_is_named(dsv3: Runner, tmp_path: Path) -> None:
    done = dsv3("model", "info", TINY, "--texts", tmp_path / "texts.txt")
    assert "texts.txt: cannot be read" in done.stderr


def test_export_into_the_cache_is_what_the_name_finds(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dsv3.encoder.load import load_encoder

    monkeypatch.setenv("DSV3_CACHE", str(tmp_path / "cache"))
    made = json.loads(model("export", str(TINY), "--precision", "int8", "--json"))
    assert made["encoder"] == f"{TINY},precision=int8"
    assert made["least_cosine"] > 0.9
    (folder,) = (tmp_path / "cache" / "compiled").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["fingerprint"] == made["fingerprint"]
    assert load_encoder(made["encoder"]).fingerprint == made["fingerprint"]
