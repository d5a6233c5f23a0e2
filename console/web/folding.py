"""Loads templates, and puts what is the same on every page together: once a process and language.

Most of a page is such: markup, translated words, icons, addresses without arguments. Django asks
each of these tags anew whenever a page is made. Here those that stand beside each other become one
node, which keeps what they say in each language. A node is the same on every page only if nothing
but its own literals and the language decides about it: see `_is_constant`.
"""

import threading
from collections.abc import Callable, Iterator
from functools import wraps
from itertools import groupby
from typing import Any, ParamSpec, TypeVar

from django.template import Node, NodeList, Origin, Template
from django.template.base import FilterExpression, TextNode, TokenType, Variable
from django.template.defaulttags import CommentNode, IfNode, LoadNode, URLNode
from django.template.library import SimpleBlockNode, SimpleNode
from django.template.loaders import cached
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.templatetags.static import StaticNode
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from console.web.quick_nodes import quicken

P = ParamSpec("P")
R = TypeVar("R")
# Of one function. Values of data may be among its arguments.
MOST_KEPT = 2000


def constant(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a tag whose result depends on its arguments and the language alone, and keep it.

    Its arguments must be hashable.
    """
    kept: dict[Any, R] = {}

    @wraps(function)
    def keeping(*args: P.args, **kwargs: P.kwargs) -> R:
        # 1, 1.0 and True are equal, but not the same on a page.
        types = tuple(map(type, (*args, *kwargs.values())))
        key = (get_language(), args, tuple(kwargs.items()), types)
        try:
            return kept[key]
        except KeyError:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            found = kept[key] = function(*args, **kwargs)
            return found

    keeping.is_constant = True  # type: ignore[attr-defined]
    return keeping


class Folded(Node):
    """Nodes in a row that say the same on every page of a language."""

    child_nodelists = ()

    def __init__(self, nodes: list[Node]) -> None:
        self._nodes = NodeList(nodes)
        self.token = nodes[0].token
        self.origin: Any = getattr(nodes[0], "origin", None)
        self._kept: dict[tuple[str | None, bool], SafeString] = {}

    def render(self, context: Any) -> SafeString:
        key = (get_language(), context.autoescape)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._nodes.render(context)
        return found


class Loader(cached.Loader):
    """Django's cached loader, with templates that are folded."""

    _one_at_a_time = threading.RLock()

    def get_template(self, template_name: str, skip: list[Origin] | None = None) -> Template:
        found: Any = super().get_template(template_name, skip)
        if not getattr(found, "is_folded", False):
            with self._one_at_a_time:
                if not getattr(found, "is_folded", False):
                    fold(found.nodelist)
                    found.is_folded = True
        return found  # type: ignore[no-any-return]


def fold(nodes: NodeList) -> None:
    """Fold this list of nodes, and those inside of its nodes."""
    folded: list[Node] = []
    for is_constant, group in groupby(nodes, _is_constant):
        some = list(group)
        if is_constant and not all(isinstance(node, TextNode) for node in some):
            folded.append(Folded(some))
            continue
        folded += some
        for node in some:
            quicken(node)
            for inner in _inside(node):
                fold(inner)
    nodes[:] = folded


def _inside(node: Node) -> Iterator[NodeList]:
    if isinstance(node, IfNode):
        yield from (inner for _condition, inner in node.conditions_nodelists)
        return
    # Django does not name what is inside of a block tag.
    names = ("nodelist",) if isinstance(node, SimpleBlockNode) else node.child_nodelists
    for name in names:
        inner = getattr(node, name, None)
        if isinstance(inner, NodeList):
            yield inner


def _is_constant(node: Node) -> bool:
    if isinstance(node, TextNode | CommentNode | LoadNode):
        return True
    if isinstance(node, TranslateNode):
        return node.asvar is None and _are_literals(node.filter_expression, node.message_context)
    if isinstance(node, BlockTranslateNode):
        has_nothing = not (node.extra_context or node.plural or node.asvar)
        are_texts = all(token.token_type == TokenType.TEXT for token in node.singular)
        return has_nothing and are_texts and _are_literals(node.message_context)
    if isinstance(node, URLNode):
        return not (node.args or node.kwargs or node.asvar) and _are_literals(node.view_name)
    if isinstance(node, StaticNode):
        return node.varname is None and _are_literals(node.path)
    if type(node) is SimpleNode and node.target_var is None and not node.takes_context:
        is_constant = getattr(node.func, "is_constant", False)
        return is_constant and _are_literals(*node.args, *node.kwargs.values())
    return False


def _are_literals(*expressions: FilterExpression | None) -> bool:
    return all(expression is None or _is_literal(expression) for expression in expressions)


def _is_literal(expression: FilterExpression) -> bool:
    if expression.filters:
        return False
    if isinstance(expression.var, Variable):
        # A number, or a text in quotes, has nothing to be looked up.
        return expression.var.lookups is None
    return True
