"""What a light installation leaves out: torch and the libraries on top of it."""

from __future__ import annotations

from importlib.util import find_spec

from ..errors import MissingExtra

MODELS = ("torch", "transformers", "sentence_transformers")


def require_models(purpose: str) -> None:
    """Say which package is missing, before anything is read or written.

    Args:
        purpose: what needs it, as the beginning of a sentence.

    Raises:
        MissingExtra: a package of the extra `models` is not installed.

    """
    for package in MODELS:
        if find_spec(package) is None:
            raise MissingExtra(package.replace("_", "-"), "models", purpose)
