"""What a gradient's numbers travel as: float32 values to bytes and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor

from .settings import Compression

BLOCK = 1024


@dataclass(frozen=True, slots=True)
class Wire:
    """One format.

    Attributes:
        dtype: of a number on its way.
        scaled: whether each block of `BLOCK` numbers is first divided so that its largest is the
            format's largest, and the factor sent along. FP8 needs it for its range of 2^18
            (Micikevicius et al. 2022, "FP8 Formats for Deep Learning", section 3), FP16 so that
            small gradients are not flushed to zero.

    """

    dtype: torch.dtype
    scaled: bool

    def encode(self, rows: Tensor) -> Tensor:
        """Return (rows, bytes) uint8 from (rows, numbers) float32."""
        if not self.scaled:
            return rows.to(self.dtype).view(torch.uint8)
        blocks = F.pad(rows, (0, -rows.size(1) % BLOCK)).unflatten(1, (-1, BLOCK))
        largest = torch.finfo(self.dtype).max
        factor = (blocks.abs().amax(-1) / largest).clamp_min(1e-30)  # (rows, blocks)
        shrunk = (blocks / factor.unsqueeze(-1)).clamp(-largest, largest)
        numbers = shrunk.to(self.dtype).flatten(1).view(torch.uint8)
        return torch.cat([numbers, factor.view(torch.uint8)], dim=1)

    def decode(self, payload: Tensor, numbers: int) -> Tensor:
        """Return (rows, numbers) float32 from what `encode` made of them."""
        if not self.scaled:
            return payload.view(self.dtype).float()
        blocks = -(-numbers // BLOCK)
        split = blocks * BLOCK * self.dtype.itemsize
        factor = payload[:, split:].contiguous().view(torch.float32)  # (rows, blocks)
        shrunk = payload[:, :split].contiguous().view(self.dtype).float()
        grown: Tensor = shrunk.unflatten(1, (blocks, BLOCK)) * factor.unsqueeze(-1)
        return grown.flatten(1)[:, :numbers]


_WIRES: dict[Compression, Wire] = {
    "none": Wire(torch.float32, scaled=False),
    "bf16": Wire(torch.bfloat16, scaled=False),
    "fp16": Wire(torch.float16, scaled=True),
    "fp8": Wire(torch.float8_e4m3fn, scaled=True),
}


def wire(compression: Compression) -> Wire:
    """Return the format by its name."""
    return _WIRES[compression]
