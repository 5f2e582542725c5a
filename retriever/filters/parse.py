"""Read a filter: SQL's conditions over a shop's fields, and nothing else of SQL."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ...errors import FilterError
from ...indexer.columns.base import Field
from ...indexer.known_fields import Kind
from .expression import (
    And,
    Compare,
    Expression,
    IsNull,
    IsTruth,
    Like,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
    kind_of,
)

if TYPE_CHECKING:
    from sqlglot import exp

_LONGEST = 10_000
_OPERATORS: Mapping[str, Operator] = {
    "EQ": "=",
    "NEQ": "<>",
    "LT": "<",
    "LTE": "<=",
    "GT": ">",
    "GTE": ">=",
}
_TURNED: Mapping[Operator, Operator] = {
    "=": "=",
    "<>": "<>",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}
_WORDS: Mapping[Kind, str] = {"text": "text", "number": "numbers", "boolean": "true or false"}


_reading = ContextVar("reading", default=False)


def parse_filter(text: str, fields: Mapping[str, Field]) -> Expression:
    """Read a condition such as `price < 30 and brand in ('HP', 'Dell') and in_stock`.

    Args:
        text: comparison, `in`, `between`, `like`, `is null`, `and`, `or`, `not`, parentheses.
        fields: what the shop's products have.

    Raises:
        FilterError: the text is no such condition, names an unknown field, or compares a
            field with a value of the wrong kind; the message names the position.
    """
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ParseError, SqlglotError

    if not text.strip():
        raise FilterError("filter: it is empty; leave it out to let every product pass")
    if len(text) > _LONGEST:
        raise FilterError(f"filter: {len(text)} characters are too many; {_LONGEST} are read")
    try:
        with _quiet_sqlglot():
            tree = sqlglot.parse_one(text, into=exp.Condition)
            return _Reader(text, fields).read(tree)
    except ParseError as error:
        raise FilterError(_parse_message(text, error)) from None
    except SqlglotError:
        raise FilterError(
            f"filter: a quote or comment is not closed in: {_shortened(text)}"
        ) from None
    except RecursionError:
        raise FilterError("filter: it is nested too deeply") from None


@contextmanager
def _quiet_sqlglot() -> Iterator[None]:
    """Keep what is read here out of sqlglot's log; what a program itself reads by it is logged."""
    logging.getLogger("sqlglot").addFilter(_read_elsewhere)  # adding it again changes nothing
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def _read_elsewhere(_record: logging.LogRecord) -> bool:
    return not _reading.get()


def _parse_message(text: str, error: Any) -> str:
    found = error.errors[0] if error.errors else {}
    if ";" in text:
        return f"filter: one condition is wanted, not several statements: {_shortened(text)}"
    near = found.get("highlight") or ""
    where = f" at position {found['col']}" if found.get("col") else ""
    return f"filter: cannot be understood{where}, near {near!r}: {_shortened(text)}"


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


