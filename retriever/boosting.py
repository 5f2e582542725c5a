"""Scores of boosted trees, by LightGBM's C library.

Its Python package imports pandas and scikit-learn where they are installed, which would cost each
search from the command line a second or more; scores need the library alone.
"""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ShopError

_FLOAT32 = 0
_RAW_SCORE, _CONTRIBUTIONS = 1, 3
_OPTIONS = b"num_threads=1"


class Trees:
    """A LightGBM model, read from its text. Safe to use from several threads.

    Args:
        text: as LightGBM's `save_model` writes it.

    Raises:
        ShopError: the text is no model.
    """

    def __init__(self, text: str) -> None:
        self._library = _library()
        self._handle = ctypes.c_void_p()
        rounds = ctypes.c_int()
        self._check(
            self._library.LGBM_BoosterLoadModelFromString(
                text.encode(), ctypes.byref(rounds), ctypes.byref(self._handle)
            )
        )
        count = ctypes.c_int()
        self._check(self._library.LGBM_BoosterGetNumFeature(self._handle, ctypes.byref(count)))
        self.features = count.value

    def __del__(self) -> None:
        """Give back the library's memory."""
        if getattr(self, "_handle", None):
            self._library.LGBM_BoosterFree(self._handle)

    def scores(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return the (n,) raw scores of (n, features)."""
        return self._predict(features, _RAW_SCORE, 1)[:, 0]

    def contributions(self, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Return what each feature adds to each score: (n, features + 1), the last for all alike.

        They are SHAP values (Lundberg et al. 2020, "From local explanations to global understanding
        with explainable AI for trees"), which add up to the score.
        """
        return self._predict(features, _CONTRIBUTIONS, self.features + 1)

    def _predict(
        self, features: npt.NDArray[np.float32], kind: int, width: int
    ) -> npt.NDArray[np.float64]:
        rows = np.ascontiguousarray(features, np.float32)
        if rows.ndim != 2 or rows.shape[1] != self.features:
            raise ValueError(f"{self.features} features are wanted, not {rows.shape}")
        made = np.empty((len(rows), width))
        length = ctypes.c_int64()
        if not len(rows):
            return made
        self._check(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                rows.ctypes.data_as(ctypes.c_void_p),
                _FLOAT32,
                ctypes.c_int32(rows.shape[0]),
                ctypes.c_int32(rows.shape[1]),
                1,
                kind,
                0,
                -1,
                _OPTIONS,
                ctypes.byref(length),
                made.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
            )
        )
        return made

    def _check(self, failed: int) -> None:
        if failed:
            why = self._library.LGBM_GetLastError().decode(errors="replace")
            raise ShopError(f"LightGBM cannot use the ranker: {why}")


def boosting_is_installed() -> bool:
    """Tell whether LightGBM's library is there."""
    return _file() is not None


@cache
def _file() -> Path | None:
    spec = find_spec("lightgbm")
    for folder in [] if spec is None else spec.submodule_search_locations or []:
        for pattern in ("lib/lib_lightgbm.*", "bin/lib_lightgbm.*", "lib_lightgbm.*"):
            for file in sorted(Path(folder).glob(pattern)):
                return file
    return None


@cache
def _library() -> Any:
    file = _file()
    if file is None:
        raise ModuleNotFoundError("lightgbm")
    library = ctypes.CDLL(str(file))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library
