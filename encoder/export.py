"""Compile any encoder that has a name into a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EncoderError
from .default import default_folder
from .folders import find_folder
from .names import Precision

if TYPE_CHECKING:
    from .runtime.manifest import Manifest


def export_encoder(
    name: str,
    out: Path | None = None,
    *,
    precision: Precision = "fp32",
    texts: Sequence[str] = (),
    verify: bool = True,
) -> Manifest:
    """Compile "default", a model folder or a hub model for OpenVINO; see `export_folder`.

    Without `out` it goes where the model's own name finds it: "NAME,precision=PRECISION" then
    is what was made here.

    Raises:
        EncoderError: nothing by that name exists, it cannot be compiled, or its compiled vectors
            are not the original's.

    """
    if find_spec("openvino") is None:
        raise EncoderError("compiling an encoder needs OpenVINO: pip install openvino")
    from .runtime.export import export_folder
    from .runtime.manifest import is_compiled
    from .runtime.store import cached_place

    folder = default_folder() if name == "default" else find_folder(name)
    if is_compiled(folder):
        raise EncoderError(f"{name} is compiled already; name the model it was made from")
    place = cached_place(folder, precision) if out is None else out
    return export_folder(folder, place, precision=precision, texts=texts, verify=verify)