class _Reader:
    """Turns sqlglot's tree into an expression, refusing what is no condition on fields."""

    def __init__(self, text: str, fields: Mapping[str, Field]) -> None:
        self._text = text
        self._fields = fields
        self._names = {name.casefold(): name for name in fields}

    def read(self, node: exp.Expr) -> Expression:
        from sqlglot import exp

        if isinstance(node, exp.Paren):
            return self.read(node.this)
        if isinstance(node, exp.And | exp.Or):
            join = And if isinstance(node, exp.And) else Or
            return join(tuple(self.read(part) for part in node.flatten()))
        if isinstance(node, exp.Not):
            return Not(self.read(node.this))
        if isinstance(node, exp.Column | exp.Dot):
            return Compare(self._field(node, "boolean"), "=", value=True)
        return self._predicate(node)

    def _predicate(self, node: exp.Expr) -> Expression:
        from sqlglot import exp

        if isinstance(node, exp.In):
            return self._one_of(node)
        if isinstance(node, exp.Between):
            low, high = self._value(node.args["low"]), self._value(node.args["high"])
            field = self._field(node.this, self._same_kind(node, [low, high]))
            return And((Compare(field, ">=", low), Compare(field, "<=", high)))
        if isinstance(node, exp.Like | exp.ILike):
            return self._like(node)
        if isinstance(node, exp.Is):
            return self._is(node)
        operator = _OPERATORS.get(type(node).__name__)
        if operator is None:
            raise self._refused(node)
        return self._compare(node, operator)

    def _compare(self, node: exp.Expr, operator: Operator) -> Expression:
        from sqlglot import exp

        left, right = node.this, node.expression
        if not isinstance(left, exp.Column | exp.Dot):
            left, right, operator = right, left, _TURNED[operator]
        if isinstance(right, exp.Column) and right.this.args.get("quoted"):
            raise FilterError(
                f"filter: {right.name!r} in double quotes is a field name; "
                f"write a text in single quotes: '{right.name}'"
            )
        value = self._value(right)
        return Compare(self._field(left, kind_of(value)), operator, value)

    def _one_of(self, node: exp.In) -> Expression:
        if node.args.get("query") is not None or not node.expressions:
            raise self._refused(node, "a list of values is wanted after 'in'")
        values = [self._value(each) for each in node.expressions]
        return OneOf(self._field(node.this, self._same_kind(node, values)), tuple(values))

    def _like(self, node: exp.Expr) -> Expression:
        pattern = self._value(node.expression)
        if not isinstance(pattern, str):
            raise self._refused(node, "'like' wants a text such as '%mouse%'")
        like = Like(self._field(node.this, "text"), pattern)
        return Not(like) if node.args.get("negate") else like

    def _is(self, node: exp.Expr) -> Expression:
        from sqlglot import exp

        if isinstance(node.expression, exp.Null):
            return IsNull(self._field(node.this, None))
        if isinstance(node.expression, exp.Boolean):
            return IsTruth(self._field(node.this, "boolean"), value=node.expression.this)
        raise self._refused(node, "'is' goes with null, true or false")

    def _field(self, node: exp.Expr, kind: Kind | None) -> str:
        """Return the name of a known field that holds values of the kind wanted."""
        from sqlglot import exp

        if not isinstance(node, exp.Column | exp.Dot):
            raise self._refused(node)
        written = ".".join(part.name for part in node.parts)
        name = self._names.get(written.casefold())
        if name is None:
            near = get_close_matches(written.casefold(), self._names, n=3, cutoff=0.5)
            hint = f"; nearest: {', '.join(self._names[each] for each in near)}" if near else ""
            raise FilterError(f"filter: unknown field {written!r}{self._at(node)}{hint}")
        field = self._fields[name]
        if kind is not None and kind not in field.counts:
            holds = " and ".join(_WORDS[each] for each in field.kinds)
            raise FilterError(f"filter: {name}{self._at(node)} holds {holds}, not {_WORDS[kind]}")
        return name

    def _value(self, node: exp.Expr) -> Value:
        from sqlglot import exp

        if isinstance(node, exp.Paren):
            return self._value(node.this)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            value = self._value(node.this)
            if not isinstance(value, str):
                return -value
        if isinstance(node, exp.Boolean):
            return bool(node.this)
        if isinstance(node, exp.Literal):
            return str(node.this) if node.is_string else self._number(node)
        if isinstance(node, exp.Column):
            raise FilterError(
                f"filter: {node.name!r}{self._at(node)} is a field; compare a field with a value "
                f"(a text stands in single quotes: '{node.name}')"
            )
        if isinstance(node, exp.Null):
            raise FilterError("filter: compare with null by 'is null' or 'is not null'")
        raise self._refused(node)

    def _number(self, node: exp.Literal) -> float:
        try:
            return float(node.this)
        except ValueError:  # "1e"
            raise self._refused(node, "this is not a number") from None

    def _same_kind(self, node: exp.Expr, values: list[Value]) -> Kind:
        kinds = {kind_of(value) for value in values}
        if len(kinds) > 1:
            raise self._refused(node, "its values are of different kinds")
        return kinds.pop()

    def _refused(self, node: exp.Expr, why: str = "") -> FilterError:
        from sqlglot import exp

        what = node.sql()
        if not why:
            function = isinstance(node, exp.Func) and not isinstance(node, exp.And | exp.Or)
            why = (
                "functions are not allowed in a filter"
                if function
                else "only fields compared with values are allowed in a filter"
            )
        return FilterError(f"filter: {_shortened(what)!r}{self._at(node)}: {why}")

    def _at(self, node: exp.Expr) -> str:
        """Say where in the text a node stands, counting characters from 1."""
        starts = [
            identifier.meta["start"] for identifier in node.walk() if "start" in identifier.meta
        ]
        return f" at position {min(starts) + 1}" if starts else ""
