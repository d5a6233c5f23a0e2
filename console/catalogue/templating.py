"""The language of notices: Liquid, with bounds on what a template may do and how much of it.

Templates are written by editors and run in web requests, so none may take the process's time or
memory: loops, output, local variables and the work of filters all have an end.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextvars import ContextVar
from functools import lru_cache, wraps
from math import prod
from typing import Any, TextIO
from urllib.parse import quote

from django.conf import settings
from liquid import BoundTemplate, Environment, RenderContext, StrictDefaultUndefined
from liquid.ast import Node
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.exceptions import (
    FilterArgumentError,
    LiquidError,
    LiquidSyntaxError,
    LiquidTypeError,
    ResourceLimitError,
)
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.undefined import Undefined

LOOP_LIMIT = 1000
# Of one text: characters, items or bytes of a number that variables and filters take, all together.
# Some filters multiply them, and each call costs something by itself.
WORK_LIMIT = 500_000
CALL_WORK = 100
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
TEXT_TAGS = URL_TAGS | {"capture", "for", "break", "continue", "cycle"}
VARIABLES = {"data", "interaction", "sender", "now"}


class _TextOutputNode(OutputNode):
    """`{{ … }}`: a text, a number or a list, but never a whole set of variables."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(self.printed(self.expression.evaluate(context)))

    def printed(self, value: object) -> str:
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


class _BoundedContext(RenderContext):
    """Counts what is read: comparing takes time too, and no filter sees it."""

    def get(self, path: list[object], **named: Any) -> object:
        value = super().get(path, **named)
        _count_work(_size(value))
        return value


class _BoundedTemplate(BoundTemplate):
    context_class = _BoundedContext


class _TextEnvironment(Environment):
    template_class = _BoundedTemplate
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
        self.filters = {
            name: _bounded(name, function)
            for name, function in self.filters.items()
            if name in TEXT_FILTERS | NUMBER_FILTERS
        }


class _UrlEnvironment(_TextEnvironment):
    allowed_tags = URL_TAGS
    output_tag = _EncodedOutput


# What the filters of the text that is being filled have done so far.
_work_done: ContextVar[list[int]] = ContextVar("work_done")


def fill(is_url: bool, template: str, variables: Mapping[str, Any]) -> str:
    """The text. Raises LiquidError, or whatever a filter does on a value that it can't use."""
    bound = parse(is_url, template)
    before = _work_done.set([0])
    try:
        return bound.render(**variables)
    finally:
        _work_done.reset(before)


def _count_work(work: int) -> None:
    done = _work_done.get()
    done[0] += work
    if done[0] > WORK_LIMIT:
        raise ResourceLimitError("there is too much to do", token=None)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter, but not for more than all can do in a moment, nor for endless numbers."""
    work = prod if name in MULTIPLYING_FILTERS else sum

    @wraps(function)
    def bounded(*arguments: Any, **named: Any) -> Any:
        _count_work(CALL_WORK + work(map(_size, arguments)))
        result = function(*arguments, **named)
        # Said this way round, what is no number at all (NaN) is refused too.
        if name in NUMBER_FILTERS and not abs(result) <= NUMBER_LIMIT:
            raise FilterArgumentError(f"{name} makes too large a number", token=None)
        return result

    return bounded


def _size(value: object) -> int:
    # By its type: an undefined one raises at anything that is asked of itself.
    if issubclass(type(value), Undefined):
        return 1
    if isinstance(value, int):
        return 1 + value.bit_length() // 8
    return 1 + len(value) if isinstance(value, Sized) else 1


@lru_cache(maxsize=2)
def _environment(is_url: bool) -> Environment:
    kind = _UrlEnvironment if is_url else _TextEnvironment
    environment = kind(undefined=StrictDefaultUndefined)
    # Bytes; a text over the limit is refused with its own words, this only bounds the work.
    environment.output_stream_limit = settings.TEXT_LIMIT * 16  # type: ignore[misc]
    return environment


@lru_cache(maxsize=1024)
def parse(is_url: bool, template: str) -> BoundTemplate:
    """The template, ready to be filled. Raises LiquidError."""
    parsed = _environment(is_url).from_string(template)
    context = RenderContext(parsed)
    if any(isinstance(found, RangeLiteral) for found in _expressions(parsed.nodes, context)):
        raise LiquidSyntaxError("there are no ranges such as (1..9) here", token=None)
    return parsed


def _expressions(nodes: Iterable[Node], context: RenderContext) -> Iterator[Expression]:
    """All that is written in these nodes, at any depth."""
    for node in nodes:
        pending = list(node.expressions())
        while pending:
            expression = pending.pop()
            yield expression
            pending += expression.children()
        yield from _expressions(node.children(context, include_partials=False), context)


def first_mistake(is_url: bool, template: str) -> str:
    """What would go wrong with this template in every chat, or "" where nothing would."""
    try:
        found = parse(is_url, template).analyze(include_partials=False)
    except LiquidError as error:
        return str(error.message)
    for name in found.filters:
        if name not in _environment(is_url).filters:
            return f"there is no filter {name}"
    for name in found.globals:
        if name not in VARIABLES:
            return f"there is no variable {name}; all begin with {', '.join(sorted(VARIABLES))}"
    return ""
