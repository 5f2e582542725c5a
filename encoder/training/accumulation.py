"""Adaptive gradient accumulation: as many batches a step as the gradient's noise calls for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from torch.optim import AdamW

# Steps between two choices of how many micro-batches make one.
_STEPS_BETWEEN_CHOICES = 10
# A step in so many has two micro-batches at least, since one alone says nothing of the noise.
_STEPS_BETWEEN_MEASURES = 3
# What a checkpoint must know besides AdamW's state and the noise.
_KEPT = ("_sums", "_small", "_chosen", "_added", "_done", "_steps")


@dataclass(slots=True)
class NoiseScale:
    """The simple noise scale, estimated: the gradient's covariance, its trace, over its square.

    McCandlish et al. 2018, "An Empirical Model of Large-Batch Training", appendix A.1: two
    unbiased estimates from the gradient's norm at a small and a large batch, each averaged over
    steps before they are divided. In a contrastive loss examples are also each other's negatives,
    so that small batches are not quite independent: take it as an estimate of order.

    Attributes:
        signal: averaged estimate of the true gradient's squared norm.
        noise: averaged estimate of the trace of one example's covariance.
        weight: what the averages weigh so far, for their start from zero.
        decay: how much of an average a step keeps.

    """

    signal: float = 0.0
    noise: float = 0.0
    weight: float = 0.0
    decay: float = 0.95

    def update(self, small_square: float, small: float, large_square: float, large: float) -> None:
        """Add one step's squared gradient norms at batches of `small` and `large` examples."""
        if not small < large:
            raise ValueError(f"batches of {small} and {large} examples cannot be compared")
        signal = (large * large_square - small * small_square) / (large - small)
        noise = (small_square - large_square) / (1 / small - 1 / large)
        self.signal = self.decay * self.signal + (1 - self.decay) * signal
        self.noise = self.decay * self.noise + (1 - self.decay) * noise
        self.weight = self.decay * self.weight + (1 - self.decay)

    @property
    def examples(self) -> float | None:
        """Return the estimate in examples; None before there is a sensible one.

        Noise drowns the signal when its estimate is not above zero: then it is infinite.
        """
        if not self.weight or self.noise <= 0:
            return None if not self.weight else 0.0
        return self.noise / self.signal if self.signal > 0 else float("inf")


def choose_micro_batches(
    noise: float | None, batch: int, now: int, *, least: int, most: int
) -> int:
    """Return how many micro-batches of `batch` examples should make the next steps.

    A step of about as many examples as the noise scale takes little more computing than smaller
    ones to the same loss, and far fewer steps (McCandlish et al. 2018, equation 2.11). One choice
    changes the number at most twofold, since an estimate jumps and a learning rate does not follow.

    Args:
        noise: the noise scale in examples; None keeps the number.
        batch: examples in a micro-batch.
        now: micro-batches that make a step at present.
        least: bound from below.
        most: bound from above.

    """
    if noise is None:
        return now
    wanted = now * 2 if noise == float("inf") else max(round(noise / batch), 1)
    near = min(max(wanted, -(-now // 2)), now * 2)
    return min(max(near, least), most)


class AdaptiveAdamW(AdamW):
    """Moves the weights after several micro-batches, and learns from these how many it should be.

    The trainer calls `step` after each micro-batch. Its gradient is added to a sum; after
    `micro_batches` of them the mean is clipped and AdamW moves the weights. The squared norms of
    the micro-batches' gradients beside that of their mean give the noise scale, which chooses the
    number for the steps to come. With several processes all see the same gradients, and so choose
    alike. State and sums are part of `state_dict`: a run resumes in the middle of a step.

    Args:
        params: as AdamW takes them.
        batch: examples in a micro-batch.
        least: micro-batches of the first step, and the fewest that ever make one.
        most: as many as a step may grow to.
        total: micro-batches of the run, after the last of which the sum is used as it is.
        max_grad_norm: length at which the mean is clipped.
        on_choice: told of (micro-batches done, micro-batches a step, noise scale in examples).
        options: AdamW's.

    """

    def __init__(
        self,
        params: Any,
        *,
        batch: int,
        least: int,
        most: int,
        total: int,
        max_grad_norm: float,
        on_choice: Callable[[int, int, float], None],
        **options: Any,
    ) -> None:
        super().__init__(params, **options)
        self._batch, self._least, self._most, self._total = batch, least, most, total
        self._max_grad_norm = max_grad_norm
        self._tell = on_choice
        self._noise = NoiseScale()
        self._sums: dict[int, Tensor] = {}  # by the weight's place
        self._small = 0.0
        self._chosen = least
        self._added = self._done = self._steps = 0

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Add the gradients of a micro-batch; move the weights where it completes a step."""
        gradients = {n: w.grad for n, w in enumerate(self._weights()) if w.grad is not None}
        self._small += float(get_total_norm(gradients.values())) ** 2
        for place, gradient in gradients.items():
            if place in self._sums:
                self._sums[place] += gradient
            else:
                self._sums[place] = gradient.clone()
        self._added += 1
        self._done += 1
        if self._added >= self._wanted() or self._done >= self._total:
            self._move()

    def _weights(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def _wanted(self) -> int:
        """Return how many micro-batches make this step: now and then at least two, to compare."""
        measured = self._steps % _STEPS_BETWEEN_MEASURES == 0
        return max(self._chosen, 2) if measured else self._chosen

    def _move(self) -> None:
        """Take one step of AdamW along the mean of the gradients, and choose how many come next."""
        weights = list(self._weights())
        for place, total in self._sums.items():
            weights[place].grad = total.div_(self._added)
        moved = [weights[place] for place in self._sums]
        norm = get_total_norm(self._sums.values())
        if self._added > 1:
            large = self._batch * self._added
            self._noise.update(self._small / self._added, self._batch, float(norm) ** 2, large)
        clip_grads_with_norm_(moved, self._max_grad_norm, norm)
        super().step()
        self._sums, self._small, self._added = {}, 0.0, 0
        self._steps += 1
        if self._steps % _STEPS_BETWEEN_CHOICES == 0:
            self._choose()

    def _choose(self) -> None:
        noise = self._noise.examples
        chosen = choose_micro_batches(
            noise, self._batch, self._chosen, least=self._least, most=self._most
        )
        if chosen != self._chosen:
            self._chosen = chosen
            self._tell(self._done, chosen, noise or 0.0)

    def state_dict(self) -> dict[str, Any]:
        """Return AdamW's state, and what is accumulated."""
        own = {name: getattr(self, name) for name in _KEPT}
        return {**super().state_dict(), "accumulation": own | {"noise": asdict(self._noise)}}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take what `state_dict` returned."""
        rest = dict(state_dict)
        own = dict(rest.pop("accumulation"))
        self._noise = NoiseScale(**own.pop("noise"))
        for name in _KEPT:
            setattr(self, name, own[name])
        super().load_state_dict(rest)
