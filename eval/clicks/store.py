"""Keep a fitted click model in a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from ...errors import InputError
from .log import ClickLog, Pair
from .models.base import ClickModel
from .models.load import model_class

FORMAT = 1


@dataclass(frozen=True)
class FittedModel:
    """A click model with the (query, product) pairs that its items are.

    A model over grades has no pairs.
    """

    model: ClickModel
    pairs: tuple[Pair, ...] = ()

    def recode(self, log: ClickLog) -> ClickLog:
        """Return a log in this model's vocabulary, to measure the model on."""
        return log.with_pairs(self.pairs)


def fit_model(log: ClickLog, name: str = "dbn", *, shrinkage: float = 1.0) -> FittedModel:
    """Fit a click model to every (query, product) pair of a log.

    Raises:
        InputError: there is no such model.

    """
    return FittedModel(model_class(name).fit(log.sessions, shrinkage=shrinkage), log.pairs)


def save_model(fitted: FittedModel, path: Path) -> None:
    """Write a model as JSON, whole or not at all."""
    content = {
        "format": FORMAT,
        "model": fitted.model.name,
        "parameters": {name: value.tolist() for name, value in fitted.model.parameters.items()},
        "pairs": fitted.pairs,
    }
    draft = path.with_name(path.name + ".part")
    draft.write_bytes(orjson.dumps(content))
    draft.replace(path)


def load_model(path: Path) -> FittedModel:
    """Read a model that `save_model` wrote.

    Raises:
        InputError: there is no such file, or it is not a click model.

    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        content = orjson.loads(path.read_bytes())
        if content["format"] != FORMAT:
            raise InputError(f"{path}: click model format {content['format']} is not {FORMAT}")
        kind = model_class(content["model"])
        parameters = {
            name: np.asarray(value, dtype=np.float64)
            for name, value in content["parameters"].items()
        }
        model = kind(**parameters)
        pairs = tuple(_pair(pair) for pair in content["pairs"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: not a click model written by dsv3: {error}") from error
    return FittedModel(model, pairs)


def _pair(values: Sequence[str]) -> Pair:
    query, product = values
    return str(query), str(product)
