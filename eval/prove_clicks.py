"""What a click log proves of a shop's queries: products that shoppers choose, words they say.

Both are learned on one half of the log's searches and tested on the other: what is kept brings the
products that were clicked there further up, beyond doubt. A ranking that the log did not show is
at a disadvantage in that test, as products are clicked for their place as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log as ln
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import orjson

from ..indexer.lexical.query import Form
from ..indexer.shop import Shop
from ..retriever.clicks import MOST, Associations, write_associations
from ..retriever.rules.base import Synonym
from ..retriever.rules.matching import plain
from ..retriever.rules.steering import Steering
from .clicks.log import ClickLog
from .clicks.store import fit_model
from .clicks.weights import relevance_weights
from .compare import Comparison, compare_values

if TYPE_CHECKING:
    from ..indexer.snapshot import Snapshot
    from ..retriever.retriever import ECommRetriever

LEAST_EXAMINATIONS = 10.0
"""How often shoppers must have looked at a product for its query."""

_TAIL = 0.025  # how probable it is that a product is less attractive than it is taken for
_DEPTH = 10
_MOST_QUERIES = 2_000  # that are searched for in a test, those of most searches
_MOST_SEARCHES = 10_000  # that are compared in a test
_HARDLY_ANY = 2  # products that have a word of the shoppers' own
_LONGEST = 3  # words of what such a word means
_SHARED = 2 / 3  # of the chosen products say it
_LIFT = 5.0  # times as often as others
_MOST_SYNONYMS = 100
_WORD = re.compile(r"\w+")

Rankings = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Proof:
    """What something learned from one half of a log does to the searches of the other.

    Attributes:
        chosen: what was learned, in words.
        before: mean reciprocal rank of the best product clicked, over searches with clicks.
        after: the same with what was learned.
    """

    chosen: str
    before: float
    after: float
    comparison: Comparison

    @property
    def adopted(self) -> bool:
        """Tell whether it is better beyond doubt."""
        return self.comparison.verdict == "better"


@dataclass(frozen=True)
class ClickProofs:
    """What a log proves, or does not.

    Attributes:
        associations: learned from the whole log.
        associated: what those of one half do; None where there are none, or they touch no search.
        synonyms: words of shoppers with what they mean, each with what it does.
    """

    associations: Associations
    associated: Proof | None
    synonyms: Sequence[tuple[Synonym, Proof]]

    @property
    def lines(self) -> str:
        """Return the synonyms that are proved, as `rules.toml` has them; empty without any."""
        entries = [
            f"[[synonyms]]\nfrom = {_quoted(synonym.asked)}\nto = {_quoted(synonym.said)}\n"
            for synonym, proof in self.synonyms
            if proof.adopted
        ]
        return "\n".join(entries)


def _quoted(word: str) -> str:
    return orjson.dumps(word).decode()  # a JSON string is one of TOML


def prove_clicks(shop: ECommRetriever, log: ClickLog, *, seed: int = 0) -> ClickProofs:
    """Learn from a log what it proves of a shop's queries; nothing is written.

    Args:
        shop: an open shop; the associations it has are not looked at.
        log: searches of its shoppers.
        seed: of the cut into halves.

    Raises:
        InputError: the log has a single search.
    """
    log = _normalised(log)
    known, unseen = log.split(0.5, seed)
    learned = learn_associations(known)
    trial = _Trial(shop, unseen, seed)
    associated = None
    if learned:
        nothing = trial.rankings(learned.queries, Associations())
        with_them = trial.rankings(learned.queries, learned)
        pairs = sum(map(len, learned.queries.values()))
        said = f"{pairs:,} products for {len(learned.queries):,} queries"
        associated = trial.compared(nothing, with_them, said)
    return ClickProofs(learn_associations(log), associated, _synonyms(shop, learned, trial))


def keep_associations(folder: str | Path, found: ClickProofs) -> bool:
    """Keep in a shop what shoppers choose, where that is proved; returns whether it was.

    Raises:
        ShopError: others were changing the shop for too long.
    """
    if found.associated is None or not found.associated.adopted:
        return False
    with Shop.existing(folder).writing() as shop:
        write_associations(shop.clicks, found.associations)
    return True


def learn_associations(log: ClickLog) -> Associations:
    """Return the products that shoppers choose for each query, position bias set aside.

    Those are more attractive than what shoppers look at on the whole, beyond doubt: the lower end
    of the 95 % interval of P(click | examined) under DBN is above the mean. It is a beta
    distribution's, with as many trials as there were examinations.
    """
    from scipy.special import betaincinv

    log = _normalised(log)
    weights = relevance_weights(log, fit_model(log).model)
    rates = np.array([each.attractiveness for each in weights.values()])
    trials = np.array([each.examinations for each in weights.values()])
    usual = float(np.average(rates, weights=trials)) if trials.sum() > 0 else 1.0
    # Models are fitted as if each pair had one more trial, at the rate of all.
    low = betaincinv(rates * (trials + 1), (1 - rates) * (trials + 1), _TAIL)
    found: dict[str, dict[str, float]] = {}
    pairs = list(weights)
    for place in np.argsort(-low, kind="stable").tolist():
        query, product = pairs[place]
        sure = trials[place] >= LEAST_EXAMINATIONS and low[place] > usual
        if sure and query and len(found.setdefault(query, {})) < MOST:
            found[query][product] = round(float(low[place]), 4)
    return Associations({query: found[query] for query in sorted(found) if found[query]})


def _normalised(log: ClickLog) -> ClickLog:
    """Return a log in which queries that are compared as equal are one."""
    queries: dict[str, int] = {}
    pairs: dict[tuple[str, str], int] = {}
    query_rows = [queries.setdefault(plain(each), len(queries)) for each in log.queries]
    pair_rows = [pairs.setdefault((plain(q), p), len(pairs)) for q, p in log.pairs]
    outside, nothing = len(pairs), -1  # as the log's items count from the end
    return replace(
        log,
        queries=tuple(queries),
        pairs=tuple(pairs),
        query_rows=np.array(query_rows, np.int64)[log.query_rows],
        items=np.array([*pair_rows, outside, nothing], np.int64)[log.items],
    )


class _Trial:
    """Rankings of a shop, held against what was clicked in searches that nothing is known of."""

    def __init__(self, shop: ECommRetriever, log: ClickLog, seed: int) -> None:
        clicked: npt.NDArray[np.bool_] = np.any(log.clicks, axis=1)
        self._shop, self._log, self._seed = shop, log.select(clicked), seed
        counts = np.bincount(self._log.query_rows, minlength=len(log.queries))
        order = np.argsort(-counts, kind="stable")
        self._queries = [log.queries[place] for place in order.tolist() if counts[place]]

    @property
    def queries(self) -> Sequence[str]:
        """Return the queries that there are clicks for, those of most searches first."""
        return self._queries

    def rankings(
        self,
        queries: Mapping[str, object],
        clicks: Associations,
        steering: Steering | None = None,
    ) -> Rankings:
        """Return the first products of those of some queries that there are searches for."""
        asked = [each for each in self._queries if each in queries][:_MOST_QUERIES]
        found = self._shop.retrieve_many(asked, _DEPTH, clicks=clicks, steering=steering)
        return {
            query: [hit.product_id for hit in each]
            for query, each in zip(asked, found, strict=True)
        }

    def compared(
        self, before: Rankings, after: Rankings, chosen: str, *, tests: int = 1
    ) -> Proof | None:
        """Compare two rankings of the same queries; None where there is no search to tell.

        Args:
            before: query → product ids, best first.
            after: the same.
            chosen: what is tested, in words.
            tests: how many are made, by which the level is divided (Bonferroni).
        """
        log = self._log
        there = np.array([query in before for query in log.queries], np.bool_)
        places = np.flatnonzero(there[log.query_rows])
        if not len(places):
            return None
        if len(places) > _MOST_SEARCHES:
            chooser = np.random.default_rng(self._seed)
            places = np.sort(chooser.choice(places, _MOST_SEARCHES, replace=False))
        values: list[dict[str, float]] = [{}, {}]
        for place in places.tolist():
            query = log.queries[log.query_rows[place]]
            items = log.items[place][log.clicks[place]].tolist()
            clicked = {log.pairs[item][1] for item in items if 0 <= item < len(log.pairs)}
            for value, rankings in zip(values, (before, after), strict=True):
                value[str(place)] = _reciprocal_rank(rankings[query], clicked)
        comparison = compare_values(
            values[0], values[1], measure="RR@10", alpha=0.05 / tests, seed=self._seed
        )
        first, then = (float(np.mean(list(value.values()))) for value in values)
        return Proof(chosen, first, then, comparison)


def _reciprocal_rank(ranking: Sequence[str], clicked: set[str]) -> float:
    return next((1 / rank for rank, each in enumerate(ranking, 1) if each in clicked), 0.0)


# -- words of the shoppers' own ------------------------------------------------------------


def _synonyms(
    shop: ECommRetriever, learned: Associations, trial: _Trial
) -> list[tuple[Synonym, Proof]]:
    """Return what shoppers' own words seem to mean, and what that does to other searches."""
    steering, none = shop.steering(), Associations()
    proposed = list(_proposed(learned, shop.snapshot()))[:_MOST_SYNONYMS]
    found = []
    for synonym in proposed:
        queries = {each: None for each in trial.queries if synonym.asked in each.split()}
        rules = replace(steering.rules, synonyms=(*steering.rules.synonyms, synonym))
        proof = trial.compared(
            trial.rankings(queries, none, steering),
            trial.rankings(queries, none, Steering(rules, shop.snapshot())),
            f"{synonym.asked} = {synonym.said}",
            tests=len(proposed),
        )
        if proof is not None:
            found.append((synonym, proof))
    return found


