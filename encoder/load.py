"""Names to encoders: the one table of what exists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import EncoderError
from .base import Encoder
from .default import default_folder
from .folders import find_folder
from .hashing import HashingEncoder
from .installed import require_models
from .names import EncoderName, Precision
from .pytorch.devices import Device, choose_device

RUNTIMES = ("auto", "compiled", "torch")


_ON_A_CPU = "a compiled encoder runs on the CPU; on a GPU the model itself does"


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked of `load_encoder`."""

    whole_name: str
    name: EncoderName
    threads: int | None
    runtime: str
    device: Device
    must_be_cuda: bool


def load_encoder(
    name: str = "default",
    *,
    threads: int | None = None,
    runtime: str = "auto",
    device: str = "cpu",
) -> Encoder:
    """Load an encoder by name.

    Args:
        name: "default"; "hashing" or "hashing:DIM"; a folder that holds a sentence-transformers
            model, a V3 model or a compiled encoder; or a model on the hub. Settings may follow,
            as in "default,precision=int8,long_text=pool".
        threads: threads to compute on; None takes one for a compiled encoder and leaves torch
            its own choice.
        runtime: "compiled" runs without torch, after compiling the model on first use; "torch"
            runs anything that sentence-transformers can; "auto" takes the first where it can.
        device: "cuda" runs on an NVIDIA GPU through torch, in bfloat16: the vectors are those of
            a CPU but for rounding, and so is the fingerprint. "auto" does so where there is a
            GPU and the encoder can.

    Raises:
        EncoderError: nothing by that name exists, or it cannot be loaded.
        MissingExtra: it needs torch, or the default's weights, which are not installed.

    """
    if runtime not in RUNTIMES:
        raise EncoderError(f"no runtime {runtime!r}; there are {', '.join(RUNTIMES)}")
    parsed = EncoderName.parse(name)
    chosen = _device(parsed, runtime, device)
    request = _Request(name, parsed, threads, runtime, chosen, device == "cuda")
    encoder = _SCHEMES.get(parsed.base.partition(":")[0], _load_named)(request)
    encoder.recipe = {"name": name, "runtime": runtime}
    return encoder


def _device(name: EncoderName, runtime: str, wanted: str) -> Device:
    """Choose where to compute; int8, fp32 and what is compiled are of a CPU alone."""
    for_cpu = runtime == "compiled" or name.precision in ("int8", "fp32")
    if wanted == "cuda" and for_cpu:
        raise EncoderError(_ON_A_CPU)
    return choose_device("cpu" if wanted == "auto" and for_cpu else wanted)


def _load_default(request: _Request) -> Encoder:
    if request.name.base != "default":
        raise EncoderError(f"{request.name.base}: the default encoder has no variants")
    return _load_folder(default_folder(), request, verify=False)


def _load_hashing(request: _Request) -> Encoder:
    _, _, dim = request.name.base.partition(":")
    if dim and not dim.isdecimal():
        raise EncoderError(f"hashing:{dim}: the dimension must be a number, as in hashing:256")
    if request.name != EncoderName(request.name.base):
        raise EncoderError(f"{request.whole_name}: the hashing encoder has no such settings")
    return HashingEncoder(int(dim)) if dim else HashingEncoder()


def _load_named(request: _Request) -> Encoder:
    exists = f"there are {', '.join(_SCHEMES)}, a model folder, or a hub name"
    if not request.name.base.strip():
        raise EncoderError(f"no encoder was named; {exists}")
    try:
        folder = find_folder(request.name.base)
    except EncoderError as error:
        raise EncoderError(f"{error}; {exists}") from error
    return _load_folder(folder, request)


def _load_folder(folder: Path, request: _Request, *, verify: bool = True) -> Encoder:
    from .runtime.architecture import Unsupported
    from .runtime.manifest import is_compiled

    if is_compiled(folder):
        return _load_compiled(folder, request)
    if request.runtime != "torch" and request.device == "cpu":
        try:
            made = _compile(folder, request.name.precision, verify=verify)
        except Unsupported:
            if request.runtime == "compiled":
                raise
        else:
            return _load_compiled(made, request)
    return _load_torch(folder, request)


def _compile(folder: Path, precision: Precision | None, *, verify: bool) -> Path:
    """Compile to the precision asked for; else to bf16, and to fp32 where that is too coarse."""
    from .runtime.architecture import Inexact
    from .runtime.store import compiled_folder

    if precision is not None:
        return compiled_folder(folder, precision, verify=verify)
    try:
        return compiled_folder(folder, "bf16", verify=verify)
    except Inexact:
        return compiled_folder(folder, "fp32", verify=verify)


def _load_compiled(folder: Path, request: _Request) -> Encoder:
    from .runtime.encoder import CompiledEncoder

    if request.runtime == "torch":
        raise EncoderError(f"{request.whole_name} is compiled; torch cannot run it")
    if request.must_be_cuda:
        raise EncoderError(f"{request.whole_name}: {_ON_A_CPU}")
    encoder = CompiledEncoder(
        folder,
        name=request.whole_name,
        threads=request.threads,
        long_text=request.name.long_text,
    )
    if request.name.precision not in (None, encoder.manifest.precision):
        raise EncoderError(
            f"{request.whole_name}: that encoder was compiled to {encoder.manifest.precision}; "
            "compile the original anew: dsv3 model export"
        )
    return encoder


def _load_torch(folder: Path, request: _Request) -> Encoder:
    require_models(f"{request.whole_name}: running a model on torch")
    from .pytorch.sentence_transformer import SentenceTransformerEncoder

    precision = "bf16" if request.device == "cuda" else "fp32"
    if request.name.precision not in (None, precision):
        raise EncoderError(
            f"{request.whole_name}: this one runs on torch, which computes in {precision}; other "
            "precisions need a compiled encoder"
        )
    return SentenceTransformerEncoder(
        folder,
        name=request.whole_name,
        threads=request.threads,
        device=request.device,
        long_text=request.name.long_text,
    )


_SCHEMES: dict[str, Callable[[_Request], Encoder]] = {
    "default": _load_default,
    "hashing": _load_hashing,
}
