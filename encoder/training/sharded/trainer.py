"""The loop: passes make a step, steps a run."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor
from torch.optim import AdamW

from ....errors import EncoderError
from ...v3.gate_load import gates_of, scale_balance_loss, update_biases
from ..examples import Example
from .batches import Batches
from .checkpoint import Checkpoints
from .communication import Traffic
from .embedding import Embedding
from .experts import ParallelExperts
from .loss import contrastive_loss
from .noise import NoiseScale, choose_passes
from .processes import Processes
from .report import Step
from .schedule import rate_at
from .settings import DistributedSettings


@dataclass
class Trainer:
    """Trains one sharded model.

    Attributes:
        model: what is trained.
        shards: the same object, as FSDP sees it.
        batches: what is learned, in order.
        settings: as given.
        processes: that share the work.
        traffic: what the sharded model sends.
        told: called with each step in the first process.
        position: passes done.
        passes: that make the next step.
        noise: estimate of the gradient's noise.
        steps: what was done.

    """

    model: Embedding
    shards: FSDPModule
    batches: Batches
    settings: DistributedSettings
    processes: Processes
    traffic: Traffic
    told: Callable[[Step], None]
    position: int = 0
    noise: NoiseScale = field(default_factory=NoiseScale)
    steps: list[Step] = field(default_factory=list)
    passes: int = 0

    def __post_init__(self) -> None:
        self.passes = self.passes or self.settings.passes
        self.optimizer = build_optimizer(self.model, self.settings)
        self._shared, self._divided = divide_by_owner(self.model)

    def run(self, checkpoints: Checkpoints) -> None:
        """Train until all batches are learned, from a checkpoint where there is one.

        Raises:
            InputError: the checkpoint is another run's.
            EncoderError: the loss is no number, or a checkpoint cannot be written or read.

        """
        self._seed()
        found = checkpoints.resume(self.model, self.optimizer)
        if found is not None:
            self._restore(found)
        self.model.train()
        while self.position < self.batches.passes:
            due = self._step(checkpoints.due)
            checkpoints.publish()
            if due and self.position < self.batches.passes:
                checkpoints.save(self.model, self.optimizer, self._progress())
        checkpoints.finish()

    def _seed(self) -> None:
        """Let each process draw its own dropout."""
        torch.manual_seed(self.settings.seed * 1_000_003 + self.processes.rank)

    def _step(self, due: bool) -> bool:
        """Do one optimiser step; returns whether the first process wants a checkpoint."""
        begin = time.perf_counter()
        self.traffic.clear()
        measured = self._is_measured()
        passes = max(self.passes, 2) if measured else self.passes
        passes = min(passes, self.batches.passes - self.position)
        measured = measured and passes > 1
        scale_balance_loss(self.model, 1 / passes)
        loss, tokens, small = 0.0, 0, 0.0
        before: list[Tensor] = []
        for number in range(passes):
            sent = measured or number == passes - 1
            one, read = self._pass(self.position + number, passes, sent=sent)
            loss, tokens = loss + one / passes, tokens + read
            if measured:
                now = [gradient.clone() for gradient in _gradients(self._shared)]
                small += passes * square_of_difference(now, before)  # the mean of passes' own
                before = now
        self.position += passes
        sums = self._sum(loss, tokens, small, due)
        norm = math.sqrt(sums["shared"] + sums["divided"])
        if not math.isfinite(norm) or not math.isfinite(sums["loss"]):
            raise EncoderError(
                f"the loss or its gradient is no longer a number at step {len(self.steps) + 1}; "
                "choose a lower learning rate"
            )
        rate = self._update(norm, passes)
        chosen = self.passes
        if measured:
            self._measure(passes, sums)
        self._choose_passes()
        self._note(passes, chosen, rate, norm, sums, time.perf_counter() - begin)
        return sums["due"] > 0

    def _is_measured(self) -> bool:
        """Say whether this step compares its passes, to learn how noisy the gradient is.

        It takes a copy of the gradient and, among processes, sends it after each pass: so it is
        done now and then, and only where the number of passes may change.
        """
        adapts = self.settings.limit > self.settings.passes
        return adapts and len(self.steps) % _STEPS_BETWEEN_MEASURES == 0

    def _pass(self, number: int, passes: int, *, sent: bool) -> tuple[float, int]:
        """Add the gradient of one batch; returns its loss here and the tokens read.

        The loss is differentiated down to the vectors first. Then queries and documents go
        backward one after the other, and only the second sends gradients: FSDP would send them
        after each.
        """
        part = self.batches.part(number, self.processes.rank, self.processes.size)
        queries, query_tokens = self._encode([one.query for one in part], "query")
        texts, present = documents_of(part, self.settings.negatives)
        found, document_tokens = self._encode(texts, "document")
        present = present.to(found.device)
        documents = found.new_zeros(len(present), found.size(1)).index_copy(
            0, present.nonzero().squeeze(1), found
        )
        vectors = [one.detach().requires_grad_() for one in (queries, documents)]
        loss = contrastive_loss(
            vectors[0],
            vectors[1],
            present,
            scale=self.settings.scale,
            group=self.processes.line.get_group(),
        )
        (loss / passes).backward()
        self._backward(queries, vectors[0], sent=False)
        self._backward(documents, vectors[1], sent=sent)
        return loss.item(), query_tokens + document_tokens

    def _backward(self, output: Tensor, vectors: Tensor, *, sent: bool) -> None:
        self.shards.set_is_last_backward(sent)
        # Alone, sending is free, and gradients lie where they can be measured.
        self.shards.set_requires_gradient_sync(sent or self.processes.size == 1)
        self.shards.set_reshard_after_backward(self.settings.reshard or sent)
        output.backward(vectors.grad)

    def _encode(self, texts: list[str], task: str) -> tuple[Tensor, int]:
        """Return (texts, dim) float32 and the number of tokens."""
        features = {
            name: value.to(self.processes.device) if isinstance(value, Tensor) else value
            for name, value in self.model.tokens(texts, task).items()
        }
        tokens = int(features["attention_mask"].sum())
        vectors: Tensor = self.model(features, task)
        return vectors.float(), tokens

    def _sum(self, loss: float, tokens: int, small: float, due: bool) -> dict[str, float]:
        """Sum over processes what a step must know of all of them, in one message."""
        mine = {
            "loss": loss / self.processes.size,
            "tokens": float(tokens),
            "shared": _square(self._shared),
            "divided": _square(self._divided),
            "small": small,
            "gathered": self.traffic.gathered / self.processes.size,
            "reduced": self.traffic.reduced / self.processes.size,
            "dispatched": self.traffic.dispatched / self.processes.size,
            "due": float(due and self.processes.first),
        }
        summed = torch.tensor(list(mine.values()), dtype=torch.float64)
        dist.all_reduce(summed, group=self.processes.words)
        return dict(zip(mine, summed.tolist(), strict=True))

    def _update(self, norm: float, passes: int) -> float:
        """Clip the gradient, move the weights and the biases; returns the learning rate."""
        shrink = min(1.0, self.settings.clip / (norm + 1e-6))
        for gradient in _gradients([*self._shared, *self._divided]):
            gradient.mul_(shrink)
        done = (self.position - passes / 2) / self.batches.passes
        rate = self.settings.learning_rate * rate_at(done, self.settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        if any(gates.bias_rate for _, gates in gates_of(self.model)):
            update_biases(self.model)
        return rate

    def _measure(self, passes: int, sums: dict[str, float]) -> None:
        """Learn from one pass's gradient beside the whole step's how noisy it is.

        Passes are compared and not processes: a process's gradient is its part of a contrast that
        all share, while a pass is a contrast of its own.
        """
        batch = self.settings.batch
        self.noise.update(sums["small"], batch, sums["shared"], batch * passes)

    def _choose_passes(self) -> None:
        """Choose, now and then, how many passes make the next steps."""
        settings = self.settings
        if (len(self.steps) + 1) % _STEPS_BETWEEN_CHOICES == 0:
            self.passes = choose_passes(
                self.noise.examples,
                settings.batch,
                self.passes,
                least=settings.passes,
                most=settings.limit,
            )

    def _note(
        self,
        passes: int,
        chosen: int,
        rate: float,
        norm: float,
        sums: dict[str, float],
        seconds: float,
    ) -> None:
        noise = self.noise.examples
        step = Step(
            number=len(self.steps) + 1,
            loss=sums["loss"],
            passes=passes,
            chosen=chosen,
            rate=rate,
            norm=norm,
            noise=noise if noise is not None and math.isfinite(noise) else None,
            tokens=int(sums["tokens"]),
            gathered=int(sums["gathered"]),
            reduced=int(sums["reduced"]),
            dispatched=int(sums["dispatched"]),
            seconds=seconds,
        )
        self.steps.append(step)
        if self.processes.first:
            self.told(step)

    def loads(self) -> list[Tensor]:
        """Sum each gate's load over the processes; all of them call it."""
        found = []
        for _, gates in gates_of(self.model):
            load = gates.load.clone().cpu()
            dist.all_reduce(load, group=self.processes.words)
            found.append(load)
        return found

    def _progress(self) -> dict[str, Any]:
        """Return what a checkpoint must know besides weights, moments and random numbers."""
        return {
            "step": len(self.steps),
            "position": self.position,
            "passes": self.passes,
            "noise": self.noise.to_json(),
            "loads": [load.tolist() for load in self.loads()],
            "steps": [asdict(step) for step in self.steps],
        }

    def _restore(self, progress: dict[str, Any]) -> None:
        self.position = progress["position"]
        self.passes = progress["passes"]
        self.noise = NoiseScale(**progress["noise"])
        self.steps = [Step(**step) for step in progress["steps"]]
        for (_, gates), load in zip(gates_of(self.model), progress["loads"], strict=True):
            # The sum is kept by one process; summed again at the end it counts once.
            gates.load.copy_(torch.tensor(load) if self.processes.first else torch.zeros(1))
            gates.settled.copy_(gates.load)


