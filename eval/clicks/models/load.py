"""The click models by name."""

from __future__ import annotations

from ....errors import InputError
from .base import ClickModel
from .cascade import Cascade
from .dbn import DBN, SimplifiedDBN
from .dcm import DCM
from .pbm import PBM
from .ubm import UBM

MODELS: dict[str, type[ClickModel]] = {
    model.name: model for model in (PBM, Cascade, DCM, SimplifiedDBN, DBN, UBM)
}


def model_class(name: str) -> type[ClickModel]:
    """Return the click model of this name.

    Raises:
        InputError: there is none.

    """
    if name not in MODELS:
        raise InputError(f"there is no click model {name!r}; choose one of {', '.join(MODELS)}")
    return MODELS[name]
