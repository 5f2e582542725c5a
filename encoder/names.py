"""An encoder's name taken apart: what it is, and the settings it is used with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar, get_args

from ..errors import EncoderError

Precision = Literal["fp32", "bf16", "int8"]
LongText = Literal["cut", "pool"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LONG_TEXTS: tuple[LongText, ...] = get_args(LongText)
Value = TypeVar("Value", bound=str)


@dataclass(frozen=True, slots=True)
class EncoderName:
    """A name such as "default,precision=int8,long_text=pool", read.

    Attributes:
        base: what comes before the settings.
        precision: None where it is left to the runtime.
        long_text: whether a text beyond the limit is cut, or encoded in pieces and averaged.

    """

    base: str
    precision: Precision | None = None
    long_text: LongText = "cut"

    @classmethod
    def parse(cls, name: str) -> EncoderName:
        """Read a name; a folder whose own name has commas is taken as it stands.

        Raises:
            EncoderError: an unknown setting or value.

        """
        base, *parts = name.split(",")
        read = cls(base)
        if not parts or Path(name).expanduser().is_dir():
            return cls(name)
        for part in parts:
            key, _, value = (piece.strip() for piece in part.partition("="))
            if key == "precision":
                read = replace(read, precision=_one_of(PRECISIONS, value, key, name))
            elif key == "long_text":
                read = replace(read, long_text=_one_of(LONG_TEXTS, value, key, name))
            else:
                raise EncoderError(f"{name}: no setting {key!r}; there are precision, long_text")
        return read


def used_fingerprint(fingerprint: str, long_text: LongText) -> str:
    """Return the fingerprint of an encoder as it treats long texts."""
    if long_text == "cut":
        return fingerprint
    return hashlib.sha256(f"{fingerprint} long_text={long_text}".encode()).hexdigest()


def _one_of(values: tuple[Value, ...], value: str, key: str, name: str) -> Value:
    for known in values:
        if value == known:
            return known
    raise EncoderError(f"{name}: {key} cannot be {value!r}; it is one of {', '.join(values)}")