_STEPS_BETWEEN_CHOICES = 10
_STEPS_BETWEEN_MEASURES = 3


def build_optimizer(model: nn.Module, settings: DistributedSettings) -> AdamW:
    """Return AdamW; biases and norms do not decay, and each mesh has groups of its own."""
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for divided, weights in enumerate(divide_by_owner(model)):
        for weight in weights:
            groups.setdefault((bool(divided), weight.ndim > 1), []).append(weight)
    return AdamW(
        [
            {"params": weights, "weight_decay": settings.weight_decay if matrix else 0.0}
            for (_, matrix), weights in groups.items()
        ],
        lr=settings.learning_rate,
    )


def divide_by_owner(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Return the weights that all processes share, and those of divided experts."""
    divided = {
        id(weight)
        for module in model.modules()
        if isinstance(module, ParallelExperts)
        for weight in module.parameters()
    }
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    return (
        [weight for weight in trained if id(weight) not in divided],
        [weight for weight in trained if id(weight) in divided],
    )


def documents_of(part: list[Example], negatives: int) -> tuple[list[str], Tensor]:
    """Return the texts to encode, positives first, and the places of all that might be there.

    Returns:
        texts, and (batch * (1 + negatives),) bool with a True for each text, in its order.

    """
    texts = [one.positive for one in part]
    present = [True] * len(part)
    for one in part:
        used = one.negatives[:negatives]
        texts += used
        present += [True] * len(used) + [False] * (negatives - len(used))
    return texts, torch.tensor(present)


def _gradients(weights: list[nn.Parameter]) -> Iterator[Tensor]:
    """Yield this process's shard of each gradient."""
    for weight in weights:
        gradient = weight.grad
        if gradient is not None:
            yield gradient.to_local() if isinstance(gradient, DTensor) else gradient


def square_of_difference(now: list[Tensor], before: list[Tensor]) -> float:
    """Return the squared norm of what was added to gradients; `before` is empty at the first."""
    added = zip(now, before, strict=True) if before else ((one, 0.0) for one in now)
    return float(sum(float((new - old).square().sum()) for new, old in added))


def _square(weights: list[nn.Parameter]) -> float:
    """Return the squared norm of this process's shards."""
    return float(sum(float(gradient.square().sum()) for gradient in _gradients(weights)))
