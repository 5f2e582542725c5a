"""How noisy the gradient is, and so how many examples a step should hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class NoiseScale:
    """Estimates the simple noise scale, the trace of the gradient's covariance over its square.

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

    def to_json(self) -> dict[str, float]:
        """Return the state as JSON can hold it."""
        return asdict(self)


def choose_passes(noise: float | None, batch: int, now: int, *, least: int, most: int) -> int:
    """Return how many passes of `batch` examples should make the next steps.

    A step of about as many examples as the noise scale takes little more computing than smaller
    ones to the same loss, and far fewer steps (McCandlish et al. 2018, equation 2.11). One choice
    changes the number at most twofold, since an estimate jumps and a learning rate does not follow.

    Args:
        noise: the noise scale in examples; None keeps the number.
        batch: examples in a pass.
        now: passes that make a step at present.
        least: bound from below.
        most: bound from above.

    """
    if noise is None:
        return now
    wanted = now * 2 if noise == float("inf") else max(round(noise / batch), 1)
    near = min(max(wanted, -(-now // 2)), now * 2)
    return min(max(near, least), most)
