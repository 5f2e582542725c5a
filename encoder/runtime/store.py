"""Compiled encoders made on first use and kept in the cache folder until the weights change."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ...errors import EncoderError
from ..folders import cache_folder
from ..names import Precision
from .architecture import Inexact, Unsupported, read_architecture
from .export import export_folder, source_fingerprint
from .manifest import FORMAT, is_compiled


def cached_place(folder: Path, precision: Precision) -> Path:
    """Return where the compiled form of a model folder is kept, whether it was made or not."""
    source = source_fingerprint(folder, read_architecture(folder))
    return cache_folder() / "compiled" / f"{source[:32]}-{precision}-{FORMAT}"


def compiled_folder(folder: Path, precision: Precision, *, verify: bool = True) -> Path:
    """Return the compiled form of a model folder, compiling it where that was not done before.

    Raises:
        Unsupported: the model cannot be compiled, or OpenVINO is not installed.
        Inexact: the compiled vectors are not near enough to the model's.
        EncoderError: the cache folder cannot be written.

    """
    if find_spec("openvino") is None:
        raise Unsupported("compiling an encoder needs the package openvino; pip install openvino")
    out = cached_place(folder, precision)
    inexact = out.with_name(f"{out.name}.inexact")
    if inexact.is_file():
        raise Inexact(inexact.read_text(encoding="utf-8"))
    if not is_compiled(out):
        try:
            export_folder(folder, out, precision=precision, verify=verify)
        except Inexact as error:
            inexact.write_text(str(error), encoding="utf-8")  # found once, so not tried again
            raise
        except OSError as error:
            raise EncoderError(
                f"{out} cannot be written ({error.strerror}); set DSV3_CACHE to a folder that can, "
                "or use the runtime torch"
            ) from error
    return out
