"""What is asked of sentence-transformers' trainer while it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch.distributed as dist
from sentence_transformers.sentence_transformer.evaluation import SentenceEvaluator
from sentence_transformers.util import get_rank, get_world_size
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from transformers import Trainer, TrainerCallback

from ...errors import EncoderError
from ..v3.gate_load import ExpertLoad, gates_of, scale_balance_loss
from .checkpoints import lost
from .gradient_compression import FORMATS, compress_hook
from .report import Progress, Trained
from .settings import GradientCompression
from .validation import ValidationSet

METRIC = "ndcg"


class ValidationEvaluator(SentenceEvaluator):
    """Asks the validation set."""

    def __init__(self, validation: ValidationSet, log: RunLog) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._validation = validation
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
        self._log.last_validation = self._validation.ndcg(model)
        return {METRIC: self._log.last_validation}


class RunLog(TrainerCallback):
    """Tells of progress, and reads the trainer's own history, which a checkpoint brings along.

    Attributes:
        validation: (step, figure) of the base.
        last_validation: the last figure.

    """

    def __init__(self, on_progress: Callable[[Progress], None], steps: int) -> None:
        self._tell = on_progress
        self._steps = steps
        self._loss: float | None = None
        self._state: Any = None
        self.last_validation: float | None = None
        self.validation: list[tuple[int, float]] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Know where the history is."""
        self._state = state

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Tell where the run is."""
        if get_rank() == 0:
            told = Progress(state.global_step, self._steps, self._loss, self.last_validation)
            self._tell(told)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Keep the last loss.

        Raises:
            EncoderError: it is no number.

        """
        if logs and "loss" in logs:
            self._loss = float(logs["loss"])
            if not math.isfinite(self._loss) or not math.isfinite(logs.get("grad_norm", 0.0)):
                raise EncoderError(lost(state.global_step))

    def choose(self, step: int, micro_batches: int, noise: float) -> None:
        """Note that steps are made of another number of micro-batches from now on."""
        self._state.log_history.append(
            {"step": step, "micro_batches": micro_batches, "noise": noise}
        )

    def trained(
        self,
        *,
        seconds: float,
        loads: Sequence[ExpertLoad],
        bf16: bool,
        resumed: int,
    ) -> Trained:
        """Return what a whole run did, earlier tries included."""

        def pairs(name: str) -> list[tuple[int, float]]:
            history = self._state.log_history
            return [(int(line["step"]), float(line[name])) for line in history if name in line]

        chosen = dict(pairs("micro_batches"))
        return Trained(
            steps=self._state.global_step,
            seconds=seconds,
            losses=pairs("loss"),
            validation=self.validation + pairs(f"eval_{METRIC}"),
            loads=loads,
            bf16=bf16,
            gradients=pairs("grad_norm"),
            accumulation=[(step, int(chosen[step]), noise) for step, noise in pairs("noise")],
            processes=get_world_size(),
            resumed=resumed,
        )


class EpochCallback(TrainerCallback):
    """Tells the samplers which epoch begins, however deep they lie.

    The trainer tells but the outermost two, and of a run that several processes resume the one
    that shuffles is the third: the second epoch would go on in the first one's order.
    """

    def on_epoch_begin(
        self, args: Any, state: Any, control: Any, train_dataloader: Any = None, **_: Any
    ) -> None:
        """Tell each sampler that has an order of its own."""
        sampler = getattr(train_dataloader, "batch_sampler", None)
        while sampler is not None:
            if hasattr(sampler, "set_epoch"):
                sampler.set_epoch(int(state.epoch or 0))
            sampler = getattr(sampler, "batch_sampler", None)


class CompressionCallback(TrainerCallback):
    """Lets gradients travel in another format.

    Args:
        trainer: whose model is trained.
        compression: the format.

    """

    def __init__(self, trainer: Trainer, compression: GradientCompression) -> None:
        self._trainer = trainer
        self._compression = compression

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Hand the hook to the model, where there is another process to send to."""
        wrapped = self._trainer.model_wrapped
        if isinstance(wrapped, DistributedDataParallel) and self._compression != "none":
            wrapped.register_comm_hook(FORMATS[self._compression], compress_hook)


@contextmanager
def balanced_over_processes(model: nn.Module, parts: int) -> Iterator[None]:
    """Balance experts over the texts of all processes; each of a step's `parts` has its share."""
    scale_balance_loss(model, 1 / parts)
    for _, gates in gates_of(model):
        gates.group = dist.group.WORLD if get_world_size() > 1 else None
    try:
        yield
    finally:
        scale_balance_loss(model, 1.0)
        for _, gates in gates_of(model):
            gates.group = None