def _proposed(learned: Associations, snapshot: Snapshot) -> Iterator[Synonym]:
    """Yield each word that hardly any product has, with what the chosen products' titles share."""
    asked: dict[str, list[str]] = {}
    for query in learned.queries:
        for word in dict.fromkeys(query.split()):
            asked.setdefault(word, []).append(query)
    for word, queries in asked.items():
        terms = _terms(word, snapshot)
        if not word.isprintable() or not terms:
            continue
        if len(snapshot.lexical.having([Form(terms)])) > _HARDLY_ANY:
            continue
        titles: dict[int, str] = {}
        sure: dict[int, float] = {}
        for query in queries:
            chosen = learned.of(query, snapshot)
            products = snapshot.products.get_rows(chosen.rows.tolist())
            for row, score, product in zip(
                chosen.rows.tolist(), chosen.scores.tolist(), products, strict=True
            ):
                if product is not None:
                    titles[row] = product.title
                    sure[row] = sure.get(row, 0.0) + score
        said = _shared(titles, sure, _terms(" ".join(queries), snapshot), snapshot)
        if said:
            yield Synonym(word, said, line=0)


def _shared(
    titles: Mapping[int, str],
    sure: Mapping[int, float],
    typed: Sequence[str],
    snapshot: Snapshot,
) -> str:
    """Return the words in a row that most titles have and few others; empty where there are none.

    Args:
        titles: by row, of the chosen products.
        sure: by row, how sure it is that they are chosen.
        typed: terms of the queries, which say nothing new.
        snapshot: the generation.
    """
    if len(titles) < 2:  # all words of a single title are alike
        return ""
    written: dict[tuple[str, ...], str] = {}
    having: dict[tuple[str, ...], set[int]] = {}
    for row, title in titles.items():
        words = _WORD.findall(plain(title))
        for length in range(1, _LONGEST + 1):
            for begin in range(len(words) - length + 1):
                text = " ".join(words[begin : begin + length])
                terms = _terms(text, snapshot)
                if len(terms) == length and not set(terms) & set(typed):
                    written.setdefault(terms, text)
                    having.setdefault(terms, set()).add(row)
    best, said = (0.0, 0), ""
    everything, whole = len(snapshot.lexical), sum(sure.values())
    for terms, rows in having.items():
        share = sum(sure[row] for row in rows) / whole
        if share < _SHARED or len(rows) < 2:
            continue
        there = len(snapshot.lexical.having([Form(terms)], fields=("title",)))
        lift = share * everything / max(there, len(rows))
        worth = (share * ln(lift), len(terms)) if lift >= _LIFT else (0.0, 0)
        if worth >= best and worth > (0.0, 0):
            best, said = worth, written[terms]
    return said


def _terms(text: str, snapshot: Snapshot) -> tuple[str, ...]:
    return tuple(term for word in snapshot.lexical.words(text) for term in word.terms)
