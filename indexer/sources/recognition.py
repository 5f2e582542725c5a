"""The rules by which columns are told apart: names first, then whether the values fit."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ...errors import InputError
from ..known_fields import FIELD_NAMES, KNOWN_FIELDS, Look
from .attribute_names import attribute_name
from .columns import infer_kind
from .joining import GROUP, OWN_ID
from .layout import is_noise, platform_name
from .names import GTIN_NAMES, by_language, candidates, fold_name, is_cost_name, price_name
from .platforms import Platform
from .values import as_stock, as_text, as_texts, is_address

Samples = Mapping[str, Sequence[object]]

_NEEDED = tuple(each.name for each in KNOWN_FIELDS if each.needed)
# A field that takes several columns takes what the others leave.
_ORDER = tuple(each.name for each in sorted(KNOWN_FIELDS, key=lambda each: each.several))
_SEVERAL = frozenset(each.name for each in KNOWN_FIELDS if each.several)
_KEPT_ANYWAY = frozenset(each.name for each in KNOWN_FIELDS if each.by_name)
_LOOKS = {each.name: each.look for each in KNOWN_FIELDS if each.look is not None}
TITLE_OF_DESCRIPTION = "the description, as there is no title"
_COLUMNS_LISTED = 40
_LONGEST_LISTED = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """The columns chosen for a field, and how they were told."""

    columns: tuple[str, ...]
    how: str


def choose_columns(
    samples: Samples, overrides: Mapping[str, str], source: str, platform: Platform | None = None
) -> dict[str, Choice]:
    """Return the columns of each field that can be recognised.

    Overrides come first, then the columns of the platform, then names known in general. Where
    there is no id, the one column of barcodes that are all different serves as such.

    Raises:
        InputError: no id or no title, or an override that fits nothing.

    """
    by_name: dict[str, list[str]] = {}
    for column in samples:
        by_name.setdefault(fold_name(column), []).append(column)
    chosen = _by_hand(samples, overrides, by_name, source)
    used = {column for choice in chosen.values() for column in choice.columns}
    languages = by_language(by_name)
    for field in _ORDER:
        if field in chosen or field in overrides:
            continue
        own = _of_platform(field, platform, by_name, samples) if platform else None
        known = {
            column: how
            for column, how in _known_columns(field, by_name, languages).items()
            if column not in used and not (platform and is_noise(platform, column))
            if field != "price" or not is_cost_name(column)
        }
        choice = _either(own, _choose(field, known, samples), samples, several=field in _SEVERAL)
        if choice:
            chosen[field] = choice
            used.update(choice.columns)
    if not {"product_id"} & {*chosen, *overrides} and (barcode := _barcode(samples)):
        chosen["product_id"] = Choice((barcode,), "unique GTIN")
    if "title" not in chosen and "title" not in overrides:
        _take_description(chosen, by_name, languages, samples)
    _check_needed(chosen, samples, source)
    return {
        field: chosen[field] for field in FIELD_NAMES if field in chosen and chosen[field].columns
    }


def _take_description(
    chosen: dict[str, Choice],
    by_name: Mapping[str, Sequence[str]],
    languages: Sequence[str],
    samples: Samples,
) -> None:
    """Make a title of the description, of several that whose texts are shortest."""
    if "description" not in chosen or chosen["description"].how == "--map":
        return
    taken = {c for field, each in chosen.items() if field != "description" for c in each.columns}
    known = {
        column: how
        for column, how in _known_columns("description", by_name, languages).items()
        if column not in taken and samples[column]
    }
    if known:
        title = min(known, key=lambda column: _mean_length(samples[column]))
        chosen["title"] = Choice((title,), TITLE_OF_DESCRIPTION)
        del chosen["description"]
        if further := _choose("description", {c: known[c] for c in known if c != title}, samples):
            chosen["description"] = further


def _mean_length(values: Sequence[object]) -> float:
    return sum(len(as_text(value)) for value in values) / len(values)


def looks_like_picture(value: object) -> bool:
    """Tell whether a value may be the address or the file name of a picture."""
    return _FITS["picture"](value)


def other_ids(
    samples: Samples, chosen: Mapping[str, Choice], platform: Platform | None
) -> tuple[str, ...]:
    """Return the columns that give a record an id where those of the id are empty.

    They are those known to hold ids, best first, then barcodes; none where a user named the
    column of the id.
    """
    first = chosen["product_id"]
    if first.how == "--map":
        return ()
    by_name: dict[str, list[str]] = {}
    for column in samples:
        by_name.setdefault(fold_name(column), []).append(column)
    known = _known_columns("product_id", by_name, by_language(by_name))
    barcodes = [column for column in samples if fold_name(column) in GTIN_NAMES]
    taken = {c for field, each in chosen.items() if field != "codes" for c in each.columns}
    return tuple(
        column
        for column in dict.fromkeys((*known, *barcodes))
        if column not in taken and not (platform and is_noise(platform, column))
    )


def _of_platform(
    field: str, platform: Platform, by_name: Mapping[str, Sequence[str]], samples: Samples
) -> Choice | None:
    if platform.translated or platform.left_out:
        own: dict[str, list[str]] = {}
        for column in samples:
            own.setdefault(platform_name(platform, column), []).append(column)
        by_name = own
    names = platform.columns.get(field, "").split()
    columns = [column for name in names for column in by_name.get(name, ())]
    fits = _FITS[_LOOKS[field]] if field in _LOOKS and field not in _KEPT_ANYWAY else None
    if field == "product_id" and platform.shared:
        columns.insert(0, OWN_ID)  # only products that share a name have it
    columns = [name for name in columns if not samples.get(name) or _all_fit(fits, samples[name])]
    if field == GROUP and platform.join and not columns:
        columns.append(GROUP)  # records that were joined have it, perhaps late in the source
    return Choice(tuple(dict.fromkeys(columns)), platform.name) if columns else None


def _either(
    own: Choice | None, general: Choice | None, samples: Samples, *, several: bool
) -> Choice | None:
    """Return the platform's choice; the general one where only that has values."""
    if own is None or general is None:
        return own or general
    if several:
        return Choice(tuple(dict.fromkeys((*own.columns, *general.columns))), own.how)
    filled = [any(samples.get(name) for name in each.columns) for each in (own, general)]
    return general if filled == [False, True] else own


