"""The shapes of V3 that have a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import InputError
from .config import V3Config


@dataclass(frozen=True, slots=True)
class Preset:
    """A named shape."""

    name: str
    about: str
    shape: dict[str, Any]

    @property
    def mixture(self) -> dict[str, Any]:
        """Return which layers have experts and how wide they are."""
        names = ("moe_layers", "moe_intermediate_size", "shared_intermediate_size")
        return {name: self.shape[name] for name in names}

    def config(self, **changes: Any) -> V3Config:
        """Return the configuration of this shape, with changes."""
        return V3Config(**{**self.shape, **changes})


def _odd(layers: int) -> list[int]:
    return list(range(1, layers, 2))


_PRESETS = (
    Preset(
        "v3-edge",
        "the shape of MiniLM, 6 layers 384 wide",
        {
            "hidden_size": 384,
            "num_hidden_layers": 6,
            "num_attention_heads": 12,
            "intermediate_size": 1536,
            "moe_layers": _odd(6),
            "moe_intermediate_size": 768,
            "shared_intermediate_size": 1056,
        },
    ),
    Preset(
        "v3-base",
        "the shape of BERT-base, 12 layers 768 wide",
        {
            "hidden_size": 768,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "intermediate_size": 3072,
            "moe_layers": _odd(12),
            "moe_intermediate_size": 768,
            "shared_intermediate_size": 3712,
        },
    ),
    Preset(
        "v3-1b",
        "a billion parameters, 30 layers 1280 wide",
        {
            "hidden_size": 1280,
            "num_hidden_layers": 30,
            "num_attention_heads": 20,
            "intermediate_size": 5120,
            "moe_layers": _odd(30),
            "moe_intermediate_size": 1024,
            "shared_intermediate_size": 6528,
        },
    ),
    Preset(
        "v3-260b",
        "the article's 260 billion parameters, 48 layers 6144 wide",
        {
            "hidden_size": 6144,
            "num_hidden_layers": 48,
            "num_attention_heads": 48,
            "intermediate_size": 24576,
            "moe_layers": list(range(48)),
            "moe_intermediate_size": 53504,
            "shared_intermediate_size": 0,
        },
    ),
)


def preset(name: str) -> Preset:
    """Return a preset by name.

    Raises:
        InputError: there is none by that name.

    """
    for one in _PRESETS:
        if one.name == name:
            return one
    raise InputError(f"no preset {name!r}; there are {', '.join(preset_names())}")


def mixture_for(base: Any, name: str | None = None) -> dict[str, Any]:
    """Return which layers get experts, and how wide, when a dense model becomes V3.

    Args:
        base: configuration of the dense model.
        name: of a preset; None takes the one of the base's shape, or v3-edge's proportions.

    Raises:
        InputError: the preset is for another shape, or there is none by that name.

    """
    like = preset_like(base)
    if name is not None:
        wanted = preset(name)
        if like is None or like.name != name:
            raise InputError(
                f"{name} has {wanted.about}, and this base has {base.num_hidden_layers} layers "
                f"{base.hidden_size} wide; leave the preset out to get a mixture in proportion"
            )
        like = wanted
    if like is not None:
        return like.mixture
    edge = preset("v3-edge").shape
    share = base.intermediate_size / edge["intermediate_size"]
    return {
        "moe_layers": _odd(base.num_hidden_layers),
        "moe_intermediate_size": round(edge["moe_intermediate_size"] * share),
        "shared_intermediate_size": round(edge["shared_intermediate_size"] * share),
    }


def preset_like(base: Any) -> Preset | None:
    """Return the preset whose dense shape is that of a configuration; None when there is none."""
    dense = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
    for one in _PRESETS:
        if all(getattr(base, name, None) == one.shape[name] for name in dense):
            return one
    return None


def preset_names() -> tuple[str, ...]:
    """Return the names of the presets, smallest first."""
    return tuple(one.name for one in _PRESETS)
