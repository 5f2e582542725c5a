"""Load a model folder for torch: V3, or any other that sentence-transformers reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import EncoderError
from .. import v3  # noqa: F401 - makes V3 folders known to sentence-transformers

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def load_model(folder: Path, *, device: str | None = "cpu", name: str = "") -> SentenceTransformer:
    """Load a model from its folder alone, without a look at the network.

    Args:
        folder: holds the model.
        device: where torch is to compute; None takes a GPU where there is one.
        name: what an error calls the model; its folder when empty.

    Raises:
        EncoderError: there is no model that sentence-transformers can read.

    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    # A bar for reading a file of a second would break up the caller's own output.
    logging.disable_progress_bar()
    try:
        return SentenceTransformer(str(folder), device=device, local_files_only=True)
    except Exception as error:  # transformers raises whatever the broken file provokes
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise EncoderError(
            f"{name or folder}: not a sentence-transformers model: {first}"
        ) from error
