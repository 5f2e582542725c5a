"""Models as compression handles them: opened, copied, turned into V3, encoded with, saved."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from ...errors import EncoderError
from ..default import default_folder
from ..folders import find_folder
from ..pytorch.load import load_model
from ..runtime.batch import Task
from ..texts.batches import pack
from ..texts.prompts import document_prompt
from ..texts.text import encodable
from ..upcycling.upcycle import upcycle
from ..v3 import V3Model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel

_TOKEN_BUDGET = 1024


def find_model(name: str) -> Path:
    """Return the folder of "default", a folder's path, or a hub name."""
    return default_folder() if name == "default" else find_folder(name)


def open_model(folder: Path) -> SentenceTransformer:
    """Open a model that can be compressed, on the CPU, ready to encode.

    Raises:
        EncoderError: the folder holds no such model.

    """
    from ..runtime.manifest import is_compiled

    if is_compiled(folder):
        raise EncoderError(f"{folder} is compiled already; name the model it was made from")
    model = load_model(folder)
    if not hasattr(inner(model), "config"):
        raise EncoderError(f"{folder}: only models that begin with a transformer are compressed")
    return model.eval()


def inner(model: SentenceTransformer) -> PreTrainedModel:
    """Return the transformers model inside."""
    return cast("PreTrainedModel", getattr(model[0], "auto_model", None))


def with_inner(model: SentenceTransformer, new: PreTrainedModel) -> SentenceTransformer:
    """Return a copy of a model around another transformer; tokenizer and pooling stay."""
    first: Any = model[0]
    old = first.model
    first.model = None
    try:
        made = copy.deepcopy(model)
    finally:
        first.model = old
    copied: Any = made[0]
    copied.model = new
    return made.eval()


def as_v3(model: SentenceTransformer) -> SentenceTransformer:
    """Return the model as V3, the only kind whose layers may differ in width.

    A dense BERT becomes a V3 without experts and with the same vectors.

    Raises:
        EncoderError: it is of a family that cannot become V3.

    """
    if isinstance(inner(model), V3Model):
        return model
    made = with_inner(model, upcycle(inner(model), moe_layers=[]))
    made.module_kwargs = {**(made.module_kwargs or {}), "0": ["task"]}
    return made


def v3_of(model: SentenceTransformer) -> V3Model:
    """Return the V3 inside a model that has one."""
    return cast("V3Model", inner(model))


def token_batches(
    model: SentenceTransformer, texts: Sequence[str], task: Task, max_tokens: int
) -> list[tuple[Tensor, dict[str, Tensor]]]:
    """Tokenise texts, cut to `max_tokens`, in batches of like length.

    Returns:
        for each batch: its texts' positions (n,), and what the model takes.

    """
    tokenizer: Any = model.tokenizer
    first: Any = model[0]
    prompt = prompt_of(model, task)
    prepared = [prompt + encodable(text).strip() for text in texts]
    if getattr(first, "do_lower_case", False):
        prepared = [text.lower() for text in prepared]
    limit = min(max_tokens, int(model.max_seq_length or max_tokens))
    found = tokenizer(prepared, truncation=True, max_length=limit)["input_ids"]
    lengths = np.array([len(ids) for ids in found], dtype=np.int64)
    return [
        (
            torch.from_numpy(positions),
            _padded([found[place] for place in positions], tokenizer.pad_token_id or 0),
        )
        for positions in pack(lengths, _TOKEN_BUDGET)
    ]


def _padded(texts: Sequence[Sequence[int]], padding: int) -> dict[str, Tensor]:
    longest = max(len(ids) for ids in texts)
    ids = torch.full((len(texts), longest), padding)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def prompt_of(model: SentenceTransformer, task: Task) -> str:
    """Return the text that a model wants before a query or a document."""
    prompts = {name: prompt or "" for name, prompt in model.prompts.items()}
    return document_prompt(prompts) if task == "document" else prompts.get("query", "")


def embed(model: SentenceTransformer, features: dict[str, Tensor], task: Task) -> Tensor:
    """Return unit vectors (n, dim), with their gradients where these are wanted."""
    gate = {"task": task} if isinstance(inner(model), V3Model) else {}
    found = model(dict(features), **gate)["sentence_embedding"]
    return F.normalize(found, dim=-1)


@torch.no_grad()
def embed_all(
    model: SentenceTransformer, batches: Sequence[tuple[Tensor, dict[str, Tensor]]], task: Task
) -> Tensor:
    """Return the unit vectors (n, dim) of all batches, in the order of the texts."""
    parts = [embed(model, features, task) for _, features in batches]
    order = torch.cat([positions for positions, _ in batches])
    vectors = torch.cat(parts)
    return torch.empty_like(vectors).index_copy_(0, order, vectors)


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Write a model into an empty folder."""
    model.save_pretrained(str(folder), create_model_card=False)
