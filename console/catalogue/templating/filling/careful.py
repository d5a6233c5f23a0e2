"""Replaces the parts of a parsed template that guess with our own, which do not."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from liquid import RenderContext
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import Filter, FilteredExpression, StringLiteral
from liquid.builtin.expressions.primitive import FloatLiteral
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.expression import Expression

from console.catalogue.templating.filling.conditions import Loop, OneOf, better
from console.catalogue.templating.filling.lines import Written
from console.catalogue.templating.filling.printing import name_of
from console.catalogue.templating.filling.times import MOMENT_WORDS, Now
from console.catalogue.templating.filling.unreadable import Nothing, Unreadable
from console.text.sentences import term

# The cost of visiting a node or an expression, besides the values that it reads.
VISIT_WORK = 20


class NamedFilter(Filter):
    """A filter that can name the variable whose value it can't read."""

    __slots__ = ("names",)
    names: list[str]

    @classmethod
    def of(cls, filter_: Filter, left: Expression) -> "NamedFilter":
        made = cls(filter_.token, filter_.name, filter_.args)
        made.names = [name_of(left), *(name_of(argument.value) for argument in filter_.args)]
        return made

    def evaluate(self, left: object, context: RenderContext) -> object:
        try:
            result = super().evaluate(left, context)
        except Unreadable as error:
            raise error.of(self._name(error.place)) from error
        if type(result) is Nothing and not result.what:
            result.what = f"{self.names[0]} | {self.name}"
        return result

    def _name(self, place: int) -> str:
        name = self.names[place]
        if not place or name != "The value":
            return name
        return term("What stands behind {name}", name=self.name)


def careful(node: Node) -> Iterator[Expression]:
    """Replace all guessing parts of this node itself, and yield its expressions, at any depth."""
    if isinstance(node, MultiExpressionBlockNode):
        choice = node.expression
        node.expression = OneOf(choice.token, choice.left, choice.expressions)
    if isinstance(node, ForNode):
        node.expression = Loop.of(node.expression)
    for expression in expressions(node):
        _mend(expression)
        yield expression


def _mend(expression: Any) -> None:
    """Replace the parts of an expression, before the parts themselves are visited."""
    if isinstance(expression, FilteredExpression):
        expression.filters = [
            NamedFilter.of(one, expression.left) for one in expression.filters or ()
        ]
    elif isinstance(expression, StringLiteral):
        kind = Now if expression.value in MOMENT_WORDS else Written
        expression.value = kind(expression.value)
    elif isinstance(expression, FloatLiteral):
        expression.value = Decimal(expression.token.value.rstrip("."))  # type: ignore[assignment]
    for part in ("expression", "left", "right"):
        inner = getattr(expression, part, None)
        if isinstance(inner, Expression):
            setattr(expression, part, better(inner))


def expressions(node: Node) -> Iterator[Expression]:
    """Yield the expressions of this node itself, at any depth."""
    pending: list[Expression] = list(node.expressions())
    while pending:
        expression = pending.pop()
        yield expression
        pending += expression.children()


def weigh(node: Node, context: RenderContext) -> int:
    """Return the cost of rendering a node once, and set the cost of a step on its loops."""
    own = VISIT_WORK * (1 + sum(1 for _expression in expressions(node)))
    if isinstance(node, ContentNode):
        own += len(node.text) // 16
    inside = sum(weigh(child, context) for child in node.children(context, include_partials=False))
    if isinstance(node, ForNode) and isinstance(node.expression, Loop):
        node.expression.step = own + inside
    return own + inside
