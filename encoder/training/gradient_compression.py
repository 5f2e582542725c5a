"""Gradients that travel between processes as 16 or 8 bits a number."""

# Annotations are not postponed here: torch reads those of a hook.
from collections.abc import Mapping

import torch
import torch.distributed as dist
import torch.nn.functional as F  # noqa: N812 - the name everyone knows it by
from torch import Tensor
from torch.distributed import GradBucket  # type: ignore[attr-defined]
from torch.futures import Future

from .settings import GradientCompression

FORMATS: Mapping[GradientCompression, torch.dtype] = {
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
    "fp8": torch.float8_e4m3fn,
}
BLOCK = 1024
# The largest number of FP8 (E4M3), which every format holds.
_LARGEST = 448.0


def encode(rows: Tensor, dtype: torch.dtype) -> Tensor:
    """Return (rows, bytes) uint8 from (rows, numbers) float32.

    Each block of `BLOCK` numbers is first divided so that its largest is `_LARGEST`, and the
    factor sent along: E4M3 has a range of 2^18 (Micikevicius et al. 2022, "FP8 Formats for Deep
    Learning", section 3), and FP16 would flush small gradients to zero.
    """
    blocks = F.pad(rows, (0, -rows.size(1) % BLOCK)).unflatten(1, (-1, BLOCK))
    factor = (blocks.abs().amax(-1) / _LARGEST).clamp_min(1e-30)  # (rows, blocks)
    shrunk = (blocks / factor.unsqueeze(-1)).clamp(-_LARGEST, _LARGEST)
    numbers = shrunk.to(dtype).flatten(1).view(torch.uint8)
    return torch.cat([numbers, factor.view(torch.uint8)], dim=1)


def decode(payload: Tensor, numbers: int, dtype: torch.dtype) -> Tensor:
    """Return (rows, numbers) float32 from what `encode` made of them."""
    blocks = -(-numbers // BLOCK)
    split = blocks * BLOCK * dtype.itemsize
    factor = payload[:, split:].contiguous().view(torch.float32)  # (rows, blocks)
    shrunk = payload[:, :split].contiguous().view(dtype).float()
    grown: Tensor = shrunk.unflatten(1, (blocks, BLOCK)) * factor.unsqueeze(-1)
    return grown.flatten(1)[:, :numbers]


def compress_hook(dtype: torch.dtype, bucket: GradBucket) -> Future[Tensor]:
    """Average a bucket of gradients over the processes, for `register_comm_hook` of torch's DDP.

    Each process receives its share of the bucket from all, averages it in float32, and sends the
    mean to all, so that a number is rounded twice however many the processes are. What travels is
    bytes, which every backend carries; torch's own hooks sum in the small format, and the one for
    bfloat16 needs NCCL.
    """
    gradient = bucket.buffer()  # (numbers,)
    processes = dist.get_world_size()
    shares = F.pad(gradient, (0, -len(gradient) % processes)).view(processes, -1)
    payload = encode(shares, dtype)
    arrived = torch.empty_like(payload)
    dist.all_to_all_single(arrived, payload)
    mean = decode(arrived, shares.size(1), dtype).mean(0, keepdim=True)  # (1, share)
    mine = encode(mean, dtype)
    everyone = [torch.empty_like(mine) for _ in range(processes)]
    dist.all_gather(everyone, mine)
    whole = decode(torch.cat(everyone), shares.size(1), dtype).flatten()[: len(gradient)]
    done: Future[Tensor] = Future(devices=[gradient.device] if gradient.is_cuda else None)
    done.set_result(whole.to(gradient))
    return done
