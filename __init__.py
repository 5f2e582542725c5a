"""Product search for shops.

>>> from dsv3 import ECommRetriever
>>> with ECommRetriever.open("shop.dsv3") as shop:
...     for hit in shop.retrieve("wireless mouse", k=3):
...         print(hit.rank, hit.score, hit.product.title)

Importing this package is cheap: neither torch nor faiss is loaded until a name that needs
them is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import threads

threads.set_defaults()

if TYPE_CHECKING:
    from .encoder.base import Encoder
    from .encoder.load import load_encoder
    from .errors import Dsv3Error
    from .indexer.catalog import Catalog
    from .indexer.product import Product
    from .retriever.results import Hit, Results
    from .retriever.retriever import ECommRetriever

__version__ = "0.1.0"

__all__ = [
    "Catalog",
    "Dsv3Error",
    "ECommRetriever",
    "Encoder",
    "Hit",
    "Product",
    "Results",
    "__version__",
    "load_encoder",
]

_HOMES = {
    "Catalog": ".indexer.catalog",
    "Dsv3Error": ".errors",
    "ECommRetriever": ".retriever.retriever",
    "Encoder": ".encoder.base",
    "Hit": ".retriever.results",
    "Product": ".indexer.product",
    "Results": ".retriever.results",
    "load_encoder": ".encoder.load",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
