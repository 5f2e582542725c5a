"""Turn a dense BERT-family encoder into V3 with the same embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...errors import EncoderError
from ...files import free_folder, whole_folder
from ..default import default_folder
from ..folders import find_folder
from ..pytorch.load import load_model
from ..v3.config import V3Config
from ..v3.experts import FeedForward
from ..v3.model import V3Model
from ..v3.presets import mixture_for
from .channels import copy_linear, fill_mixture
from .gate_start import calibrate_biases, spread_gates

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel

# RoBERTa counts positions from the row after its padding row.
_FIRST_POSITION = {"bert": 0, "roberta": 2, "xlm-roberta": 2}
_SHAPE = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_act",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "type_vocab_size",
    "initializer_range",
    "layer_norm_eps",
    "pad_token_id",
)


PROBES = (
    "usb c hub",
    "Wireless mouse with a silent click, 2.4 GHz, black",
    "A" + " long product description that fills many tokens," * 60,
    "",
)


def upcycle_base(
    base: str,
    out: Path,
    *,
    preset_name: str | None = None,
    noise: float = 0.0,
    seed: int = 0,
    max_tokens: int | None = None,
    texts: Sequence[str] = (),
) -> dict[str, Any]:
    """Upcycle a base given by name into a preset's shape, and check the result against the base.

    Args:
        base: "default", a folder, or a hub name.
        out: folder to write.
        preset_name: see `mixture_for`.
        noise: see `fill_mixture`.
        seed: of gates and noise.
        max_tokens: longest text that is not cut; the base's when None.
        texts: some of what the model is for; the experts start evenly loaded on them.

    Returns:
        total and base_total parameters, and the least cosine to the base over probes and gates.

    """
    folder = default_folder() if base == "default" else find_folder(base)
    dense = load_model(folder)
    mixture = mixture_for(_transformer(dense).config, preset_name)
    model = upcycle_folder(
        folder, out, noise=noise, seed=seed, max_tokens=max_tokens, texts=texts, **mixture
    )
    model.max_seq_length = dense.max_seq_length
    return {
        "folder": str(out),
        "mixture": mixture,
        "total": _transformer(model).num_parameters(),
        "base_total": _transformer(dense).num_parameters(),
        "least_cosine": least_cosine(dense, model, PROBES),
        "probes": len(PROBES),
    }


def least_cosine(
    dense: SentenceTransformer, model: SentenceTransformer, texts: Sequence[str]
) -> float:
    """Return the smallest cosine between a text's dense vector and its vector by either gate."""
    target = torch.as_tensor(dense.encode(list(texts)))
    cosines = [
        torch.cosine_similarity(torch.as_tensor(encode(list(texts))), target)
        for encode in (model.encode_query, model.encode_document)
    ]
    return float(torch.cat(cosines).min())


def upcycle_folder(
    base: str | Path,
    out: str | Path,
    *,
    noise: float = 0.0,
    seed: int = 0,
    max_tokens: int | None = None,
    texts: Sequence[str] = (),
    **mixture: Any,
) -> SentenceTransformer:
    """Upcycle a sentence-transformers (or plain transformers) folder and save it as V3.

    Pooling, normalisation, prompts and tokenizer stay the base's.

    Args:
        base: folder of the dense encoder.
        out: folder to write; must not exist, or be empty.
        noise: see `fill_mixture`.
        seed: of gates and noise.
        max_tokens: longest text that is encoded without being cut; the base's when None.
        texts: some of what the model is for; the experts start evenly loaded on them.
        mixture: fields of V3Config that say which layers have experts and how wide they are.

    Raises:
        InputError: `out` is in use, or the mixture does not fit the base.
        EncoderError: the base cannot be read, or is of another family.

    """
    out = free_folder(out)
    model = load_model(Path(base))
    first: Any = model[0]
    first.model = upcycle(_transformer(model), noise=noise, seed=seed, **mixture)
    model.module_kwargs = {**(model.module_kwargs or {}), "0": ["task"]}
    model.max_seq_length = max_tokens or model.max_seq_length
    with whole_folder(out) as unfinished:
        model.save_pretrained(str(unfinished), create_model_card=False)
        if texts:
            model = load_model(unfinished)
            calibrate_biases(model, lambda: model.encode(list(texts)))
            model.save_pretrained(str(unfinished), create_model_card=False)
    return load_model(out)


def _transformer(model: SentenceTransformer) -> PreTrainedModel:
    """Return the transformers model inside."""
    found = getattr(model[0], "auto_model", None)
    if found is None:
        raise EncoderError(
            "an encoder that can be upcycled begins with a transformer, "
            f"and this one begins with {type(model[0]).__name__}"
        )
    inner: PreTrainedModel = found
    return inner


def upcycle(base: Any, *, noise: float = 0.0, seed: int = 0, **mixture: Any) -> V3Model:
    """Return a V3 model with the embeddings of a dense one.

    Args:
        base: a BertModel, RobertaModel or XLMRobertaModel.
        noise: see `fill_mixture`.
        seed: of the gates' weights.
        mixture: fields of V3Config; `moe_layers` is every second layer when not given.

    Raises:
        EncoderError: the base is of another family.
        InputError: the mixture does not fit the base.

    """
    config = upcycled_config(base.config, **mixture)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        v3 = V3Model(config)
        v3.to(base.dtype)
        _copy_embeddings(v3, base)
        for block, layer in zip(v3.layers, base.encoder.layer, strict=True):
            _copy_layer(block, layer, config, noise)
        v3.train(False)
        spread_gates(v3)
    return v3


def upcycled_config(base: Any, **mixture: Any) -> V3Config:
    """Return the configuration of the V3 that a dense model of configuration `base` becomes."""
    if base.model_type not in _FIRST_POSITION:
        raise EncoderError(
            f"a model of type {base.model_type!r} cannot be upcycled; "
            f"the types that can are {', '.join(_FIRST_POSITION)}"
        )
    shape = {name: getattr(base, name) for name in _SHAPE}
    table = base.max_position_embeddings - _FIRST_POSITION[base.model_type]
    mixture.setdefault("moe_layers", list(range(1, base.num_hidden_layers, 2)))
    return V3Config(**{**shape, "position_table_size": table, **mixture})


def _copy_embeddings(v3: V3Model, base: Any) -> None:
    new, old = v3.embeddings, base.embeddings
    first = _FIRST_POSITION[base.config.model_type]
    with torch.no_grad():
        new.words.weight.copy_(old.word_embeddings.weight)
        new.positions.weight.copy_(old.position_embeddings.weight[first:])
        new.types.weight.copy_(old.token_type_embeddings.weight)
    new.norm.load_state_dict(old.LayerNorm.state_dict())


def _copy_layer(block: Any, layer: Any, config: V3Config, noise: float) -> None:
    attention = layer.attention
    with torch.no_grad():
        parts = [attention.self.query, attention.self.key, attention.self.value]
        joined = block.attention.query_key_value
        joined.weight.copy_(torch.cat([part.weight for part in parts]))
        joined.bias.copy_(torch.cat([part.bias for part in parts]))
    copy_linear(block.attention.output, attention.output.dense)
    block.attention_norm.load_state_dict(attention.output.LayerNorm.state_dict())
    block.feed_forward_norm.load_state_dict(layer.output.LayerNorm.state_dict())
    dense = block.feed_forward or FeedForward(config, config.intermediate_size)
    copy_linear(dense.up, layer.intermediate.dense)
    copy_linear(dense.down, layer.output.dense)
    if block.mixture is not None:
        fill_mixture(block.mixture, dense, noise=noise)
