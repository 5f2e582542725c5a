"""Rules at work: those of one file on the products of one generation."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import numpy as np

from ...errors import FilterError
from ...indexer.candidates import NO_ROWS, Candidates, FloatVector, RowArray
from ...indexer.columns.base import BoolArray
from ...indexer.snapshot import Snapshot
from ..filters.rows import passing_rows
from .base import Fault, Products, Rule, Rules
from .matching import Matcher, Terms
from .synonyms import Synonyms

_BOOST = 3.0
_BOUND_KEPT = 256
_MASKS_KEPT = 16


@dataclass(frozen=True, slots=True)
class Bound:
    """A rule with the rows it is about."""

    rule: Rule
    pins: tuple[tuple[int, int], ...] = ()
    hidden: RowArray = field(default_factory=lambda: NO_ROWS)
    boosted: RowArray = field(default_factory=lambda: NO_ROWS)
    buried: RowArray = field(default_factory=lambda: NO_ROWS)


@dataclass(frozen=True, slots=True)
class Steered:
    """What the rules do to one query.

    Attributes:
        rules: those in force, in the file's order.
        visible: by row, whether a product is found; None where none is hidden.
        pins: (position from 1, row), no row twice; of several for one position each goes behind
            the last.
    """

    rules: tuple[Bound, ...] = ()
    visible: BoolArray | None = None
    pins: tuple[tuple[int, int], ...] = ()

    @property
    def orders(self) -> bool:
        """Tell whether products stand elsewhere than their scores say."""
        return bool(self.pins) or any(len(r.boosted) or len(r.buried) for r in self.rules)

    def ordered(self, ranking: Candidates, first: int) -> Candidates:
        """Return a ranking with what is boosted further up and what is buried further down.

        A product at place n stands as if it were at n divided by what boosts it, whatever scores
        are like; the first few stay where they are.
        """
        places = np.arange(1, len(ranking) + 1, dtype=np.float64)
        for each in self.rules:
            factor = each.rule.by or _BOOST
            places[np.isin(ranking.rows, each.boosted)] /= factor
            places[np.isin(ranking.rows, each.buried)] *= each.rule.by or len(ranking) + 1
        places[:first] = 0
        order = np.argsort(places, kind="stable")
        return Candidates(ranking.rows[order], ranking.scores[order])

    def pins_first(self, ranking: Candidates, passing: BoolArray | None) -> Candidates:
        """Return a ranking with what is pinned and passes a filter before all others."""
        rows = np.array([row for _, row in self.pins], np.int64)
        if passing is not None:
            rows = rows[passing[rows]]
        pinned_scores = _scores_of(rows, ranking)
        others = ranking.where(~np.isin(ranking.rows, rows))
        return Candidates(
            np.concatenate([rows, others.rows]), np.concatenate([pinned_scores, others.scores])
        )

    def placed(self, ranking: Candidates) -> Candidates:
        """Return a ranking with what is pinned at its positions, or last where it is shorter.

        Of what is pinned, the ranking has what is there, before all others.
        """
        known = set(ranking.rows[: len(self.pins)].tolist())
        taken: dict[int, int] = {}
        for position, row in self.pins:
            while position in taken:
                position += 1
            if row in known:
                taken[position] = row
        pins = sorted(taken.items())
        pinned = np.isin(ranking.rows, [row for _, row in pins])
        scores = dict(
            zip(ranking.rows[pinned].tolist(), ranking.scores[pinned].tolist(), strict=True)
        )
        others = ranking.where(~pinned)
        end = pins[-1][0] if pins else 0
        rows, held = others.rows[:end].tolist(), others.scores[:end].tolist()
        for position, row in pins:
            rows.insert(position - 1, row)
            held.insert(position - 1, scores[row])
        return Candidates(
            np.concatenate([np.array(rows, np.int64), others.rows[end:]]),
            np.concatenate([np.array(held, np.float32), others.scores[end:]]),
        )

    def told(self, *, ordered: bool) -> str:
        """Say which rules are in force and what they do."""
        said = "; ".join(_did(each) for each in self.rules)
        return said if ordered or not self.orders else f"{said}; not pinned or moved under sort"

    def told_of(self, row: int) -> tuple[str, ...]:
        """Say what the rules do to one product, those that do nothing to it left out."""
        said = []
        for each in self.rules:
            if any(pinned == row for _, pinned in each.pins):
                said.append(f"pinned by {each.rule}")
            elif row in each.boosted:
                said.append(f"boosted by {each.rule}")
            if row in each.buried:
                said.append(f"buried by {each.rule}")
        return tuple(said)


class Steering:
    """Rules of one file on one generation. Safe to use from several threads.

    Args:
        rules: of the file.
        snapshot: the generation.
    """

    def __init__(self, rules: Rules, snapshot: Snapshot) -> None:
        self.rules = rules
        self.snapshot = snapshot
        self._matcher = Matcher(rules.rules, self._terms)
        self.synonyms = Synonyms(rules.synonyms, self._terms)
        self._unusable: dict[int, Fault] = {}
        self._bound = lru_cache(_BOUND_KEPT)(self._bind)
        self._visible = lru_cache(_MASKS_KEPT)(self._mask)

    @property
    def faults(self) -> list[Fault]:
        """Return what of the file is not used, as far as it was needed."""
        return [*self.rules.faults, *self._unusable.values()]

    def warning(self) -> str:
        """Return the faults in one line; empty where there is none."""
        faults = self.faults
        if not faults:
            return ""
        more = f" and {len(faults) - 1:,} more" if len(faults) > 1 else ""
        return f"{faults[0]}{more}; not applied; see all with: dsv3 rules check"

    def of(self, text: str, *, prefix: bool = False, at: datetime | None = None) -> Steered:
        """Return what the rules do to a query.

        Args:
            text: what was typed; a rule for what it is corrected to is for it, too.
            prefix: whether the last word may be unfinished.
            at: moment at which dated rules are looked at; None is now.
        """
        texts = [text]
        if text:
            texts.append(self.snapshot.lexical.spelling_corrected(text, prefix=prefix))
        numbers = self._matcher.of(texts)
        if not numbers:
            return Steered()
        now = at or datetime.now().astimezone()
        numbers = [n for n in numbers if self.rules.rules[n].holds(now)]
        bound = [(n, each) for n in numbers if (each := self._bound(n)) is not None]
        hiding = tuple(n for n, each in bound if len(each.hidden))
        visible = self._visible(hiding) if hiding else None
        pins: dict[int, int] = {}
        for _, each in bound:
            for position, row in each.pins:
                pins.setdefault(row, position)
        in_order = tuple((position, row) for row, position in pins.items())
        return Steered(tuple(each for _, each in bound), visible, in_order)

    def check(self) -> list[Fault]:
        """Look at all rules, those out of date too; returns ids of which there is no product."""
        missing = []
        for number, rule in enumerate(self.rules.rules):
            self._bound(number)
            sets = (rule.hidden, rule.boosted, rule.buried)
            ids = [*(i for _, i in rule.pins), *(i for each in sets if each for i in each.ids)]
            missing += [
                Fault(rule.line, f"there is no product {product_id!r}")
                for product_id in dict.fromkeys(ids)
                if self._row(product_id) is None
            ]
        return missing

    def _bind(self, number: int) -> Bound | None:
        """Find the rows that a rule is about; None, and a fault, where a condition is wrong."""
        rule = self.rules.rules[number]
        try:
            return Bound(
                rule,
                tuple((at, row) for at, i in rule.pins if (row := self._row(i)) is not None),
                self._rows(rule.hidden),
                self._rows(rule.boosted),
                self._rows(rule.buried),
            )
        except FilterError as error:
            self._unusable[number] = Fault(rule.line, str(error))
            return None

    def _rows(self, products: Products | None) -> RowArray:
        if products is None:
            return NO_ROWS
        if products.where is not None:
            return np.flatnonzero(passing_rows(products.where, self.snapshot.columns))
        rows = [row for each in products.ids if (row := self._row(each)) is not None]
        return np.array(rows, np.int64)

    def _row(self, product_id: str) -> int | None:
        rows = self.snapshot.lexical.find_code(product_id).tolist()
        products = self.snapshot.products.get_rows(rows)
        same = (r for r, p in zip(rows, products, strict=True) if p and p.product_id == product_id)
        return next(same, None)

    def _mask(self, hiding: tuple[int, ...]) -> BoolArray:
        columns = self.snapshot.columns
        mask = columns.mask(columns.live_rows)
        for number in hiding:
            if (each := self._bound(number)) is not None:
                mask[each.hidden] = False
        return mask

    def _terms(self, text: str) -> Terms:
        return tuple(term for word in self.snapshot.lexical.words(text) for term in word.terms)


def _scores_of(rows: RowArray, ranking: Candidates) -> FloatVector:
    """Return the scores that rows have in a ranking; 0 for those that are not in it."""
    scores = np.zeros(len(rows), np.float32)
    for place, row in enumerate(rows.tolist()):
        found = ranking.scores[ranking.rows == row]
        scores[place] = found[0] if len(found) else 0
    return scores


def _did(bound: Bound) -> str:
    done = [
        f"{count:,} {what}"
        for what, count in (
            ("pinned", len(bound.pins)),
            ("hidden", len(bound.hidden)),
            ("boosted", len(bound.boosted)),
            ("buried", len(bound.buried)),
        )
        if count
    ]
    return f"{bound.rule}: {', '.join(done) or 'none of its products is there'}"
