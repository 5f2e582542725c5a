"""Change a shop in any order, killed here and there: it answers as one built anew."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from dsv3 import ECommRetriever
from dsv3.errors import Dsv3Error
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from .conftest import Worker, assert_agree, one_line
from .worker import Answers, answers

QUICK = int(os.environ.get("DSV3_TEST_STATES", "3"))
"""Ways through the states in the quick tests; the slow ones go thirty times as many."""

IDS = tuple(f"p{n}" for n in range(8))
FIELDS = ("product_id", "title", "brand", "price", "in_stock", "colour", "weight")
products = st.lists(
    st.tuples(
        st.sampled_from(IDS),
        st.sampled_from(("oak table", "red lamp", "comfortable chair", "blue lampshade of oak")),
        st.sampled_from(("Alba", "Bruno")),
        st.sampled_from((9.5, 20.0, 55.0)),
        st.booleans(),
        st.sampled_from(("red", "blue")),
        st.sampled_from((1.0, 4.5)),
    ).map(lambda values: dict(zip(FIELDS, values, strict=True))),
    min_size=1,
    max_size=6,
    unique_by=lambda product: product["product_id"],
)
# The call on the shop's files at which a change is killed; most changes make 60 to 250.
deaths = st.one_of(st.just(0), st.integers(1, 250))
dims = st.sampled_from((16, 24, 32))

State = tuple[dict[str, dict[str, Any]], str]


def as_product(fields: dict[str, Any]) -> dict[str, Any]:
    known = {name: fields[name] for name in FIELDS[:5]}
    return known | {"attributes": {name: fields[name] for name in FIELDS[5:]}}


class Changes(RuleBasedStateMachine):
    """Keep, beside a shop, what was committed and the states that it may serve."""

    worker: Worker

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(dir=self.worker.folder)).resolve()
        self.shop = self.folder / "shop.dsv3"
        self.order: list[str] = []  # ids by row: a product keeps its place when it comes back
        self.committed: State = {}, "hashing:32"
        self.served: State | None = None
        self.staying: ECommRetriever | None = None
        self.expected: dict[str, Answers] = {}
        self.other: Answers = []

    # -- changes ---------------------------------------------------------------------------

    @rule(given=products, die_at=deaths, sync=st.booleans())
    def index(self, given: list[dict[str, Any]], die_at: int, sync: bool) -> None:
        source = self.folder / "source.jsonl"
        source.write_text("\n".join(map(json.dumps, given)) + "\n")
        kept = {} if sync else self.committed[0]
        arguments = {"sources": [source], "sync": sync, "changes": {"encoder": self.committed[1]}}
        arrived = kept | {product["product_id"]: product for product in given}
        self._change("index", arguments, (arrived, self.committed[1]), given, die_at)

    @rule(given=products, die_at=deaths)
    def upsert(self, given: list[dict[str, Any]], die_at: int) -> None:
        if self.served is not None:
            arrived = self.committed[0] | {product["product_id"]: product for product in given}
            arguments = {"products": [as_product(product) for product in given]}
            self._change("upsert", arguments, (arrived, self.committed[1]), given, die_at)

    @rule(ids=st.lists(st.sampled_from(IDS), min_size=1, max_size=3), die_at=deaths)
    def delete(self, ids: list[str], die_at: int) -> None:
        if self.served is not None:
            left = {name: p for name, p in self.committed[0].items() if name not in ids}
            self._change("delete", {"ids": ids}, (left, self.committed[1]), [], die_at)

    @rule(dim=dims, die_at=deaths)
    def change_encoder(self, dim: int, die_at: int) -> None:
        if self.served is not None:
            arguments = {"changes": {"encoder": f"hashing:{dim}"}}
            after = self.committed[0], f"hashing:{dim}"
            self._change("index", arguments, after, [], die_at)

    @rule()
    def catch_up(self) -> None:
        if self.served is not None:
            self._change("index", {}, self.committed, [], 0)

    # -- faults ----------------------------------------------------------------------------

    @rule()
    def lose_the_catalog(self) -> None:
        """Nothing is changed and nothing made while it is gone; what was served still is."""
        if self.served is None:
            return
        away = self.folder / "away"
        away.mkdir()
        for file in self.shop.glob("catalog.sqlite*"):
            file.rename(away / file.name)
        for task, arguments in (("index", {"rebuild": True}), ("delete", {"ids": IDS})):
            refused = self.worker.do(task, shop=self.shop, **arguments)
            assert refused["status"] == "refused", refused
            assert one_line(refused["said"])
            assert "--adopt-catalog" in refused["said"]
        assert not list(self.shop.glob("catalog.sqlite*"))
        self._see([self.served])
        for file in away.iterdir():
            file.rename(self.shop / file.name)
        away.rmdir()

    @rule()
    def lose_the_cache(self) -> None:
        """What it lacks is encoded again by whatever needs it."""
        for file in self.shop.glob("embeddings.sqlite*"):
            file.unlink()
        if self.served is not None:
            self._see([self.served])

    @rule()
    def lose_what_names_the_generation(self) -> None:
        if self.served is not None:
            (self.shop / "CURRENT").unlink()
            with ECommRetriever.open(self.shop) as coming:
                assert "CURRENT is gone" in str(coming.snapshot().warning)
            self._change("index", {}, self.committed, [], 0)

    @rule()
    def swap_the_folder(self) -> None:
        """Both readers see the other shop, and then this one again."""
        if self.staying is None or self.served is None:
            return
        other, away = self.folder / "other.dsv3", self.folder / "away.dsv3"
        if not other.exists():
            product = {"product_id": "other", "title": "red oak lamp", "brand": "Olga"}
            self.other = self.worker.value(
                "built_of", to=other, products=[product], encoder="hashing:32"
            )
        self.shop.rename(away)
        other.rename(self.shop)
        with ECommRetriever.open(self.shop) as coming:
            assert answers(self.staying) == answers(coming) == self.other
        self.shop.rename(other)
        away.rename(self.shop)
        self._see([self.served])

    def _change(
        self,
        task: str,
        arguments: dict[str, Any],
        after: State,
        given: list[dict[str, Any]],
        die_at: int,
    ) -> None:
        before = self.served
        found = self.worker.do(task, die_at=die_at, shop=self.shop, **arguments)
        assert found["status"] in ("done", "died"), found
        if found["status"] == "done":
            self._commit(after, given)
            self.served = self.committed
            self._see([self.committed])
            return
        self._find_out(after, given)
        published = self.committed[0], after[1]  # settings are kept after that
        self._see([state for state in (before, self.committed, published) if state is not None])

    def _commit(self, after: State, given: list[dict[str, Any]]) -> None:
        self.committed = after
        self.order += [p["product_id"] for p in given if p["product_id"] not in self.order]

    def _find_out(self, after: State, given: list[dict[str, Any]]) -> None:
        """See what was committed before the kill: each transaction wholly or not at all."""
        stored = self.worker.do("stored", shop=self.shop)
        if stored["status"] == "refused":
            assert not self.committed[0], stored
            return
        found = {p["product_id"]: plain(p) for p in stored["value"]}
        updated = self.committed[0] | {p["product_id"]: p for p in given}
        states = (self.committed[0], updated, after[0])  # a sync deletes when all is read
        matching = [state for state in states if state == found]
        assert matching, (found, states)
        self._commit((matching[0], self.committed[1]), given if matching[0] else [])
        settings = self.worker.do("inspect", folder=self.shop)
        if settings["status"] == "done":
            self.committed = matching[0], settings["value"]["settings"]["encoder"]

    # -- what is seen ----------------------------------------------------------------------

    def _see(self, allowed: list[State]) -> None:
        """See that a reader that stayed and one that comes anew agree with an allowed state."""
        if self.staying is None:
            opened = self._opened()
            if opened is None:
                assert self.served is None
                return
            self.staying = opened
        with ECommRetriever.open(self.shop) as coming:
            found = answers(coming)
        assert answers(self.staying) == found
        for state in allowed:
            try:
                assert_agree(found, self._expected(state), within=1.0)
            except AssertionError:
                if state is allowed[-1]:
                    raise
            else:
                self.served = state
                return

    def _opened(self) -> ECommRetriever | None:
        """Open the shop; None where it is refused."""
        try:
            return ECommRetriever.open(self.shop)
        except Dsv3Error:
            return None

    def _expected(self, state: State) -> Answers:
        """Return what a shop answers that is built anew of a state."""
        ordered = [as_product(state[0][name]) for name in self.order if name in state[0]]
        key = json.dumps([ordered, state[1]])
        if key not in self.expected:
            to = self.folder / "anew.dsv3"
            shutil.rmtree(to, ignore_errors=True)
            self.expected[key] = self.worker.value(
                "built_of", to=to, products=ordered, encoder=state[1]
            )
        return self.expected[key]

    def teardown(self) -> None:
        if self.served is not None:
            self.worker.value("index", shop=self.shop, rebuild=True)
            with ECommRetriever.open(self.shop) as coming:
                assert answers(coming) == self._expected(self.committed)
            assert self.worker.value("inspect", folder=self.shop, check=True)["problems"] == []
        if self.staying is not None:
            self.staying.close()
        shutil.rmtree(self.folder)


def plain(product: dict[str, Any]) -> dict[str, Any]:
    known = {name: product[name] for name in FIELDS[:5]}
    return {**known, **product["attributes"]}


@pytest.mark.parametrize(
    ("ways", "steps"),
    [(QUICK, 8), pytest.param(30 * QUICK, 20, marks=pytest.mark.slow)],
    ids=["few", "many"],
)
def test_a_shop_answers_as_one_built_anew_of_what_was_committed(
    ways: int, steps: int, worker: Worker
) -> None:
    Changes.worker = worker
    run_state_machine_as_test(
        Changes,
        settings=settings(
            max_examples=ways,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
