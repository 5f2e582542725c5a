"""What a shop remembers of how it wants to be indexed and searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self

import orjson

from ..errors import InputError, ShopError
from ..files import named, write_whole
from . import template
from .known_fields import KEYWORD_WEIGHTS
from .typed import typed

_MOST_DIM = 1 << 20
DEFAULT_BOOSTS = KEYWORD_WEIGHTS


@dataclass(frozen=True, slots=True)
class Ranking:
    """How the two lanes are searched and joined.

    Attributes:
        boosts: weight of each field in keyword search.
        dense_weight: share of the nearest-neighbour lane in a score, from 0 (keywords alone)
            to 1; the rest is the keyword lane's. Each lane's scores are divided by its best
            (convex combination; Bruch et al. 2023, "An Analysis of Fusion Functions").
        candidates: products each lane puts forward to be ranked together.
        dense_floor: a product found by no keyword counts as a match only where its similarity
            is at least this share of the nearest product's.
        floor: a product that says no word of the query is shown only where a learned ranker gives
            it at least this probability of being right; one that says some, from a fifth of it.
        without: names of stages of understanding a query that are left out, see
            `retriever/understanding/understand.py`.
        strict: whether what a query says of values and prices is a condition, not a preference.
        cross_encoder: name or folder of a sentence-transformers CrossEncoder that orders the first
            products anew in hybrid mode; empty for none.
        cross_encoder_top: how many products it is given.
        cross_encoder_ms: milliseconds a query after which it begins no further batch of them.
    """

    boosts: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_BOOSTS))
    dense_weight: float = 0.6
    candidates: int = 100
    dense_floor: float = 0.6
    floor: float = 0.1
    without: tuple[str, ...] = ()
    strict: bool = False
    cross_encoder: str = ""
    cross_encoder_top: int = 30
    cross_encoder_ms: int = 200

    def __post_init__(self) -> None:
        for name in ("dense_weight", "dense_floor", "floor"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} must be between 0 and 1, not {getattr(self, name)}")
        for name in ("candidates", "cross_encoder_top", "cross_encoder_ms"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        unknown = set(self.boosts) - set(DEFAULT_BOOSTS)
        if unknown:
            raise InputError(
                f"no keyword field {sorted(unknown)[0]!r}; there are {', '.join(DEFAULT_BOOSTS)}"
            )


@dataclass(frozen=True, slots=True)
class Settings:
    """How a shop is indexed; what changes here rebuilds what depends on it.

    Attributes:
        encoder: name given to `load_encoder`.
        template: format string of the encoded text.
        index: "auto", "int8", "binary" or a FAISS factory string.
        dim: leading dimensions of each vector that are kept (Matryoshka); None keeps all.
        language: of stemming and stop words.
        catalog: URL of the catalog, without a password; None is SQLite in the shop's folder.
    """

    encoder: str = "default"
    template: str = template.DEFAULT
    index: str = "auto"
    dim: int | None = None
    language: str = "english"
    catalog: str | None = None
    ranking: Ranking = field(default_factory=Ranking)

    def check(self, dim: int) -> None:
        """Refuse what no shop can be indexed with, before anything is read or remembered.

        Args:
            dim: of the encoder's vectors.

        Raises:
            InputError: the template, the language, the dimension or the kind of index is wrong.
            MissingExtra: the language or the index needs a package that is not installed.
        """
        from .lexical.analysis import Analysis
        from .vectors.spec import make_index, resolve_spec

        template.Template(self.template)
        Analysis(self.language)
        if self.dim is not None and not 1 <= self.dim <= _MOST_DIM:
            raise InputError(f"dim must be between 1 and {_MOST_DIM:,}, not {self.dim}")
        kept = min(self.dim or dim, dim)
        make_index(resolve_spec(self.index, 0, kept, 0), kept)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read settings; a missing file gives the defaults.

        Raises:
            ShopError: the file is not what `write` wrote, or may not be read.
        """
        try:
            stored = orjson.loads(path.read_bytes())
            return typed(cls, stored)
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise ShopError(f"{named(path)} cannot be read: {error.strerror or error}") from None
        except (orjson.JSONDecodeError, TypeError, InputError) as error:
            raise ShopError(
                f"{named(path)} cannot be read as settings: {error}; put it right, or "
                "restore it from a copy"
            ) from None

    def write(self, path: Path) -> None:
        """Write the settings where `read` finds them, whole or not at all.

        What is as by default is left out, so that a better default reaches the shop.
        """
        chosen = _differing(asdict(self), asdict(Settings()))
        write_whole(path, orjson.dumps(chosen, option=orjson.OPT_INDENT_2))

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Return settings with some fields replaced; a value of None leaves a field as it is."""
        names = {each.name for each in fields(self)}
        given = {name: value for name, value in changes.items() if value is not None}
        unknown = set(given) - names
        if unknown:
            raise InputError(f"no setting {sorted(unknown)[0]!r}; there are {', '.join(names)}")
        return replace(self, **given)


def _differing(stored: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is not as by default, in the settings and one level down in the ranking."""
    return {
        name: _differing(value, default[name]) if name == "ranking" else value
        for name, value in stored.items()
        if value != default[name]
    }
