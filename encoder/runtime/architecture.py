"""What a model folder says about its shape: read from JSON alone, no weights touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import EncoderError
from ..base import Similarity
from ..texts.prompts import document_prompt

Family = Literal["bert", "roberta", "xlm-roberta", "dsv3"]
Pooling = Literal["mean", "cls"]
_FAMILIES: tuple[Family, ...] = get_args(Family)
_POOLING_FLAGS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
}


class Unsupported(EncoderError):  # noqa: N818 - reads as the condition it names
    """A model that cannot be compiled; it still runs with the runtime torch."""


class Inexact(EncoderError):  # noqa: N818 - reads as the condition it names
    """A compiled encoder whose vectors are not near enough to the original's."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Which layers of a V3 model have experts, and how many each token visits."""

    layers: tuple[int, ...]
    count: int
    per_token: int


@dataclass(frozen=True, slots=True)
class Architecture:
    """What is needed, beside the weights, to compute a text's vector from its tokens."""

    family: Family
    hidden: int
    heads: int
    layers: int
    epsilon: float
    first_position: int
    pooling: Pooling
    normalize: bool
    max_tokens: int
    lowercase: bool
    similarity: Similarity
    query_prompt: str
    document_prompt: str
    experts: Experts | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Architecture:
        """Read what `to_json` wrote."""
        experts = fields["experts"]
        if experts is not None:
            experts = Experts(tuple(experts["layers"]), experts["count"], experts["per_token"])
        return cls(**{**fields, "experts": experts})


def read_architecture(folder: Path) -> Architecture:
    """Read a sentence-transformers folder.

    Raises:
        Unsupported: the model is of a kind that cannot be compiled.
        EncoderError: the folder is not a sentence-transformers model.

    """
    modules = _modules(folder)
    config = _read(folder / "config.json")
    family = _family(config, folder)
    _check_computable(config, folder)
    settings = _read(folder / "config_sentence_transformers.json", required=False)
    prompts = {key: text or "" for key, text in (settings.get("prompts") or {}).items()}
    transformer = _read(folder / "sentence_bert_config.json", required=False)
    return Architecture(
        family=family,
        hidden=int(config["hidden_size"]),
        heads=int(config["num_attention_heads"]),
        layers=int(config["num_hidden_layers"]),
        epsilon=float(config.get("layer_norm_eps", 1e-12)),
        first_position=int(config["pad_token_id"]) + 1 if "roberta" in family else 0,
        pooling=_pooling(folder / modules["Pooling"], any(prompts.values())),
        normalize="Normalize" in modules or settings.get("similarity_fn_name") != "dot",
        max_tokens=_max_tokens(folder, config, transformer),
        lowercase=bool(transformer.get("do_lower_case", False)),
        similarity=_similarity(settings, folder),
        query_prompt=prompts.get("query", ""),
        document_prompt=document_prompt(prompts),
        experts=_experts(config) if family == "dsv3" else None,
    )


def _read(path: Path, *, required: bool = True) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not required:
            return {}
        raise EncoderError(f"{path.parent} is not a model folder: no {path.name}") from None
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}


def _modules(folder: Path) -> dict[str, str]:
    """Return the path of each module by the last part of its type's name."""
    path = folder / "modules.json"
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
        modules = {str(module["type"]).rpartition(".")[2]: module["path"] for module in listed}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise EncoderError(f"{folder} is not a sentence-transformers folder: {path}") from error
    unknown = set(modules) - {"Transformer", "Pooling", "Normalize"}
    if unknown or not {"Transformer", "Pooling"} <= set(modules):
        raise Unsupported(f"{folder}: modules {', '.join(modules)} cannot be compiled")
    return modules


def _family(config: Mapping[str, Any], folder: Path) -> Family:
    found = config.get("model_type")
    for family in _FAMILIES:
        if found == family:
            return family
    raise Unsupported(f"{folder}: a model of type {found!r} cannot be compiled")


def _check_computable(config: Mapping[str, Any], folder: Path) -> None:
    wanted = {
        "hidden_act": ("gelu",),
        "position_embedding_type": ("absolute",),
        "attention": ("full", "exact"),
        "is_decoder": (False,),
    }
    for key, values in wanted.items():
        if config.get(key, values[0]) not in values:
            raise Unsupported(f"{folder}: {key} {config[key]!r} cannot be compiled")


def _pooling(folder: Path, prompted: bool) -> Pooling:
    config = _read(folder / "config.json")
    if prompted and not config.get("include_prompt", True):
        raise Unsupported(f"{folder}: pooling without the prompt cannot be compiled")
    named = config.get("pooling_mode")
    if named is None:
        chosen = [mode for flag, mode in _POOLING_FLAGS.items() if config.get(flag)]
        others = [
            flag
            for flag, on in config.items()
            if flag.startswith("pooling_mode_") and on and flag not in _POOLING_FLAGS
        ]
        named = chosen[0] if len(chosen) == 1 and not others else None
    if named == "mean":
        return "mean"
    if named == "cls":
        return "cls"
    raise Unsupported(f"{folder}: this pooling cannot be compiled; only mean and cls can")


def _max_tokens(folder: Path, config: Mapping[str, Any], transformer: Mapping[str, Any]) -> int:
    """Return the longest text, in tokens, as sentence-transformers finds it."""
    tokenizer = _read(folder / "tokenizer_config.json", required=False)
    limit = transformer.get("max_seq_length") or tokenizer.get("model_max_length")
    first = int(config["pad_token_id"]) + 1 if "roberta" in config["model_type"] else 0
    room = int(config.get("position_table_size") or config["max_position_embeddings"]) - first
    if config["model_type"] == "dsv3" and limit is not None and int(limit) > room:
        raise Unsupported(
            f"{folder}: texts of {limit} tokens, beyond the position table of {room}, "
            "cannot be compiled"
        )
    return min(int(limit), room) if limit is not None else room


def _similarity(settings: Mapping[str, Any], folder: Path) -> Similarity:
    found = settings.get("similarity_fn_name") or "cosine"
    if found == "cosine":
        return "cosine"
    if found == "dot":
        return "dot"
    raise EncoderError(
        f"{folder} compares vectors by {found}; only cosine and dot product are supported"
    )


def _experts(config: Mapping[str, Any]) -> Experts | None:
    layers = tuple(config.get("moe_layers") or ())
    if not layers:
        return None
    return Experts(layers, int(config["num_experts"]), int(config["num_experts_per_tok"]))
