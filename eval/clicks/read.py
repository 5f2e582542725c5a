"""Read a click log: a table with a product shown a row, or User Behavior Insights."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from .log import ClickLog, Rejects, collect_log
from .tables import read_table
from .ubi import read_ubi, ubi_files

CLICK_ACTIONS = ("click", "click_through")


def read_click_log(path: Path, *, actions: Collection[str] = CLICK_ACTIONS) -> ClickLog:
    """Read a click log; what cannot be used is rejected and counted.

    A table (CSV, TSV, JSONL, JSON, Parquet, gzipped or not) has one product shown a row, clicked
    or not, in the columns session_id, query, position, product_id, clicked and, if known,
    propensity; `tables.COLUMNS` lists other names of each. A search is one query in one session.
    Its positions must run without gaps from 1, or from 0 where the log holds a position 0.

    OpenSearch's User Behavior Insights (https://github.com/o19s/ubi) is a folder with
    `ubi_queries.jsonl` and `ubi_events.jsonl`, or one of the two files beside the other; `actions`
    are the `action_name`s that are clicks.

    Raises:
        InputError: no such file, a column is missing, or no search can be used.

    """
    files = ubi_files(path)
    if files is not None:
        return read_ubi(*files, actions=actions)
    rejects = Rejects()
    searches = list(read_table(path, rejects))
    return collect_log(searches, rejects.result(), str(path))
