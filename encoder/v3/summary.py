"""Say what a V3 model is made of, what it costs, and how that compares with the article."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ...errors import InputError
from .accounts import build_empty, count_operations, count_parameters
from .algebra import fewest_experts, least_active, split
from .config import V3Config
from .folder import is_v3_folder
from .gates import TASKS
from .presets import preset, preset_names

ARTICLE = {
    "experts": 8,
    "top_k": 2,
    "gates": 2,
    "added_parameters": 0.58,
    "added_operations": 0.23,
    "total": 260e9,
    "active": 45e9,
}


def summarise(name: str, *, query_tokens: int = 8, document_tokens: int = 128) -> dict[str, Any]:
    """Count a preset or a V3 folder from its modules.

    Args:
        name: of a preset, or a folder.
        query_tokens: length of the text in which a query's token is counted.
        document_tokens: the same for a document's.

    Raises:
        InputError: neither a preset nor a V3 folder.

    """
    config = _config(name)
    model = build_empty(config)
    accounts = count_parameters(model)
    lengths = dict(zip(TASKS, (query_tokens, document_tokens), strict=True))
    operations = [count_operations(model, task, lengths[task]) for task in TASKS]
    return {
        "name": name,
        "shape": _shape(config),
        "parameters": {**asdict(accounts), "added": accounts.added},
        "operations": [{**asdict(one), "added": one.added} for one in operations],
        "memory": accounts.memory(),
        "article": ARTICLE,
        "algebra": algebra(),
    }


def algebra() -> list[str]:
    """State why the article's sizes exclude each other, and what comes nearest."""
    total, active = ARTICLE["total"] / 1e9, ARTICLE["active"] / 1e9
    claimed = split(total, active, experts=8, top_k=2)
    least = least_active(total, experts=8, top_k=2)
    reached = fewest_experts(total, active, top_k=2)
    ratio = (1 + ARTICLE["added_operations"]) / (1 + ARTICLE["added_parameters"])
    return [
        f"{active:g}B active of {total:g}B with top-2 of 8 whole experts is impossible: "
        f"S + 8E = {total:g} and S + 2E = {active:g} give E = {claimed.expert:.1f}, "
        f"S = {claimed.shared:.1f}.",
        f"Nearest: top-2 of 8 with nothing shared has {least:g}B active; {active:g}B needs at "
        f"least {reached.experts} experts (E = {reached.expert:g}B, S = {reached.shared:g}B).",
        f"Nor do +58 % parameters for +23 % compute fit {active:g} of {total:g}: they mean "
        f"1.23 / 1.58 = {ratio:.0%} active, not {active / total:.0%}.",
    ]


def _config(name: str) -> V3Config:
    if name in preset_names():
        return preset(name).config()
    if is_v3_folder(name):
        found = V3Config.from_pretrained(name)
        if isinstance(found, V3Config):
            return found
    raise InputError(
        f"{name}: neither a V3 model's folder nor a preset; the presets are "
        f"{', '.join(preset_names())}"
    )


def _shape(config: V3Config) -> dict[str, Any]:
    return {
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "feed_forward": config.intermediate_size,
        "moe_layers": config.sparse_layers,
        "experts": config.num_experts,
        "top_k": config.num_experts_per_tok,
        "expert_width": config.moe_intermediate_size,
        "shared_width": config.shared_intermediate_size,
        "attention": config.attention,
        "max_tokens": config.max_position_embeddings,
        "layer_shapes": config.layer_shapes,
    }
