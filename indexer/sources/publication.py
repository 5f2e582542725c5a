"""Columns that say in a word whether a product is for sale, whatever system wrote them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .layout import as_word
from .names import fold_name
from .records import RawRecord

_STATUS = frozenset({"status", "productstatus", "publicationstatus", "publishstatus", "visibility"})
_TRUE_IS_ON = frozenset(
    {
        "published", "ispublished", "active", "isactive", "enabled", "isenabled", "visible",
        "isvisible", "online", "isonline", "productactive", "aktiv", "actif", "activo", "attivo",
        "actief", "sichtbar", "veroffentlicht", "publie", "publicado", "pubblicato",
    }
)  # fmt: skip
_TRUE_IS_OFF = {
    "deleted": "deleted", "isdeleted": "deleted", "archived": "archived", "isarchived": "archived",
    "hidden": "hidden", "ishidden": "hidden", "disabled": "disabled", "isdisabled": "disabled",
    "draft": "draft", "isdraft": "draft",
}  # fmt: skip
_ON_WORDS = frozenset(
    {
        "active", "published", "publish", "enabled", "visible", "public", "online", "live",
        "aktiv", "actif", "activo", "attivo", "actief", "both", "catalog, search",
        "catalog", "search", "everywhere",
    }
)  # fmt: skip
_OFF_WORDS = {
    "draft": "draft", "entwurf": "draft", "brouillon": "draft", "borrador": "draft",
    "bozza": "draft", "concept": "draft", "utkast": "draft", "pending": "draft",
    "archived": "archived", "archiviert": "archived",
    "archivado": "archived", "inactive": "inactive", "inaktiv": "inactive",
    "inactif": "inactive", "inactivo": "inactive", "inattivo": "inactive", "inactief": "inactive",
    "deactivated": "inactive", "disabled": "disabled", "unpublished": "not published",
    "not published": "not published", "private": "private", "hidden": "hidden",
    "invisible": "hidden", "not visible": "hidden", "not visible individually": "hidden",
    "unlisted": "hidden", "deleted": "deleted", "trash": "deleted", "offline": "not published",
}  # fmt: skip
_TRUE = frozenset({"true", "1", "yes", "y", "t", "ja", "j", "oui", "si", "s\xed"})
_FALSE = frozenset({"false", "0", "no", "n", "f", "nein", "non", "nee", "nej", "-1"})


@dataclass(frozen=True, slots=True)
class StatusColumn:
    """A column and the folded values that mean a product is not for sale, each with why."""

    name: str
    reasons: Mapping[str, str]

    def why(self, fields: Mapping[str, object]) -> str:
        """Return why a record's product is not for sale; "" where it is."""
        value = fields.get(self.name)
        return "" if value is None else self.reasons.get(as_word(value).casefold(), "")


def status_columns(records: Sequence[RawRecord]) -> list[StatusColumn]:
    """Return the columns whose name and every value seen say whether a product is for sale.

    A column of that name with any other value, such as "status: on loan", says something else.
    """
    seen: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.fields.items():
            folded = fold_name(name)
            if folded in _STATUS or folded in _TRUE_IS_ON or folded in _TRUE_IS_OFF:
                nested = isinstance(value, list | dict)
                seen.setdefault(name, set()).add("?" if nested else as_word(value).casefold())
    columns = []
    for name, words in seen.items():
        on, off = _meanings(fold_name(name))
        if words - {""} and words <= on | set(off) | {""}:
            columns.append(StatusColumn(name, off))
    return columns


def _meanings(folded: str) -> tuple[frozenset[str], dict[str, str]]:
    if folded in _TRUE_IS_OFF:
        return _FALSE, dict.fromkeys(_TRUE, _TRUE_IS_OFF[folded])
    if folded in _TRUE_IS_ON:
        return _ON_WORDS | _TRUE, {**_OFF_WORDS, **dict.fromkeys(_FALSE, "not published")}
    return _ON_WORDS, _OFF_WORDS
