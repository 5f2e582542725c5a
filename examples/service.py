"""A FastAPI service around a shop: search, and price changes that the next search sees.

    pip install fastapi uvicorn
    dsv3 index sample_data/catalogue.jsonl --into shop.dsv3
    SHOP=shop.dsv3 uvicorn --app-dir examples service:app
    curl 'http://127.0.0.1:8000/products?q=wireless+mouse&where=price+<+30'

`dsv3 serve` is a ready service of its own; this one shows how to put a shop into yours. Whoever can
reach `PUT /products/…/price` can change prices: put your authentication before it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Annotated

from dsv3 import ECommRetriever
from dsv3.errors import Dsv3Error, InputError
from fastapi import Body, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel


class Item(BaseModel):
    """What a shopper sees of a product."""

    product_id: str
    title: str
    price: float | None
    score: float


class Page(BaseModel):
    """One page of products, and how many there are."""

    total: int
    items: list[Item]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the shop open while the service runs; reads may share it between threads."""
    with ECommRetriever.open(os.environ.get("SHOP", "shop.dsv3")) as shop:
        shop.retrieve("warm up", k=1)  # the encoder is loaded by the first query
        app.state.shop = shop
        yield


app = FastAPI(title="A shop", lifespan=lifespan)


@app.exception_handler(Dsv3Error)
def explain(_request: Request, error: Exception) -> JSONResponse:
    """Answer 400 to what the client can put right, such as a filter, and 503 to all else."""
    return JSONResponse({"error": str(error)}, 400 if isinstance(error, InputError) else 503)


# Functions without `async` run in FastAPI's threads, where a search may take its time.
@app.get("/products")
def search(
    request: Request,
    q: str,
    where: str | None = None,
    k: Annotated[int, Query(ge=1, le=100)] = 10,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> Page:
    """Search the shop."""
    results = request.app.state.shop.retrieve(q, k=k, where=where, offset=offset)
    return Page(
        total=results.total,
        items=[
            Item(
                product_id=hit.product_id,
                title=hit.product.title,
                price=hit.product.price,
                score=hit.score,
            )
            for hit in results
        ],
    )


@app.put("/products/{product_id}/price", status_code=204)
def set_price(
    request: Request, product_id: str, price: Annotated[float, Body(embed=True, ge=0)]
) -> None:
    """Change one price; the catalog, the filters and the next search know it."""
    shop = request.app.state.shop
    (product,) = shop.catalog.get([product_id])
    if product is None:
        raise HTTPException(404, f"no product {product_id}")
    shop.upsert([replace(product, price=price)])
