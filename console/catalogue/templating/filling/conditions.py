"""Conditions and loops that guess nothing.

Every value in them has one meaning, or the chat is skipped with a reason.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from liquid import RenderContext
from liquid.builtin.expressions import LoopExpression, StringLiteral
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
    _contains,
    _eq,
)
from liquid.builtin.tags.case_tag import _AnyExpression
from liquid.expression import Expression

from console.catalogue.templating.filling.lines import bare, cleaned
from console.catalogue.templating.filling.numbers import number_or_none, read_count
from console.catalogue.templating.filling.printing import as_text, name_of
from console.catalogue.templating.filling.state import current
from console.catalogue.templating.filling.times import time_or_none
from console.catalogue.templating.filling.unreadable import Unreadable, quoted, require_value
from console.text.sentences import term

# --- The same ------------------------------------------------------------------------------------


def same(left: object, right: object) -> bool:
    """Return whether two values are equal in Liquid's sense.

    A text also equals a number or a date that it states unambiguously.
    """
    if isinstance(left, str) and isinstance(right, str):
        current.get().count(len(left) + len(right))
        return bare(left) == bare(right)
    left, right = _alike(left, right), _alike(right, left)
    return bool(_eq(left, right))


def _alike(value: object, other: object) -> object:
    if isinstance(value, float):
        return Decimal(repr(value))
    if not isinstance(value, str):
        return value
    if isinstance(other, (int, float, Decimal)) and not isinstance(other, bool):
        number = number_or_none(value)
        return value if number is None else number
    if isinstance(other, date):
        return time_or_none(value) or value
    return bare(value)


def contains(left: object, right: object) -> bool:
    if isinstance(left, str):
        return bool(_contains(None, bare(left), bare(as_text(right))))  # type: ignore[arg-type]
    if isinstance(left, Collection) and not isinstance(left, Mapping):
        require_value(right)
        # Prepared once for all items: there may be as many items as it has characters.
        right = bare(right) if isinstance(right, str) else right
        return any(same(item, right) for item in left)
    return bool(_contains(None, left, right))  # type: ignore[arg-type]


# --- Before and after ----------------------------------------------------------------------------

Comparable = tuple[Any, Any]


def comparable(left: object, right: object) -> Comparable:
    """Return both as numbers, or both as days, times or moments. Raises Unreadable."""
    numbers = number_or_none(left), number_or_none(right)
    if None not in numbers:
        return numbers
    times = time_or_none(left), time_or_none(right)
    if times[0] is not None and times[1] is not None and _kind(times[0]) == _kind(times[1]):
        return times
    for place, value in enumerate((left, right)):
        require_value(value)
        if numbers[place] is None and times[place] is None:
            raise Unreadable(
                term(
                    "is {value}, which is neither a plain number such as 12 or -3.5 nor a date "
                    "such as 2026-04-03, so it is neither more nor less than anything",
                    value=quoted(value),
                ),
                place=place,
            )
    raise Unreadable(
        term(
            "is {left} and can't be compared with {right}: both have to be numbers, days, times, "
            "or times with a zone",
            left=quoted(left),
            right=quoted(right),
        )
    )


def _kind(value: date) -> tuple[bool, bool]:
    return isinstance(value, datetime), isinstance(value, datetime) and value.tzinfo is not None


class _Comparing:
    """The common part of the four comparisons."""

    left: Expression
    right: Expression

    def pair(self, context: RenderContext) -> Comparable:
        try:
            return comparable(self.left.evaluate(context), self.right.evaluate(context))
        except Unreadable as error:
            raise error.of(name_of((self.left, self.right)[error.place])) from error


class Less(_Comparing, LtExpression):
    def evaluate(self, context: RenderContext) -> bool:
        left, right = self.pair(context)
        return bool(left < right)


class More(_Comparing, GtExpression):
    def evaluate(self, context: RenderContext) -> bool:
        left, right = self.pair(context)
        return bool(left > right)


class AtMost(_Comparing, LeExpression):
    def evaluate(self, context: RenderContext) -> bool:
        left, right = self.pair(context)
        return bool(left <= right)


class AtLeast(_Comparing, GeExpression):
    def evaluate(self, context: RenderContext) -> bool:
        left, right = self.pair(context)
        return bool(left >= right)


class Same(EqExpression):
    def evaluate(self, context: RenderContext) -> bool:
        return same(self.left.evaluate(context), self.right.evaluate(context))


class Other(NeExpression):
    def evaluate(self, context: RenderContext) -> bool:
        return not same(self.left.evaluate(context), self.right.evaluate(context))


class Contains(ContainsExpression):
    def evaluate(self, context: RenderContext) -> bool:
        return contains(self.left.evaluate(context), self.right.evaluate(context))


class OneOf(_AnyExpression):
    """The values behind `when`."""

    def evaluate(self, context: RenderContext) -> list[bool]:
        left = self.left.evaluate(context)
        return [same(left, right.evaluate(context)) for right in self.expressions]


BETTER: dict[type[Expression], Any] = {
    LtExpression: Less,
    GtExpression: More,
    LeExpression: AtMost,
    GeExpression: AtLeast,
    EqExpression: Same,
    NeExpression: Other,
    ContainsExpression: Contains,
}


def better(expression: Expression) -> Expression:
    """Return the same condition without guesses."""
    kind = BETTER.get(type(expression))
    if kind is None:
        return expression
    condition: Any = expression
    made: Expression = kind(condition.token, condition.left, condition.right)
    return made


# --- Loops ---------------------------------------------------------------------------------------


class Loop(LoopExpression):
    """The part behind `for`. Limit and offset must be whole numbers.

    `step` is the cost of running the loop's body once.
    """

    step = 0

    @classmethod
    def of(cls, loop: LoopExpression) -> "Loop":
        return cls(
            loop.token,
            loop.identifier,
            loop.iterable,
            limit=loop.limit,
            offset=loop.offset,
            reversed_=loop.reversed,
            cols=loop.cols,
        )

    def evaluate(self, context: RenderContext) -> tuple[Iterator[object], int]:
        items = self._items(self.iterable.evaluate(context))
        name = f"{self.identifier}-{self.iterable}"
        start = self._start(context, name)
        limit = None if self.limit is None else self._count(self.limit, context)
        chosen = items[start:] if limit is None else items[start : start + limit]
        context.stopindex(name, index=min(start, len(items)) + len(chosen))
        current.get().count(len(items) + len(chosen) * self.step)
        return iter(reversed(chosen) if self.reversed else chosen), len(chosen)

    def _start(self, context: RenderContext, name: str) -> int:
        if self.offset is None:
            return 0
        if isinstance(self.offset, StringLiteral) and self.offset.value == "continue":
            return context.stopindex(name)
        return self._count(self.offset, context)

    def _count(self, expression: Expression, context: RenderContext) -> int:
        try:
            return read_count(expression.evaluate(context))
        except Unreadable as error:
            raise error.of(name_of(expression)) from error

    def _items(self, value: object) -> Sequence[object]:
        require_value(value)
        if isinstance(value, Mapping):
            return [(_clean(key), item) for key, item in value.items()]
        if isinstance(value, str):
            return [value] if value else []
        if isinstance(value, Sequence):
            return value
        # A single value is a list of one, numbers as well as texts.
        return [] if value is None else [value]


def _clean(key: object) -> object:
    return cleaned(key) if isinstance(key, str) else key
