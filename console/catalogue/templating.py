"""The language of notices: Liquid, with bounds on what a template may do and how much of it.

Templates are written by editors and run in web requests, so none may take the process's time or
memory: loops, output, local variables and the work of filters all have an end. A text and the
snippets in it share these bounds.
"""

from collections.abc import Callable, Iterator, Mapping, Sized
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial, wraps
from io import StringIO
from math import prod
from typing import Any, TextIO, cast
from urllib.parse import quote

from django.conf import settings
from liquid import BoundTemplate, Environment, RenderContext, StrictDefaultUndefined
from liquid.ast import Node
from liquid.builtin.expressions import StringLiteral, parse_primitive
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    LiquidInterrupt,
    LiquidSyntaxError,
    LiquidTypeError,
    OutputStreamLimitError,
    ResourceLimitError,
)
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.stringify import to_liquid_string
from liquid.tag import Tag
from liquid.token import TOKEN_TAG, Token
from liquid.undefined import UNDEFINED, Undefined

LOOP_LIMIT = 1000
# Of one text: characters, items or bytes of a number that variables and filters take, all together.
# Some filters multiply them, and each call costs something by itself.
WORK_LIMIT = 500_000
CALL_WORK = 100
# A step of a loop may hold a whole template, and nothing of it may need a variable or a filter.
STEP_WORK = 100
MULTIPLYING_FILTERS = {"replace", "join"}
NUMBER_LIMIT = 10**15
# fmt: off
TEXT_FILTERS = {
    "default", "upcase", "downcase", "capitalize", "strip", "lstrip", "rstrip", "squish",
    "truncate", "truncatewords", "replace", "replace_first", "remove", "remove_first", "append",
    "prepend", "slice", "split", "join", "first", "last", "size", "strip_newlines",
    "newline_to_br", "escape", "url_encode", "url_decode", "date",
}
NUMBER_FILTERS = {
    "plus", "minus", "times", "divided_by", "modulo", "round", "floor", "ceil", "abs",
    "at_least", "at_most",
}
# fmt: on
# Tags by list of what is allowed: nothing that reads other templates, keeps state or, in a URL,
# prints past the encoding. The first three are how Liquid names plain text and output.
URL_TAGS = {"content", "output", "illegal", "#", "comment", "assign", "if", "unless", "case"}
TEXT_TAGS = URL_TAGS | {"capture", "for", "break", "continue", "cycle", "snippet"}
VARIABLES = {"data", "interaction", "sender", "now", "field"}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A named piece in one language, with those that it names itself."""

    text: str
    snippets: Mapping[str, "Snippet"] = field(default_factory=dict)


class _Spent:
    """What filling in one text, with its snippets, has taken so far."""

    __slots__ = ("limit", "work", "written")

    def __init__(self) -> None:
        self.work = 0
        self.written = 0
        # A text over the site's limit is refused with its own words, this only bounds the work.
        self.limit = settings.TEXT_LIMIT * 16

    def count(self, work: int) -> None:
        self.work += work
        if self.work > WORK_LIMIT:
            raise ResourceLimitError("there is too much to do", token=None)


class _TextOutputNode(OutputNode):
    """`{{ … }}`: a text, a number or a list, but never a whole set of variables."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        text = self.printed(self.expression.evaluate(context))
        spent = cast(_BoundedContext, context).spent
        spent.written += len(text)
        if spent.written > spent.limit:
            raise OutputStreamLimitError("output stream limit reached", token=None)
        return buffer.write(text)

    def printed(self, value: object) -> str:
        if type(value) is str:
            return value
        if isinstance(value, Mapping) and not isinstance(value, Undefined):
            raise LiquidTypeError(
                "this prints a whole object; name the value in it", token=self.token
            )
        return to_liquid_string(value, autoescape=False)


class _EncodedOutputNode(_TextOutputNode):
    """`{{ … }}` in a URL: whatever comes out is percent-encoded, filters applied."""

    def printed(self, value: object) -> str:
        return quote(super().printed(value), safe="")


class _TextOutput(Output):
    node_class = _TextOutputNode


class _EncodedOutput(Output):
    node_class = _EncodedOutputNode


