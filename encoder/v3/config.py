"""The shape of a V3 model."""

from __future__ import annotations

from typing import Literal

from transformers import PreTrainedConfig

from ...errors import InputError

Attention = Literal["full", "exact", "dynamic"]
PositionExtension = Literal["repeat", "interpolate", "grouped"]


class V3Config(PreTrainedConfig):
    """Hold the shape of a V3 encoder; names follow transformers where it has one.

    Attributes:
        intermediate_size: width of the feed-forward in the layers without experts.
        moe_layers: which layers, from 0, have experts; none makes a dense encoder.
        num_experts: experts in a layer; the gate sends each token to `num_experts_per_tok` of them.
        moe_intermediate_size: width of one expert.
        shared_intermediate_size: width of the expert that every token passes; 0 for none.
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
