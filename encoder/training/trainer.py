"""The one training loop: sentence-transformers' trainer, told what to learn and how."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.sampler import DefaultBatchSampler
from sentence_transformers.sentence_transformer.model_card import (
    SentenceTransformerModelCardCallback,
)
from sentence_transformers.util import get_rank, get_world_size
from torch.utils.data import SequentialSampler
from transformers import EarlyStoppingCallback, PrinterCallback, set_seed

from ...errors import EncoderError, InputError
from ..texts.prompts import document_prompt
from ..v3.balance_callback import BalanceCallback
from ..v3.gate_load import gates_of
from .accumulation import AdaptiveAdamW
from .callbacks import (
    METRIC,
    CompressionCallback,
    EpochCallback,
    RunLog,
    ValidationEvaluator,
    balanced_over_processes,
)
from .checkpoints import CheckpointCallback, last_checkpoint
from .losses import LOSSES, TrainingData
from .report import Progress, Trained
from .settings import TrainingSettings
from .validation import ValidationSet


def computes_bf16() -> bool:
    """Say whether the hardware multiplies bfloat16 itself."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def run_trainer(
    model: SentenceTransformer,
    data: Mapping[str, TrainingData],
    settings: TrainingSettings,
    scratch: Path,
    *,
    validation: ValidationSet | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Trained:
    """Train a model in place, going on from a checkpoint in `scratch` if there is one.

    Where there are several processes all call it alike; each encodes its part of every batch.

    Args:
        model: what learns.
        data: what from, by the names of `LOSSES`.
        settings: see there.
        scratch: folder of checkpoints.
        validation: asked before the first step and `settings.evaluations` times; the best state
            is kept, and training stops where none is better for `settings.patience` times.
        on_progress: told of each step, in the first process.

    Raises:
        InputError: the examples do not fill a batch over all processes.
        EncoderError: the loss or a weight is no number any more.

    """
    set_seed(settings.seed)
    steps = _count_steps(data, settings)
    bf16 = computes_bf16() if settings.bf16 is None else settings.bf16
    _freeze(model, settings)
    log, balance = RunLog(on_progress, steps), BalanceCallback()
    callbacks = [log, balance, EpochCallback(), CheckpointCallback(settings.checkpoint_seconds)]
    if validation is not None:
        log.validation.append((0, validation.ndcg(model)))
        callbacks.append(EarlyStoppingCallback(settings.patience))
    model.model_card_data.widget = [{"text": ""}]  # no card is written, so none is looked for
    trainer = SentenceTransformerTrainer(
        model=model,
        args=SentenceTransformerTrainingArguments(
            output_dir=str(scratch),
            max_steps=steps,
            bf16=bf16,
            **_precise(settings),
            **_sampling(model, data),
            **_watching(steps, settings, validated=validation is not None),
        ),
        train_dataset={name: part.rows for name, part in data.items()},
        loss={name: LOSSES[name](model, settings, part.known) for name, part in data.items()},
        evaluator=None if validation is None else ValidationEvaluator(validation, log),
        callbacks=callbacks,
        optimizer_cls_and_kwargs=_adaptive(settings, steps, log) if settings.adapts else None,
    )
    for unwanted in (PrinterCallback, SentenceTransformerModelCardCallback):
        trainer.remove_callback(unwanted)
    trainer.add_callback(CompressionCallback(trainer, settings.compression))
    if get_world_size() > 1:
        torch.manual_seed(settings.seed * 1_000_003 + get_rank())  # each draws its own dropout
    checkpoint = last_checkpoint(scratch)
    begin = time.monotonic()
    parts = math.ceil(_share(settings) / settings.mini_batch_size)
    parts *= 1 if settings.adapts else settings.micro_batches
    with balanced_over_processes(model, parts), warnings.catch_warnings():
        # sentence-transformers asks for these by names that torch came to dislike
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        warnings.filterwarnings("ignore", r"torch\.distributed\.nn\.functional", FutureWarning)
        _train(trainer, scratch, checkpoint)
    model.requires_grad_(True)
    return log.trained(
        seconds=time.monotonic() - begin,
        loads=balance.loads[-1][1] if balance.loads else (),
        bf16=bf16,
        resumed=0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2]),
    )


