"""Answer one query in this process with dsv3, and print how long each stage took.

`dsv3_stages.py SHOP QUERY BEGAN`, where BEGAN is time.monotonic() of whoever starts it. The
steps are those of `dsv3 search`, one after the other; encoding's are done apart so that each
has a time.
"""

from __future__ import annotations

import time

_STARTED = time.monotonic()

import io  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402


def main(shop: str, query: str, began: str) -> None:
    """Print one object: seconds by stage, and the system's own account of the search."""
    stages = {"interpreter": _STARTED - float(began)}
    last = _STARTED

    def note(stage: str) -> None:
        nonlocal last
        now = time.monotonic()
        stages[stage] = now - last
        last = now

    from dsv3.cli import app, searching  # noqa: F401 - what the command imports

    note("command line imports")
    from dsv3.retriever.retriever import ECommRetriever

    note("retriever imports")
    with ECommRetriever.open(shop) as retriever:
        note("open the shop")
        encoder = retriever.encoder
        note("load the encoder")
        encoder.count_tokens([query])
        encoder.encode_queries([query])
        note("compile and encode")
        results = retriever.retrieve(query, 10)
        note("search and read products")
    from dsv3.cli.console import console
    from dsv3.cli.render import show_results

    kept, sys.stdout = sys.stdout, io.StringIO()
    show_results(console(), query, results, offset=0, explain=False)
    sys.stdout = kept
    note("print")
    print(json.dumps({"stages": stages, "took_ms": dict(results.took), "ended": time.monotonic()}))


if __name__ == "__main__":
    main(*sys.argv[1:4])