class SnippetNode(Node):
    """`{% snippet "greeting" %}`: a named piece of the catalogue stands here. It sees what the
    interaction has, and nothing that was assigned around it."""

    def __init__(self, token: Token, name: str) -> None:
        super().__init__(token)
        self.name = name
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        around = cast(_BoundedContext, context)
        found = around.snippets.get(self.name)
        if found is None:
            raise LiquidTypeError(f"there is no snippet {self.name}", token=self.token)
        around.spent.count(CALL_WORK + len(found.text))
        _render(parse(False, found.text), around.within(found), buffer)
        return 1


class _SnippetTag(Tag):
    name = "snippet"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        tokens = stream.into_inner(tag=token, eat=False)
        name = parse_primitive(self.env, tokens)
        if not isinstance(name, StringLiteral):
            raise LiquidSyntaxError(
                'a snippet is named by its key, as in snippet "greeting"', token=token
            )
        tokens.expect_eos()
        return SnippetNode(token, name.value)


class _BoundedContext(RenderContext):
    """Counts what is read: comparing takes time too, and no filter sees it."""

    __slots__ = ("snippets", "spent")
    spent: _Spent
    snippets: Mapping[str, Snippet]

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        value: object = UNDEFINED
        # The usual `data.Name`, where nothing else can have the name: as the long way, but quick.
        if len(path) == 2 and not self.loops and not self.locals:
            held = self.globals.get(cast(str, path[0]))
            if type(held) is dict and type(path[1]) is str:
                value = held.get(path[1], UNDEFINED)
        if value is UNDEFINED:
            value = super().get(path, token=token, default=default)
        self.spent.count(1 + len(value) if type(value) is str else _size(value))
        return value

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        found: Callable[..., object] | None = self.env.filters.get(name)
        return found or super().filter(name, token)

    def raise_for_loop_limit(self, length: int = 1) -> None:
        super().raise_for_loop_limit(length)
        self.spent.count(length * STEP_WORK)

    def within(self, snippet: Snippet) -> "_BoundedContext":
        """What a snippet is rendered in: the same bounds, and its own local variables."""
        inner = self.copy({}, carry_loop_iterations=True)
        made = cast(_BoundedContext, inner)
        made.globals = self.globals
        made.spent, made.snippets = self.spent, snippet.snippets
        return made


