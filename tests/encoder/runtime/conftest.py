from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dsv3.encoder.default import default_folder

ModelMaker = Callable[..., Path]

_SHAPE: dict[str, Any] = {
    "vocab_size": 30522,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    # far from the usual 0.02, so that attention and gates really choose
    "initializer_range": 0.25,
}
_MIXTURE: dict[str, Any] = {
    "moe_layers": [1],
    "num_experts": 4,
    "moe_intermediate_size": 24,
    "shared_intermediate_size": 40,
    "position_table_size": 64,
    "max_position_embeddings": 64,
}


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> ModelMaker:
    """Return a function that writes a small random model folder of a family."""

    def make(
        family: str = "bert",
        *,
        pooling: str = "mean",
        settings: dict[str, Any] | None = None,
        lowercase: bool = False,
        seed: int = 0,
        **shape: Any,
    ) -> Path:
        folder = tmp_path_factory.mktemp(family)
        _save_weights(family, folder, seed, shape)
        modules = ["Transformer", "Pooling"]
        if (settings or {}).get("similarity_fn_name") != "dot":
            modules.append("Normalize")
        _write(folder / "modules.json", _modules(modules, family))
        _write(folder / "config_sentence_transformers.json", settings or {})
        _write(
            folder / "sentence_bert_config.json",
            {"max_seq_length": 48, "do_lower_case": lowercase},
        )
        (folder / "1_Pooling").mkdir()
        _write(
            folder / "1_Pooling" / "config.json",
            {"embedding_dimension": 32, "pooling_mode": pooling, "include_prompt": True},
        )
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            shutil.copy(default_folder() / name, folder / name)
        return folder

    return make


def _save_weights(family: str, folder: Path, seed: int, shape: dict[str, Any]) -> None:
    import dsv3.encoder.v3  # noqa: F401 - makes the family dsv3 known
    import torch
    from transformers import AutoConfig, AutoModel

    torch.manual_seed(seed)
    extra: dict[str, Any] = _MIXTURE if family == "dsv3" else {}
    if "roberta" in family:
        extra = {"pad_token_id": 1, "type_vocab_size": 1}
    config = AutoConfig.for_model(family, **{**_SHAPE, **extra, **shape})
    model = AutoModel.from_config(config)
    with torch.no_grad():
        for name, values in model.named_parameters():
            if name.endswith("bias"):
                values.normal_(0, 0.2)
    model.save_pretrained(folder)


def _modules(names: list[str], family: str) -> list[dict[str, Any]]:
    places = {
        "Transformer": ("", "sentence_transformers.base.modules.transformer"),
        "Pooling": ("1_Pooling", "sentence_transformers.sentence_transformer.modules.pooling"),
        "Normalize": ("2_Normalize", "sentence_transformers.base.modules.normalize"),
    }
    return [
        {
            "idx": number,
            "name": str(number),
            "path": places[name][0],
            "type": f"{places[name][1]}.{name}",
            **({"kwargs": ["task"]} if family == "dsv3" and name == "Transformer" else {}),
        }
        for number, name in enumerate(names)
    ]


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
