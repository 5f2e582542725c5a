"""Compiled encoders made on first use and kept in the cache folder until the weights change."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ...errors import EncoderError
from ..folders import cache_folder
from ..names import Precision
from .architecture import Unsupported, read_architecture
from .export import export_folder, source_fingerprint
from .manifest import FORMAT, is_compiled


def compiled_folder(folder: Path, precision: Precision, *, verify: bool = True) -> Path:
    """Return the compiled form of a model folder, compiling it where that was not done before.

    Raises:
        Unsupported: the model cannot be compiled, or OpenVINO is not installed.
        EncoderError: the cache folder cannot be written, or the compiled vectors are wrong.

    """
    if find_spec("openvino") is None:
        raise Unsupported("compiling an encoder needs the package openvino; pip install openvino")
    source = source_fingerprint(folder, read_architecture(folder))
    out = cache_folder() / "compiled" / f"{source[:32]}-{precision}-{FORMAT}"
    if not is_compiled(out):
        try:
            export_folder(folder, out, precision=precision, verify=verify)
        except OSError as error:
            raise EncoderError(
                f"{out} cannot be written ({error.strerror}); set DSV3_CACHE to a folder that can, "
                "or use the runtime torch"
            ) from error
    return out
