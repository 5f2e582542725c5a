"""Where an encoder may compute: the CPU, or an NVIDIA GPU if there is one."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ...errors import EncoderError
from ..installed import require_models

Device = Literal["cpu", "cuda"]
DEVICES = ("cpu", "cuda", "auto")
# The kernel's part of the driver: looking for it spares loading torch where there is no GPU.
_DRIVER = Path("/proc/driver/nvidia/version")


def choose_device(wanted: str) -> Device:
    """Return the device for "cpu", "cuda" or "auto", which takes a GPU where torch can use one.

    Raises:
        EncoderError: an unknown device, or "cuda" where torch finds no GPU.
        MissingExtra: "cuda" without torch.

    """
    if wanted not in DEVICES:
        raise EncoderError(f"no device {wanted!r}; there are {', '.join(DEVICES)}")
    if wanted == "cpu" or (wanted == "auto" and not _may_have_gpu()):
        return "cpu"
    require_models("Computing on a GPU")
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise EncoderError(
            "torch finds no GPU: check the driver with nvidia-smi, and that torch is a CUDA build "
            f"(this one is {torch.__version__}); or use the device cpu"
        )
    return "cpu"


def _may_have_gpu() -> bool:
    return _DRIVER.exists() and find_spec("torch") is not None