def _barcode(samples: Samples) -> str | None:
    """Return the one column of barcodes in which no value stands twice."""
    columns = [name for name in samples if fold_name(name) in GTIN_NAMES and samples[name]]
    if len(columns) != 1:
        return None
    values = [as_text(value) for value in samples[columns[0]]]
    return columns[0] if len(set(values)) == len(values) else None


def _known_columns(
    field: str, by_name: Mapping[str, Sequence[str]], languages: Sequence[str]
) -> dict[str, str]:
    if field == "price":
        by_name = _with_prices(by_name)
    known: dict[str, str] = {}
    for name, convention in candidates(field, languages).items():
        for column in by_name.get(name, ()):
            known.setdefault(column, convention)
    return known


def _with_prices(by_name: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return the columns by their names, those with a currency or tax in it without that, too."""
    names = {name: list(columns) for name, columns in by_name.items()}
    for columns in by_name.values():
        for column in columns:
            names.setdefault(price_name(column), []).append(column)
    return names


def _by_hand(
    samples: Samples,
    overrides: Mapping[str, str],
    by_name: Mapping[str, Sequence[str]],
    source: str,
) -> dict[str, Choice]:
    chosen: dict[str, Choice] = {}
    for field, names in overrides.items():
        if field not in FIELD_NAMES:
            raise InputError(
                f"--map {field}={names}: there is no field {field}; "
                f"the fields are {', '.join(FIELD_NAMES)}"
            )
        wanted = [names] if names in samples or not names else names.split("|")
        columns = tuple(
            _column(name.strip(), samples, by_name, field, source) for name in wanted if name
        )
        chosen[field] = Choice(columns, "--map")
    return chosen


def _column(
    name: str, samples: Samples, by_name: Mapping[str, Sequence[str]], field: str, source: str
) -> str:
    if name in samples:
        return name
    if by_name.get(fold_name(name)):
        return by_name[fold_name(name)][0]
    near = difflib.get_close_matches(name, list(samples), n=3)
    hint = f"; near to it are {', '.join(near)}" if near else f"; found are {_listed(samples)}"
    raise InputError(f"--map {field}={name}: {source} has no column {name}{hint}")


def _choose(field: str, known: Mapping[str, str], samples: Samples) -> Choice | None:
    fits = _FITS[_LOOKS[field]] if field in _LOOKS else None
    fitting = [column for column in known if samples[column] and _all_fit(fits, samples[column])]
    empty = [column for column in known if not samples[column]]
    ranked = fitting + empty
    if field in _KEPT_ANYWAY:
        ranked += [column for column in known if column not in ranked]
    if not ranked:
        return None
    if field in _SEVERAL:
        return Choice(tuple(column for column in known), known[ranked[0]])
    best = ranked[0]
    stem = best.partition(".")[0]
    fallbacks = [column for column in known if column != best and column.partition(".")[0] == stem]
    return Choice((best, *fallbacks), known[best])


def _all_fit(fits: Callable[[object], bool] | None, values: Sequence[object]) -> bool:
    return fits is None or any(fits(value) for value in values)


def _has_letter(value: object) -> bool:
    return any(mark.isalpha() for text in as_texts(value) for mark in text)


_FITS: Mapping[Look, Callable[[object], bool]] = {
    "letters": _has_letter,
    "stock": lambda value: as_stock(value) is not None,
    "address": lambda value: as_text(value).startswith(("http", "/", "www.")),
    "picture": lambda value: "/" in as_text(value) or "." in as_text(value),
}


def _check_needed(chosen: Mapping[str, Choice], samples: Samples, source: str) -> None:
    missing = [field for field in _NEEDED if field not in chosen or not chosen[field].columns]
    if not missing:
        return
    what = " and no ".join(missing)
    options = " ".join(f"--map {field}=COLUMN" for field in missing)
    raise InputError(
        f"{source}: no {what} could be recognised among the columns {_listed(samples)}; "
        f"say which it is with {options}"
    )


def _listed(samples: Samples) -> str:
    names = [" ".join(name.split())[:_LONGEST_LISTED] for name in samples]
    more = f" and {len(names) - _COLUMNS_LISTED} more" if len(names) > _COLUMNS_LISTED else ""
    return (", ".join(names[:_COLUMNS_LISTED]) or "(none)") + more


def holds_addresses(values: Sequence[object]) -> bool:
    """Tell whether a column was seen to hold web addresses only, which no attribute keeps."""
    return bool(values) and all(_is_page(value) for value in values)


def _is_page(value: object) -> bool:
    texts = as_texts(value)
    return bool(texts) and all(is_address(text) and "://schema.org/" not in text for text in texts)


def forced_kinds(columns: Iterable[str], samples: Samples) -> dict[str, str]:
    """Return the kinds of the columns whose texts are read as something else."""
    kinds = {
        column: infer_kind(column, samples[column])
        for column in columns
        if attribute_name(column)[1] is None
    }
    return {column: kind for column, kind in kinds.items() if kind}


def category_separator(chosen: Mapping[str, Choice], samples: Samples) -> str | None:
    """Return what stands between levels: ">", "|", " / ", or "/" where it is clearly a path."""
    columns = chosen["category"].columns if "category" in chosen else ()
    texts = [value for name in columns for value in samples.get(name, ()) if isinstance(value, str)]
    for mark in (">", "|", " / "):
        if any(mark in text for text in texts):
            return mark
    # "Audio/Video" is one category; "Home/Kitchen/Pans" is three, and so is "/Home/Kitchen".
    return "/" if any(text.count("/") > 1 or text[:1] == "/" for text in texts) else None