class _TextEnvironment(Environment):
    loop_iteration_limit = LOOP_LIMIT
    local_namespace_limit = WORK_LIMIT
    context_depth_limit = 10
    allowed_tags = TEXT_TAGS
    output_tag: type[Output] = _TextOutput

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in set(self.tags) - self.allowed_tags:
            del self.tags[name]
        self.add_tag(self.output_tag)
        if "snippet" in self.allowed_tags:
            self.add_tag(_SnippetTag)
        self.filters = {
            name: _bounded(name, self._of_here(function))
            for name, function in self.filters.items()
            if name in TEXT_FILTERS | NUMBER_FILTERS
        }

    def _of_here(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The filter as it is called: some want to know their environment."""
        if getattr(function, "with_environment", False):
            return partial(function, environment=self)
        return function


class _UrlEnvironment(_TextEnvironment):
    allowed_tags = URL_TAGS
    output_tag = _EncodedOutput


# What the text that is being filled has taken so far: filters are called without their context.
_spent: ContextVar[_Spent] = ContextVar("spent")


def fill(
    is_url: bool,
    template: str,
    variables: Mapping[str, Any],
    snippets: Mapping[str, Snippet] | None = None,
) -> str:
    """The text. Raises LiquidError, or whatever a filter does on a value that it can't use."""
    bound = parse(is_url, template)
    context = _BoundedContext(bound, globals=variables)
    context.spent, context.snippets = _Spent(), snippets or {}
    before = _spent.set(context.spent)
    buffer = StringIO()
    try:
        _render(bound, context, buffer)
    finally:
        _spent.reset(before)
    return buffer.getvalue()


def _render(bound: BoundTemplate, context: RenderContext, buffer: TextIO) -> None:
    try:
        for node in bound.nodes:
            node.render(context, buffer)
    except LiquidInterrupt as interrupt:
        raise LiquidSyntaxError(f"unexpected '{interrupt}'", token=None) from interrupt


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, but not for more than all can do in a moment, nor for endless numbers."""
    work = prod if name in MULTIPLYING_FILTERS else sum

    @wraps(function, updated=())
    def bounded(*arguments: Any, **named: Any) -> Any:
        _spent.get().count(CALL_WORK + work(map(_size, arguments)))
        result = function(*arguments, **named)
        # Said this way round, what is no number at all (NaN) is refused too.
        if name in NUMBER_FILTERS and not abs(result) <= NUMBER_LIMIT:
            raise FilterArgumentError(f"{name} makes too large a number", token=None)
        return result

    return bounded


def _size(value: object) -> int:
    # By its type: an undefined one raises at anything that is asked of itself.
    if type(value) is str:
        return 1 + len(value)
    if issubclass(type(value), Undefined):
        return 1
    if isinstance(value, int):
        return 1 + value.bit_length() // 8
    return 1 + len(value) if isinstance(value, Sized) else 1


@lru_cache(maxsize=2)
def _environment(is_url: bool) -> Environment:
    kind = _UrlEnvironment if is_url else _TextEnvironment
    return kind(undefined=StrictDefaultUndefined)


@lru_cache(maxsize=1024)
def parse(is_url: bool, template: str) -> BoundTemplate:
    """The template, ready to be filled. Raises LiquidError."""
    parsed = _environment(is_url).from_string(template)
    for node in _nodes(parsed):
        if any(isinstance(found, RangeLiteral) for found in _expressions(node)):
            raise LiquidSyntaxError("there are no ranges such as (1..9) here", token=None)
    return parsed


def _nodes(parsed: BoundTemplate) -> Iterator[Node]:
    """All nodes of a template, at any depth."""
    context = RenderContext(parsed)
    pending: list[Node] = list(parsed.nodes)
    while pending:
        node = pending.pop()
        yield node
        pending += node.children(context, include_partials=False)


def _expressions(node: Node) -> Iterator[Expression]:
    """All that is written in this node itself, at any depth."""
    pending: list[Expression] = list(node.expressions())
    while pending:
        expression = pending.pop()
        yield expression
        pending += expression.children()


@dataclass(frozen=True, slots=True)
class Use:
    """What a template makes use of: variables by their paths, snippets by their keys, and the
    moment in which it is filled."""

    variables: frozenset[tuple[str, ...]] = frozenset()
    snippets: frozenset[str] = frozenset()
    tells_time: bool = False

    def names(self, root: str) -> set[str]:
        """What stands behind `root.`, such as the names of fields."""
        return {path[1] for path in self.variables if path[0] == root and len(path) > 1}

    @property
    def roots(self) -> set[str]:
        return {path[0] for path in self.variables}


@lru_cache(maxsize=1024)
def use(is_url: bool, template: str) -> Use:
    """What a template that can be read makes use of. Raises what `parse` raises."""
    parsed = parse(is_url, template)
    found = parsed.analyze(include_partials=False)
    return Use(
        frozenset(
            tuple(str(segment) for segment in variable.segments)
            for variables in found.globals.values()
            for variable in variables
        ),
        frozenset(node.name for node in _nodes(parsed) if isinstance(node, SnippetNode)),
        "now" in found.globals or any(map(_names_the_moment, _nodes(parsed))),
    )


def _names_the_moment(node: Node) -> bool:
    """As the filter `date` understands it."""
    return any(
        isinstance(found, StringLiteral) and found.value in ("now", "today")
        for found in _expressions(node)
    )


def first_mistake(is_url: bool, template: str, roots: set[str] = VARIABLES) -> str:
    """What would go wrong with this template in every chat, or "" where nothing would."""
    try:
        found = parse(is_url, template).analyze(include_partials=False)
    except LiquidError as error:
        return str(error.message)
    except RecursionError:
        return "too much stands inside of something else"
    except Exception as error:  # whatever else the language's reader makes of odd input
        return f"it can't be understood ({type(error).__name__})"
    for name in found.filters:
        if name not in _environment(is_url).filters:
            return f"there is no filter {name}"
    for name in found.globals:
        if name not in roots:
            return f"there is no variable {name}; all begin with {', '.join(sorted(roots))}"
    return ""
