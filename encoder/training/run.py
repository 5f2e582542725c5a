"""One run of the trainer: losses, data, callbacks, arguments."""

from __future__ import annotations

import math
import random
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from sentence_transformers.sentence_transformer.losses import DistillKLDivLoss, MatryoshkaLoss
from sentence_transformers.sentence_transformer.model_card import (
    SentenceTransformerModelCardCallback,
)
from sentence_transformers.util import pairwise_cos_sim
from torch import Tensor, nn
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from ...errors import InputError
from ..v3.balance_callback import BalanceCallback
from ..v3.gate_load import gates_of, scale_balance_loss
from .dataset import contrastive_columns
from .examples import Example
from .graded import GradedList, graded_columns
from .held_out import HeldOut
from .loss import ContrastiveLoss, topic_kinship
from .settings import TrainingSettings
from .train import Progress, Trained

if TYPE_CHECKING:
    from datasets import Dataset

METRIC = "held_out_ndcg"


def computes_bf16() -> bool:
    """Say whether the hardware multiplies bfloat16 itself."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported and supported())


def run_trainer(
    model: SentenceTransformer,
    examples: Sequence[Example],
    graded: Sequence[GradedList],
    held_out: HeldOut | None,
    settings: TrainingSettings,
    scratch: Path,
    on_progress: Callable[[Progress], None],
) -> Trained:
    """Train `model` in place, going on from a checkpoint in `scratch` if there is one."""
    _seed(settings.seed)
    data, losses = _lessons(model, examples, graded, settings)
    steps = _count_steps(data, settings)
    bf16 = computes_bf16() if settings.bf16 is None else settings.bf16
    transformer: Any = model[0]
    if settings.gradient_checkpointing:
        transformer.auto_model.gradient_checkpointing_enable()
    if settings.freeze_embeddings:
        transformer.auto_model.get_input_embeddings().requires_grad_(False)
    log = _Log(on_progress, steps)
    balance = BalanceCallback()
    callbacks: list[TrainerCallback] = [log, balance]
    evaluator = None
    if held_out is not None:
        evaluator = _Evaluator(held_out, log)
        log.held_out.append((0, held_out.ndcg(model)))
        callbacks.append(EarlyStoppingCallback(settings.patience))
    model.model_card_data.widget = [{"text": ""}]  # no card is written, so none is looked for
    passes = math.ceil(settings.batch_size / settings.mini_batch_size)
    scale_balance_loss(model, 1 / passes)
    trainer = SentenceTransformerTrainer(
        model=model,
        args=_arguments(
            settings, scratch, steps, bf16=bf16, watched=evaluator is not None, model=model
        ),
        train_dataset=data,
        loss=losses,
        evaluator=evaluator,
        callbacks=callbacks,
    )
    for unwanted in (PrinterCallback, SentenceTransformerModelCardCallback):
        trainer.remove_callback(unwanted)
    begin = time.monotonic()
    trainer.train(resume_from_checkpoint=_has_checkpoint(scratch))
    seconds = time.monotonic() - begin
    scale_balance_loss(model, 1.0)
    return Trained(
        steps=trainer.state.global_step,
        seconds=seconds,
        losses=log.losses_of(trainer.state.log_history),
        held_out=log.held_out_of(trainer.state.log_history),
        loads=balance.loads[-1][1] if balance.loads else (),
        bf16=bf16,
    )


def _lessons(
    model: SentenceTransformer,
    examples: Sequence[Example],
    graded: Sequence[GradedList],
    settings: TrainingSettings,
) -> tuple[dict[str, Dataset], dict[str, nn.Module]]:
    """Return data sets by name, and the loss of each."""
    columns = contrastive_columns(examples, negatives=settings.negatives, seed=settings.seed)
    contrast: nn.Module = ContrastiveLoss(
        model,
        topic_kinship(columns.topics),
        scale=settings.scale,
        margin=settings.margin,
        mini_batch_size=settings.mini_batch_size,
        batch_size=settings.batch_size,
    )
    if settings.matryoshka:
        _check_dims(model, settings.matryoshka)
        dims = [*settings.matryoshka, model.get_embedding_dimension() or 0]
        contrast = MatryoshkaLoss(model, contrast, sorted(set(dims), reverse=True))
    data, losses = {"contrast": columns.dataset}, {"contrast": contrast}
    share = settings.graded
    rows = round(len(examples) * share / max(1 - share, 0.01))
    lists = graded_columns(graded, rows, scale=settings.scale / 4, seed=settings.seed)
    if len(lists):
        data["graded"] = lists
        losses["graded"] = DistillKLDivLoss(model, _scaled_cosine(settings.scale))
    return data, losses


def _check_dims(model: SentenceTransformer, dims: Sequence[int]) -> None:
    own = model.get_embedding_dimension() or 0
    if max(dims) > own:
        raise InputError(f"the model's vectors have {own} dimensions, not {max(dims)}")


def _scaled_cosine(scale: float) -> Callable[[Tensor, Tensor], Tensor]:
    def score(one: Tensor, other: Tensor) -> Tensor:
        return pairwise_cos_sim(one, other) * scale

    return score


def _count_steps(data: dict[str, Dataset], settings: TrainingSettings) -> int:
    a_pass = sum(math.ceil(len(one) / settings.batch_size) for one in data.values())
    return max(1, round(a_pass * settings.epochs))


def _arguments(
    settings: TrainingSettings,
    scratch: Path,
    steps: int,
    *,
    bf16: bool,
    watched: bool,
    model: SentenceTransformer,
) -> SentenceTransformerTrainingArguments:
    every = max(1, steps // max(1, settings.evaluations))
    gates = any(True for _ in gates_of(model))
    return SentenceTransformerTrainingArguments(
        output_dir=str(scratch),
        max_steps=steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        bf16=bf16,
        batch_sampler="no_duplicates",
        multi_dataset_batch_sampler="proportional",
        router_mapping=_tasks(settings) if gates else {},
        eval_strategy="steps" if watched else "no",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=watched,
        metric_for_best_model=METRIC if watched else None,
        greater_is_better=True,
        logging_steps=max(1, min(10, steps // 10)),
        report_to=[],
        disable_tqdm=True,
        seed=settings.seed,
        data_seed=settings.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _tasks(settings: TrainingSettings) -> dict[str, str]:
    """Say which gate encodes each column."""
    from .graded import LIST_LENGTH

    documents = ["positive", *(f"negative_{n}" for n in range(settings.negatives))]
    documents += [f"document_{n}" for n in range(LIST_LENGTH)]
    return {"query": "query", **dict.fromkeys(documents, "document")}


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def _has_checkpoint(scratch: Path) -> bool:
    """Say whether a whole checkpoint is left; one that was being written is removed."""
    for path in scratch.glob("checkpoint-*"):
        if not (path / "trainer_state.json").is_file():
            shutil.rmtree(path)
    return any(scratch.glob("checkpoint-*"))


class _Evaluator(SentenceEvaluator):
    """Asks the held-out queries."""

    def __init__(self, held_out: HeldOut, log: _Log) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._held_out = held_out
        self._log = log
        self.primary_metric = METRIC

    def __call__(
        self,
        model: Any,
        output_path: str | None = None,
        epoch: int = -1,
        steps: int = -1,
    ) -> dict[str, float]:
        """Return the figure under the name that the trainer keeps the best state by."""
        value = self._held_out.ndcg(model)
        self._log.last_held_out = value
        return {METRIC: value}


class _Log(TrainerCallback):
    """Tells of progress, and reads the trainer's own history, which a checkpoint brings along."""

    def __init__(self, on_progress: Callable[[Progress], None], steps: int) -> None:
        self._tell = on_progress
        self._steps = steps
        self._loss: float | None = None
        self.last_held_out: float | None = None
        self.held_out: list[tuple[int, float]] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell where the run is."""
        self._tell(Progress(state.global_step, self._steps, self._loss, self.last_held_out))

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Keep the last loss."""
        if logs and "loss" in logs:
            self._loss = float(logs["loss"])

    def losses_of(self, history: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
        """Return (step, loss) of a whole run."""
        return [(int(line["step"]), float(line["loss"])) for line in history if "loss" in line]

    def held_out_of(self, history: Sequence[dict[str, Any]]) -> list[tuple[int, float]]:
        """Return (step, figure) of a whole run, the base first."""
        name = f"eval_{METRIC}"
        return self.held_out + [
            (int(line["step"]), float(line[name])) for line in history if name in line
        ]
