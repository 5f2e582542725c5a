"""Train an encoder on many processes: a base and examples in, a better folder out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import torch
from sentence_transformers import SentenceTransformer
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from transformers.modeling_layers import GradientCheckpointingLayer

from ....errors import EncoderError, InputError
from ....files import free_folder, whole_folder
from ...folders import fingerprint_folder
from ...pytorch.load import load_model
from ...v3.gate_load import expert_load, gates_of
from ..examples import read_examples
from .batches import Batches
from .checkpoint import Checkpoints, check_curve, read_progress
from .communication import Traffic
from .embedding import Embedding
from .processes import Processes, joined_processes, process_count
from .report import Step, TrainingReport
from .settings import DistributedSettings
from .sharding import shard
from .trainer import Trainer

REPORT = "training.json"


def train_distributed(
    base: Path,
    out: Path,
    examples: Path,
    settings: DistributedSettings,
    *,
    told: Callable[[Step], None] = lambda step: None,
) -> TrainingReport:
    """Train a V3 or dense folder with in-batch negatives, together with the other processes.

    Every process that torchrun starts calls it with the same arguments; without torchrun the one
    process does all. A run that was killed goes on from its last checkpoint when called again.

    Args:
        base: sentence-transformers folder to start from.
        out: folder to write, whole or not at all: the model, and what was done in training.json.
        examples: JSON Lines of examples.
        settings: see `DistributedSettings`.
        told: called with each step, in the first process.

    Returns:
        what was done; the same in all processes.

    Raises:
        InputError: examples, base or settings cannot be used, or `out` is there already.
        EncoderError: the base cannot be loaded, or training or saving failed.

    """
    settings.check_processes(process_count())
    free_folder(out)
    curve = {**settings.curve(), **_digests(base, examples)}
    folder = settings.checkpoints or out.with_name(f"{out.name}.checkpoints")
    if (before := read_progress(folder)) is not None:
        check_curve(folder, before["curve"], curve)
    batches = Batches(list(read_examples(examples)), settings.batch, settings.epochs, settings.seed)
    encoder = load_base(base, settings)
    with joined_processes(settings.expert_parallel) as processes:
        model = Embedding(encoder.to(processes.device))
        traffic = Traffic()
        shards = shard(model, processes, settings, traffic)
        trainer = Trainer(model, shards, batches, settings, processes, traffic, told)
        checkpoints = Checkpoints(
            folder, processes, curve, settings.checkpoint_seconds, settings.keep
        )
        trainer.run(checkpoints)
        report = _report(trainer, before)
        save(model, base, out, report, processes)
        checkpoints.remove()
    return report


def _digests(base: Path, examples: Path) -> dict[str, str]:
    """Tell the inputs of one run from another's."""
    if not (base / "config.json").is_file():
        raise EncoderError(
            f"{base}: no encoder there; name a sentence-transformers folder, or make one with: "
            "dsv3 model upcycle default FOLDER"
        )
    try:
        with examples.open("rb") as stream:
            read = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{examples} cannot be read: {error.strerror}") from error
    return {"base": fingerprint_folder(base, {}), "examples": read}


def load_base(base: Path, settings: DistributedSettings) -> SentenceTransformer:
    """Load a folder for training: in float32, with a layer as the unit of sharding.

    Raises:
        EncoderError: it cannot be loaded, or is not made of transformer layers.

    """
    encoder = load_model(base)
    encoder.float()
    if settings.max_tokens is not None:
        encoder.max_seq_length = settings.max_tokens
    if not any(isinstance(one, GradientCheckpointingLayer) for one in encoder.modules()):
        raise EncoderError(f"{base}: not made of transformer layers that can be sharded")
    for name, weight in encoder.named_parameters():
        if ".pooler." in name:  # BERT has one, and nothing here reads it
            weight.requires_grad_(False)
    if settings.gradient_checkpointing:
        inner: Any = encoder[0]
        model = inner.auto_model
        name = "activation_checkpointing_enable"  # as transformers 5 came to call it
        getattr(model, name, model.gradient_checkpointing_enable)()
    return encoder


def save(
    trained: Embedding, base: Path, out: Path, report: TrainingReport, processes: Processes
) -> None:
    """Gather the weights in the first process, which writes the folder; the others wait."""
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(trained, options=options)
    if processes.first:
        whole = load_model(base)
        whole.load_state_dict({name.removeprefix("encoder."): w for name, w in weights.items()})
        with whole_folder(out) as unfinished:
            whole.save_pretrained(str(unfinished), create_model_card=False)
            (unfinished / REPORT).write_bytes(orjson.dumps(report.to_json()))
    processes.wait()


def _report(trainer: Trainer, before: dict[str, Any] | None) -> TrainingReport:
    with torch.no_grad():
        for (_, gates), load in zip(gates_of(trainer.model), trainer.loads(), strict=True):
            gates.load.copy_(load)
    return TrainingReport(
        steps=trainer.steps,
        examples=trainer.position * trainer.batches.size,
        processes=trainer.processes.size,
        resumed=before["step"] if before is not None else 0,
        loads=expert_load(trainer.model),
    )
