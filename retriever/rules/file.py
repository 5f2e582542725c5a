"""The shop's `rules.toml`, read again when it changes."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from ...files import identity, named
from .base import Fault, Rules
from .read import read_rules

_MOST_LOGGED = 10
_MOST_BYTES = 16 << 20
_log = logging.getLogger(__name__)

_State = tuple[int, int, int, int] | None


class RulesFile:
    """Gives what a file says now; looking costs one call of `stat`.

    Where nothing of it can be used, what it said before holds on, with the fault: nobody's search
    stops for it. Faults of what is read again are logged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: _State = identity(self._path)
        self._rules = load_rules(self._path)

    def read(self) -> Rules:
        """Return the rules; the same object until the file changes."""
        state = identity(self._path)
        if state != self._state:
            rules = load_rules(self._path)
            if rules.faults and not (rules or rules.expectations):
                rules = replace(self._rules, faults=rules.faults)
            for fault in rules.faults[:_MOST_LOGGED]:
                _log.warning("%s, %s", self._path, fault)
            self._rules, self._state = rules, state
        return self._rules


def load_rules(path: Path) -> Rules:
    """Read a file; none is no rules, and one that may not be read is a fault."""
    if path.exists() and not path.is_file():
        return Rules(faults=(Fault(None, "is no file"),))
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return Rules()
    except OSError as error:
        return Rules(faults=(Fault(None, f"cannot be read: {named(error.strerror or error)}"),))
    if len(content) > _MOST_BYTES:
        return Rules(faults=(Fault(None, f"is larger than {_MOST_BYTES >> 20} MiB"),))
    return read_rules(content)