def _train(trainer: SentenceTransformerTrainer, scratch: Path, checkpoint: Path | None) -> None:
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    except (OSError, EOFError, UnpicklingError, SafetensorError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise EncoderError(
            f"{scratch}: a checkpoint cannot be written or read ({first}); make room, or remove "
            "the folder to begin anew"
        ) from error


def _share(settings: TrainingSettings) -> int:
    """Return how many examples of a batch are this process's."""
    return settings.batch_size // get_world_size()


def _count_steps(data: Mapping[str, TrainingData], settings: TrainingSettings) -> int:
    """Count the trainer's steps; many processes leave out what does not fill a batch."""
    among_many = get_world_size() > 1
    batches = sum(
        len(part.rows) // settings.batch_size
        if among_many
        else math.ceil(len(part.rows) / settings.batch_size)
        for part in data.values()
    )
    if not batches:
        raise InputError(
            f"{sum(len(part.rows) for part in data.values())} examples do not fill a batch of "
            f"{settings.batch_size}; give more, or choose a smaller batch"
        )
    if settings.steps is not None:
        return settings.steps
    together = 1 if settings.adapts else settings.micro_batches
    return max(1, round(math.ceil(batches / together) * settings.epochs))


def _freeze(model: SentenceTransformer, settings: TrainingSettings) -> None:
    """Leave weights as they are that nothing reads, or that are to stay."""
    transformer: Any = model[0]
    for name, weight in model.named_parameters():
        if ".pooler." in name:  # BERT has one
            weight.requires_grad_(False)
    if settings.freeze_embeddings:
        inner = transformer.auto_model
        getattr(inner, "embeddings", inner.get_input_embeddings()).requires_grad_(False)
    if settings.gradient_checkpointing:
        inner = transformer.auto_model
        name = "activation_checkpointing_enable"  # as transformers 5 came to call it
        getattr(inner, name, inner.gradient_checkpointing_enable)()


def _precise(settings: TrainingSettings) -> dict[str, Any]:
    """Return the arguments of the optimiser and of how a batch is cut."""
    return {
        "per_device_train_batch_size": settings.batch_size,
        "accelerator_config": {"split_batches": get_world_size() > 1},
        "gradient_accumulation_steps": 1 if settings.adapts else settings.micro_batches,
        "learning_rate": settings.learning_rate,
        "lr_scheduler_type": "cosine",
        "warmup_steps": settings.warmup,
        "weight_decay": settings.weight_decay,
        "max_grad_norm": 0.0 if settings.adapts else settings.max_grad_norm,
        "seed": settings.seed,
        "data_seed": settings.seed,
        "use_cpu": not torch.cuda.is_available(),
        "dataloader_pin_memory": torch.cuda.is_available(),
        "dataloader_drop_last": get_world_size() > 1,
        "ddp_find_unused_parameters": False,
    }


def _sampling(model: SentenceTransformer, data: Mapping[str, TrainingData]) -> dict[str, Any]:
    """Return the arguments of which rows come when, after which prompt and by which gate."""
    columns = {name for part in data.values() for name in part.rows.column_names} - {"label"}
    tasks = {name: "query" if name == "query" else "document" for name in sorted(columns)}
    given = model.prompts or {}
    prompts = {"query": given.get("query") or "", "document": document_prompt(given)}
    gates = any(True for _ in gates_of(model))
    in_order = any(part.ordered for part in data.values())
    return {
        "batch_sampler": _in_order if in_order else "no_duplicates",
        "multi_dataset_batch_sampler": "proportional",
        "router_mapping": tasks if gates else {},
        "prompts": {name: prompts[task] for name, task in tasks.items() if prompts[task]},
    }


def _in_order(rows: Any, **options: Any) -> DefaultBatchSampler:
    return DefaultBatchSampler(SequentialSampler(rows), **options)


def _watching(steps: int, settings: TrainingSettings, *, validated: bool) -> dict[str, Any]:
    """Return the arguments of evaluation, checkpoints and the log."""
    every = max(1, steps // max(1, settings.evaluations))
    return {
        "eval_strategy": "steps" if validated else "no",
        "eval_steps": every,
        "save_strategy": "steps" if validated else "no",
        "save_steps": every,
        "save_total_limit": 2,
        "load_best_model_at_end": validated,
        "metric_for_best_model": METRIC if validated else None,
        "greater_is_better": True,
        "logging_steps": max(1, min(10, steps // 10)),
        "logging_nan_inf_filter": False,
        "report_to": [],
        "disable_tqdm": True,
    }


def _adaptive(
    settings: TrainingSettings, steps: int, log: RunLog
) -> tuple[type[AdaptiveAdamW], dict[str, Any]]:
    """Return the optimiser of adaptive accumulation, and what it is made with."""
    return AdaptiveAdamW, {
        "lr": settings.learning_rate,
        "batch": settings.batch_size,
        "least": settings.micro_batches,
        "most": settings.most_micro_batches,
        "total": steps,
        "max_grad_norm": settings.max_grad_norm,
        "on_choice": log.choose,
    }
