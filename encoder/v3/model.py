"""The V3 model: a BERT whose feed-forwards, in some layers, are mixtures of experts."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutput

from ...errors import InputError
from .config import V3Config
from .embeddings import Embeddings
from .experts import Experts, FeedForward, Mixture
from .gates import TASKS, Gates, Task
from .padding import Padding
from .self_attention import SelfAttention


class Block(GradientCheckpointingLayer):
    """Attention, then feed-forward or mixture; each added to its input and normalised."""

    def __init__(self, config: V3Config, layer: int) -> None:
        super().__init__()
        sparse = layer in config.sparse_layers
        self.attention = SelfAttention(config, layer)
        self.attention_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mixture = Mixture(config, layer) if sparse else None
        width = config.layer_shape(layer).feed_forward
        self.feed_forward = None if sparse else FeedForward(config, width)
        self.feed_forward_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x: Tensor, task: Task, padding: Padding) -> Tensor:
        """Return (tokens, hidden) from (tokens, hidden)."""
        x = self.attention_norm(x + self.dropout(self.attention(x, padding)))
        if self.mixture is not None:
            y = self.mixture(x, task, padding)
        else:
            y = cast("FeedForward", self.feed_forward)(x)
        normed: Tensor = self.feed_forward_norm(x + self.dropout(y))
        return normed


class V3Model(PreTrainedModel):
    """Turns token ids into one vector a token; a pooling module makes them a text's vector."""

    config: V3Config
    config_class = V3Config
    base_model_prefix = "model"
    input_modalities = "text"
    supports_gradient_checkpointing = True
    _no_split_modules = {"Block", "Embeddings"}  # noqa: RUF012
    _supports_sdpa = True

    def __init__(self, config: V3Config) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Block(config, n) for n in range(config.num_hidden_layers))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(
        self,
        input_ids: Tensor,  # (batch, length)
        attention_mask: Tensor | None = None,  # (batch, length), nonzero where there is a token
        token_type_ids: Tensor | None = None,  # (batch, length)
        position_ids: Tensor | None = None,  # (batch, length) rows of the position table
        task: str | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> BaseModelOutput | tuple[Tensor, ...]:
        """Encode a batch.

        Args:
            input_ids: texts as token ids, padded on either side.
            attention_mask: which places hold tokens; all when None.
            token_type_ids: zeros when None.
            position_ids: counted from the mask when None.
            task: whose gate decides, "query" or "document"; None is "document".
            output_hidden_states: also return the input and the output of each layer.
            return_dict: False returns a tuple.

        Returns:
            last_hidden_state: (batch, length, hidden), zeros where there is padding.

        Raises:
            InputError: an unknown task, or a text longer than the model takes.

        """
        gate = _task(task)
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        self._check_length(mask)
        padding = Padding(mask.bool())
        x = self.embeddings(input_ids, padding, token_type_ids, position_ids)  # (tokens, hidden)
        keep = self.config.output_hidden_states if output_hidden_states is None else True
        states = [x]
        for layer in self.layers:
            x = layer(x, gate, padding)
            states.append(x)
        last = padding.restore(x)  # (batch, length, hidden)
        kept = tuple(padding.restore(state) for state in states) if keep else None
        if return_dict is False:
            return (last,) if kept is None else (last, *kept)
        return BaseModelOutput(last_hidden_state=last, hidden_states=kept)

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of words."""
        return self.embeddings.words

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of words."""
        self.embeddings.words = cast("nn.Embedding", value)

    def _check_length(self, mask: Tensor) -> None:
        longest = self.config.max_position_embeddings
        if mask.size(1) > longest:
            raise InputError(
                f"a text of {mask.size(1)} tokens is longer than the model takes ({longest}); "
                "cut it, or raise max_position_embeddings in the model's config.json"
            )

    @classmethod
    def _can_set_experts_implementation(cls) -> bool:
        """Say yes: transformers looks for the experts in this file, and they are in another."""
        return True

    def get_correct_experts_implementation(self, requested_experts: str | None) -> str:
        """Take the implementation asked for; else the fastest for the machine."""
        if requested_experts is None and not torch.cuda.is_available():
            return "eager"
        return str(super().get_correct_experts_implementation(requested_experts))

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw weights as BERT does; gates start without bias and without load."""
        super()._init_weights(module)  # type: ignore[no-untyped-call]
        if isinstance(module, Experts):
            init.normal_(module.up_proj, std=self.config.initializer_range)
            init.normal_(module.down_proj, std=self.config.initializer_range)
            init.zeros_(module.up_proj_bias)
            init.zeros_(module.down_proj_bias)
        elif isinstance(module, Gates):
            init.zeros_(module.bias)
            init.zeros_(module.load)
            init.zeros_(module.settled)


def _task(task: str | None) -> Task:
    """Read the name of a gate."""
    if task is None:
        return "document"
    for known in TASKS:
        if task == known:
            return known
    raise InputError(f"no gate {task!r}; there are {' and '.join(TASKS)}")
