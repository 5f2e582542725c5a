"""Columns that say in a word whether a product is for sale, whatever system wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .layout import as_word
from .names import fold_name, without_accents

_STATUS = frozenset(
    {
        "status", "productstatus", "publicationstatus", "publishstatus", "itemstatus",
        "listingstatus", "visibility", "artikelstatus", "produktstatus", "sichtbarkeit", "statut",
        "visibilite", "visibilidad", "visibilita", "zichtbaarheid", "synlighet",
    }
)  # fmt: skip
_TRUE_IS_ON = frozenset(
    {
        "published", "ispublished", "active", "isactive", "enabled", "isenabled", "visible",
        "isvisible", "online", "isonline", "productactive", "aktiv", "actif", "activo", "attivo",
        "actief", "sichtbar", "veroffentlicht", "publie", "publicado", "pubblicato",
        "gepubliceerd", "publicerad", "zichtbaar", "synlig", "visibile",
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
        "both", "catalog", "search", "catalog, search", "catalog and search", "catalog only",
        "search only", "everywhere",
        "search results only", "shop", "shop only", "shop and search results",
        "available", "listed", "activated", "on",
        "aktiv", "aktiviert", "sichtbar", "veroffentlicht", "offentlich", "freigegeben",
        "actif", "publie", "en ligne", "activo", "activado", "publicado", "en linea",
        "attivo", "attivato", "pubblicato", "visibile", "actief", "ingeschakeld", "gepubliceerd",
        "zichtbaar", "aktiverad", "publicerad", "synlig",
    }
)  # fmt: skip
_OFF_WORDS = {
    word: why
    for why, words in {
        "draft": "draft, entwurf, brouillon, borrador, bozza, concept, utkast, pending, "
        "pending review, auto-draft",
        "archived": "archived, archive, archiviert, archivado, archiviato, gearchiveerd, arkiverad",
        "inactive": "inactive, inaktiv, inactif, inactivo, inattivo, inactief, deactivated, "
        "deaktiviert, gesperrt, desactive, desactivado, disattivato, disattivo, gedeactiveerd, "
        "avaktiverad, inaktiverad, nicht aktiv, not active, non actif, no activo, non attivo, "
        "niet actief, ej aktiv",
        "disabled": "disabled, deshabilitado, disabilitato, uitgeschakeld",
        "not published": "unpublished, not published, offline, nicht veroffentlicht, "
        "unveroffentlicht, non publie, depublie, hors ligne, no publicado, non pubblicato, "
        "niet gepubliceerd, ej publicerad, opublicerad, off",
        "private": "private, privat, prive, privado, privato",
        "hidden": "hidden, invisible, not visible, not visible individually, unlisted, "
        "versteckt, verborgen, unsichtbar, nicht sichtbar, masque, cache, non visible, oculto, "
        "no visible, nascosto, non visibile, niet zichtbaar, dold, ej synlig",
        "deleted": "deleted, trash, geloscht, supprime, eliminado, eliminato, verwijderd, "
        "raderad, borttagen",
    }.items()
    for word in words.split(", ")
}
_TRUE = frozenset({"true", "1", "yes", "y", "t", "ja", "j", "oui", "si"})
_FALSE = frozenset({"false", "0", "no", "n", "f", "nein", "non", "nee", "nej", "-1"})


_NUMBER = re.compile(r"[0-9.,]+")


@dataclass(frozen=True, slots=True)
class StatusColumn:
    """A column and what its folded values mean.

    Attributes:
        name: as the source has it.
        on: values with which a product is for sale.
        reasons: values with which it is not, each with why.
    """

    name: str
    on: frozenset[str]
    reasons: Mapping[str, str]

    def why(self, fields: Mapping[str, object]) -> str:
        """Return why a record's product is not for sale; "" where it is."""
        value = fields.get(self.name)
        return "" if value is None else self.reasons.get(_word(value), "")

    def is_unknown(self, value: object) -> bool:
        """Tell whether a value says something, and not whether the product is for sale."""
        word = _word(value)
        return bool(word) and word not in self.on and word not in self.reasons


def status_columns(samples: Mapping[str, Sequence[object]]) -> list[StatusColumn]:
    """Return the columns whose name says that they tell whether a product is for sale.

    `samples` are their first values, of which there may be none. A value that is not known leaves
    its product for sale. A column of flags that holds other numbers counts something, and one
    that holds lists or objects is none either.
    """
    columns = []
    for name, values in samples.items():
        meanings = _meanings(fold_name(name))
        if meanings is None or any(isinstance(value, list | dict) for value in values):
            continue
        column = StatusColumn(name, *meanings)
        flags = "true" in column.on or "true" in column.reasons
        unknown = (_word(value) for value in values if column.is_unknown(value))
        if not (flags and any(map(_NUMBER.fullmatch, unknown))):
            columns.append(column)
    return columns


def _word(value: object) -> str:
    word = as_word(value).casefold().removesuffix(".0")
    return word if word.isascii() else without_accents(word)


def _meanings(folded: str) -> tuple[frozenset[str], dict[str, str]] | None:
    """Return the words of a column by its name: those that mean for sale, and the others."""
    if folded in _TRUE_IS_OFF:
        return _FALSE, dict.fromkeys(_TRUE, _TRUE_IS_OFF[folded])
    if folded in _TRUE_IS_ON:
        return _ON_WORDS | _TRUE, {**_OFF_WORDS, **dict.fromkeys(_FALSE, "not published")}
    return (_ON_WORDS, _OFF_WORDS) if folded in _STATUS else None
