"""The shape of a V3 model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from transformers import PreTrainedConfig

from ...errors import InputError

Attention = Literal["full", "exact", "dynamic"]
PositionExtension = Literal["repeat", "interpolate", "grouped"]


@dataclass(frozen=True, slots=True)
class LayerShape:
    """How wide one layer is.

    Attributes:
        heads: attention heads.
        feed_forward: width of the feed-forward, in a layer without experts.
        experts: how many there are, in a layer with experts.
        expert: width of each of them.
        shared: width of the expert that every token passes; 0 for none.

    """

    heads: int
    feed_forward: int
    experts: int
    expert: int
    shared: int

    def to_json(self) -> dict[str, int]:
        """Return the fields as JSON can hold them."""
        return asdict(self)


class V3Config(PreTrainedConfig):
    """The shape of a V3 encoder; names follow transformers where it has one.

    Attributes:
        intermediate_size: width of the feed-forward in the layers without experts.
        moe_layers: which layers, from 0, have experts; none makes a dense encoder.
        num_experts: experts in a layer; the gate sends each token to `num_experts_per_tok` of them.
        moe_intermediate_size: width of one expert.
        shared_intermediate_size: width of the expert that every token passes; 0 for none.
        layer_shapes: for each layer, the fields of `LayerShape` in which it differs from the widths
            above, as after pruning; None where all layers are alike.
        router_aux_loss_coef: weight of the balance loss; 0 turns it off.
        router_bias_update_rate: step of the loss-free balance; 0 turns it off.
        position_table_size: positions that have a row of their own in the table.
        max_position_embeddings: longest text; above the table, `position_extension` says how.
        attention: every token to every token (full), the same a segment at a time (exact),
            or a segment to its neighbourhood and the blocks it chooses (dynamic).

    """

    model_type = "dsv3"

    vocab_size: int = 30522
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 12
    intermediate_size: int = 1536
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0

    moe_layers: list[int] | None = None
    num_experts: int = 8
    num_experts_per_tok: int = 2
    moe_intermediate_size: int = 768
    shared_intermediate_size: int = 1056
    layer_shapes: list[dict[str, int]] | None = None
    router_aux_loss_coef: float = 0.01
    router_bias_update_rate: float = 0.0

    position_table_size: int = 512
    max_position_embeddings: int = 32768
    position_extension: PositionExtension = "repeat"

    attention: Attention = "full"
    attention_segment: int = 1024
    attention_block: int = 128
    attention_top_k: int = 4
    attention_neighbours: int = 1
    attention_summary: bool = False

    def __post_init__(self, **kwargs: object) -> None:
        self.moe_layers = sorted(set(self.moe_layers or []))
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        _check(self)

    @property
    def sparse_layers(self) -> list[int]:
        """Return which layers have experts; never None."""
        return self.moe_layers or []

    @property
    def head_size(self) -> int:
        """Return the width of an attention head, the same in all layers."""
        return self.hidden_size // self.num_attention_heads

    def layer_shape(self, layer: int) -> LayerShape:
        """Return how wide a layer is."""
        own = self.layer_shapes[layer] if self.layer_shapes else {}
        uniform = LayerShape(
            heads=self.num_attention_heads,
            feed_forward=self.intermediate_size,
            experts=self.num_experts,
            expert=self.moe_intermediate_size,
            shared=self.shared_intermediate_size,
        )
        return replace(uniform, **own)


def _check(config: V3Config) -> None:
    """Refuse a shape that no model can have."""
    if config.hidden_size % config.num_attention_heads:
        raise InputError(
            f"hidden_size {config.hidden_size} cannot be shared by "
            f"{config.num_attention_heads} attention heads; choose a multiple"
        )
    if not 1 <= config.num_experts_per_tok <= config.num_experts:
        raise InputError(
            f"a token cannot go to {config.num_experts_per_tok} of {config.num_experts} experts"
        )
    outside = [n for n in config.sparse_layers if not 0 <= n < config.num_hidden_layers]
    if outside:
        raise InputError(
            f"moe_layers names layer {outside[0]}; the model has layers 0 to "
            f"{config.num_hidden_layers - 1}"
        )
    _check_shapes(config)


def _check_shapes(config: V3Config) -> None:
    """Refuse layers' own widths that are not one for each layer, or that no layer can have."""
    if config.layer_shapes is None:
        return
    if len(config.layer_shapes) != config.num_hidden_layers:
        raise InputError(
            f"layer_shapes has {len(config.layer_shapes)} entries for "
            f"{config.num_hidden_layers} layers; write one for each, {{}} where nothing differs"
        )
    known = {field.name for field in fields(LayerShape)}
    for layer, own in enumerate(config.layer_shapes):
        if unknown := sorted(set(own) - known):
            raise InputError(
                f"layer_shapes, layer {layer}: no width {unknown[0]!r}; "
                f"there are {', '.join(sorted(known))}"
            )
        shape = config.layer_shape(layer)
        if min(shape.heads, shape.feed_forward, shape.expert) < 1 or shape.shared < 0:
            raise InputError(f"layer_shapes, layer {layer}: a width below 1: {own}")
        if shape.experts < config.num_experts_per_tok:
            raise InputError(
                f"layer_shapes, layer {layer}: a token cannot go to "
                f"{config.num_experts_per_tok} of {shape.experts} experts"
            )
