"""A ranker learned from judgments: features in, scores and probabilities out.

It is a folder of two files: `trees.txt`, LightGBM's own text, and `ranker.json` with the names of
the features, a linear form for where LightGBM is not installed, and for both the curve that makes
a score the probability that a shopper would call the product right. The digest of all that is kept
beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import orjson

from ..errors import ShopError
from ..files import named, write_whole
from ..indexer.typed import typed
from .boosting import Trees, boosting_is_installed
from .features import FEATURES, FloatMatrix

DEFAULT = Path(__file__).with_name("default_ranker")

ABOUT = "ranker.json"
"""The file of a ranker that is written last."""

_TREES, _DIGEST = "trees.txt", "blake2b"


@dataclass(frozen=True, slots=True)
class Curve:
    """A rising curve from scores to probabilities (isotonic regression; Zadrozny & Elkan 2002).

    Attributes:
        scores: ascending.
        probabilities: at each score, from 0 to 1; between two they are joined by a line.
    """

    scores: tuple[float, ...]
    probabilities: tuple[float, ...]

    def __call__(self, scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
        """Return the probability of each score."""
        made: npt.NDArray[np.float32] = np.interp(scores, self.scores, self.probabilities).astype(
            np.float32
        )
        return made


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of standardised features.

    Attributes:
        means: of each feature.
        scales: their standard deviations.
        weights: of the standardised features.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]

    def scores(self, features: FloatMatrix) -> npt.NDArray[np.float64]:
        """Return the (n,) scores of (n, features)."""
        made: npt.NDArray[np.float64] = self.contributions(features).sum(axis=1)
        return made

    def contributions(self, features: FloatMatrix) -> npt.NDArray[np.float64]:
        """Return what each feature adds to each score, and nothing for all: (n, features + 1)."""
        each = (features - np.array(self.means)) / np.array(self.scales) * np.array(self.weights)
        return np.concatenate([each, np.zeros((len(each), 1))], axis=1)


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a ranker.

    Attributes:
        features: names of the columns it was trained on.
        encoder: name of the encoder whose similarities it knows.
        curve: of the trees' scores.
        linear: the form without trees.
        linear_curve: of its scores.
        trained_on: what it was trained on, in words.
        figures: what was measured of it on queries that it had not seen, by name.
    """

    features: tuple[str, ...]
    encoder: str
    curve: Curve
    linear: Linear
    linear_curve: Curve
    trained_on: str
    figures: Mapping[str, float] = field(default_factory=dict)


class Ranker:
    """Ranks candidates by their features. Safe to use from several threads."""

    def __init__(self, about: About, trees: Trees | None) -> None:
        self.about = about
        self._model: Trees | Linear = trees or about.linear
        self._curve = about.curve if trees else about.linear_curve

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a ranker.

        Raises:
            ShopError: a file is missing, damaged or made for other features.
        """
        try:
            text = (folder / _TREES).read_text()
            stored = orjson.loads((folder / ABOUT).read_bytes())
            digest = stored.pop(_DIGEST, None) if isinstance(stored, dict) else None
            about = typed(About, stored)
        except OSError as error:
            raise ShopError(f"{named(folder)} holds no ranker: {error.strerror}") from None
        except (orjson.JSONDecodeError, TypeError, UnicodeDecodeError) as error:
            raise ShopError(f"{named(folder)} holds an unreadable ranker: {error}") from None
        if digest is not None and digest != _digest(stored, text):
            raise ShopError(f"{named(folder)} holds a damaged ranker; train it again: dsv3 tune")
        # LightGBM ends the process where its text was cut.
        trees = Trees(text) if boosting_is_installed() else None
        if about.features != FEATURES or (trees is not None and trees.features != len(FEATURES)):
            raise ShopError(
                f"{named(folder)} was trained on other features than this version has; "
                "train it again with: dsv3 tune"
            )
        return cls(about, trees)

    @property
    def form(self) -> str:
        """Say whether trees or a weighted sum rank."""
        return "boosted trees" if isinstance(self._model, Trees) else "a weighted sum"

    def scores(self, features: FloatMatrix) -> npt.NDArray[np.float64]:
        """Return the (n,) scores of (n, features)."""
        return self._model.scores(features)

    def probabilities(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """Return the probability that a shopper would call each product right."""
        return self._curve(scores)

    def contributions(self, features: FloatMatrix) -> list[dict[str, float]]:
        """Return for each candidate what each feature adds to its score, the largest first."""
        table = self._model.contributions(features)[:, :-1]
        return [
            {FEATURES[place]: float(row[place]) for place in np.argsort(-np.abs(row))}
            for row in table
        ]


def write_ranker(folder: Path, about: About, trees: str) -> None:
    """Write a ranker where `Ranker.read` finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / _TREES, trees.encode())
    stored = asdict(about)
    stored[_DIGEST] = _digest(stored, trees)
    write_whole(folder / ABOUT, orjson.dumps(stored, option=orjson.OPT_INDENT_2))


def _digest(stored: Mapping[str, Any], trees: str) -> str:
    return blake2b(orjson.dumps(stored) + trees.encode(), digest_size=16).hexdigest()


@cache
def default_ranker() -> Ranker:
    """Return the ranker that comes with the package."""
    return Ranker.read(DEFAULT)
