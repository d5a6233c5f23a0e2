"""Finds mistakes of the template itself, which do not depend on a chat: they are reported on
saving, not in each chat."""

from collections.abc import Mapping
from typing import Any

from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import Filter, FilteredExpression
from liquid.builtin.expressions.primitive import Literal, Nil
from liquid.exceptions import LiquidError
from liquid.expression import Expression

from console.catalogue.templating.filling.careful import expressions
from console.catalogue.templating.filling.conditions import Loop, _Comparing, comparable
from console.catalogue.templating.filling.numbers import read_count
from console.catalogue.templating.filling.signatures import Signature
from console.catalogue.templating.filling.unreadable import Unreadable, liquid_words
from console.text.sentences import sentence_of, term


def mistake_in(node: Node, signatures: Mapping[str, Signature], context: RenderContext) -> str:
    """Return the first of this node's mistakes, or ""."""
    try:
        for expression in expressions(node):
            _check(expression, signatures, context)
    except Unreadable as error:
        return sentence_of(error.of(term("The value")))
    except LiquidError as error:
        return liquid_words(error)
    return ""


def _check(
    expression: Expression, signatures: Mapping[str, Signature], context: RenderContext
) -> None:
    if isinstance(expression, FilteredExpression):
        for filter_ in expression.filters or ():
            _check_filter(filter_, signatures[filter_.name], context)
        _check_literal(expression, context)
    elif isinstance(expression, _Comparing):
        for side in (expression.left, expression.right):
            if _is_literal(side):
                value = side.evaluate(context)
                comparable(value, value)
    elif isinstance(expression, Loop):
        _check_loop(expression, context)


def _check_filter(filter_: Filter, signature: Signature, context: RenderContext) -> None:
    positional = [one.value for one in filter_.args if not getattr(one, "name", None)]
    signature.require_number(filter_.name, len(positional))
    signature.require_names(
        filter_.name, {name for one in filter_.args if (name := getattr(one, "name", None))}
    )
    for reader, value in zip(signature.arguments, positional, strict=False):
        if _is_literal(value):
            try:
                reader(value.evaluate(context))
            except Unreadable as error:
                raise error.of(term("What stands behind {name}", name=filter_.name)) from error


def _check_literal(expression: FilteredExpression, context: RenderContext) -> None:
    """Evaluate what depends on literals alone, since it is the same in every chat."""
    filters = expression.filters or []
    value: Any = expression.left
    if not _is_literal(value):
        return
    value = value.evaluate(context)
    for filter_ in filters:
        if not all(_is_literal(one.value) for one in filter_.args):
            return
        value = filter_.evaluate(value, context)


def _check_loop(loop: Loop, context: RenderContext) -> None:
    for name, part in (("limit", loop.limit), ("offset", loop.offset)):
        if part is None or not _is_literal(part):
            continue
        value = part.evaluate(context)
        if value != "continue":
            try:
                read_count(value)
            except Unreadable as error:
                raise error.of(term("What stands behind {name}", name=name)) from error


def _is_literal(expression: Expression) -> bool:
    return isinstance(expression, (Literal, Nil))
