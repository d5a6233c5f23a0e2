"""The language of notices: Liquid, with limits on what a template may do and how much of it.

Editors write templates, and web requests render them, so none may exhaust the process's time or
memory: loops, output, local variables and the work of filters all have limits. A text shares its
limits with the snippets in it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from io import StringIO
from typing import Any, TextIO, cast

from liquid import BoundTemplate, Environment, RenderContext, StrictDefaultUndefined
from liquid.ast import Node
from liquid.builtin.expressions import StringLiteral, parse_primitive
from liquid.builtin.expressions.primitive import RangeLiteral
from liquid.builtin.output import Output
from liquid.exceptions import (
    LiquidError,
    LiquidInterrupt,
    LiquidSyntaxError,
    LiquidTypeError,
)
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_TAG, Token
from liquid.undefined import UNDEFINED

from console.catalogue.templating.filling.careful import careful, weigh
from console.catalogue.templating.filling.filters import CALL_WORK, called, work_of
from console.catalogue.templating.filling.forms import forms_of, plain_forms
from console.catalogue.templating.filling.lines import resolved
from console.catalogue.templating.filling.mistakes import mistake_in
from console.catalogue.templating.filling.printing import (
    CarefulCapture,
    CarefulCycle,
    EncodedOutput,
    TextOutput,
)
from console.catalogue.templating.filling.shape import require_readable
from console.catalogue.templating.filling.signatures import SIGNATURES, URL_SIGNATURES
from console.catalogue.templating.filling.state import WORK_LIMIT, Filling, current
from console.catalogue.templating.filling.unreadable import liquid_words
from console.text.sentences import term

LOOP_LIMIT = 1000
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
# Allow-list of tags: none that reads other templates, keeps state or, in a URL, bypasses the
# encoding. The first three are Liquid's names for plain text and output.
URL_TAGS = {"content", "output", "illegal", "#", "comment", "assign", "if", "unless", "case"}
TEXT_TAGS = URL_TAGS | {"capture", "for", "break", "continue", "cycle", "snippet"}
VARIABLES = {"data", "interaction", "sender", "now", "field"}


@dataclass(frozen=True, slots=True)
class Snippet:
    """A snippet in one language, with the snippets that it names.

    `locale` is its language, which may differ from that of the text around it.
    """

    text: str
    snippets: Mapping[str, "Snippet"] = field(default_factory=dict)
    locale: str = ""


class SnippetNode(Node):
    """`{% snippet "greeting" %}`: inserts a snippet.

    It sees the variables of the interaction, but none assigned around it.
    """

    def __init__(self, token: Token, name: str) -> None:
        super().__init__(token)
        self.name = name
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        around = cast(_BoundedContext, context)
        found = around.snippets.get(self.name)
        if found is None:
            raise LiquidTypeError(f"there is no snippet {self.name}", token=self.token)
        filling = current.get()
        filling.count(CALL_WORK)
        forms = filling.forms
        if found.locale:
            filling.forms = forms_of(found.locale, filling.chat_locale)
        _render(_read(False, found.text), around.within(found), buffer)
        filling.forms = forms
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
    """Counts the work of reading variables, since comparisons take time and are no filters."""

    __slots__ = ("filling", "snippets")
    filling: Filling
    snippets: Mapping[str, Snippet]

    def get(
        self, path: list[object], *, token: Token | None, default: object = UNDEFINED
    ) -> object:
        value: object = UNDEFINED
        # Fast path for `data.Name`, if no loop or local variable can have that name.
        if len(path) == 2 and not self.loops and not self.locals:
            held = self.globals.get(cast(str, path[0]))
            if type(held) is dict and type(path[1]) is str:
                value = held.get(path[1], UNDEFINED)
        if value is UNDEFINED:
            value = super().get(path, token=token, default=default)
        self.filling.count(1 + len(value) if type(value) is str else work_of(value))
        return value

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        found: Callable[..., object] | None = self.env.filters.get(name)
        return found or super().filter(name, token)

    def within(self, snippet: Snippet) -> "_BoundedContext":
        """Return the context for a snippet: shared limits, but its own local variables."""
        inner = self.copy({}, carry_loop_iterations=True)
        made = cast(_BoundedContext, inner)
        made.globals = self.globals
        made.filling, made.snippets = self.filling, snippet.snippets
        return made


class _TextEnvironment(Environment):
    loop_iteration_limit = LOOP_LIMIT
    local_namespace_limit = WORK_LIMIT
    context_depth_limit = 10
    allowed_tags = TEXT_TAGS
    output_tag: type[Output] = TextOutput
    signatures = SIGNATURES

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in set(self.tags) - self.allowed_tags:
            del self.tags[name]
        self.add_tag(self.output_tag)
        if "snippet" in self.allowed_tags:
            self.add_tag(_SnippetTag)
        for tag in (CarefulCapture, CarefulCycle):
            if tag.name in self.allowed_tags:
                self.add_tag(tag)
        self.filters = {
            name: called(name, signature) for name, signature in self.signatures.items()
        }


class _UrlEnvironment(_TextEnvironment):
    allowed_tags = URL_TAGS
    output_tag = EncodedOutput
    signatures = URL_SIGNATURES


def fill(
    is_url: bool,
    template: str,
    variables: Mapping[str, Any],
    snippets: Mapping[str, Snippet] | None = None,
    filling: Filling | None = None,
) -> str:
    """Return the filled-in text. Raises LiquidError, or anything that a filter may raise."""
    read = _read(is_url, template)
    context = _BoundedContext(read.bound, globals=variables)
    filling = filling or filling_for(is_url)
    context.filling, context.snippets = filling, snippets or {}
    before = current.set(filling)
    buffer = StringIO()
    try:
        _render(read, context, buffer)
    finally:
        current.reset(before)
    text = buffer.getvalue()
    return resolved(text) if filling.marked else text


def filling_for(
    is_url: bool,
    text_locale: str = "",
    chat_locale: str = "",
    *,
    zone_name: object = None,
    now: datetime | None = None,
) -> Filling:
    """Return the state for filling in a text, by its language and the chat's. `zone_name` is the
    time zone from the chat's user data; None means the site's."""
    forms = plain_forms() if is_url else forms_of(text_locale or chat_locale, chat_locale)
    return Filling(forms, chat_locale, zone_name, now)


def _render(read: "_Read", context: RenderContext, buffer: TextIO) -> None:
    current.get().count(read.weight)
    try:
        for node in read.bound.nodes:
            node.render(context, buffer)
    except LiquidInterrupt as interrupt:
        raise LiquidSyntaxError(f"unexpected '{interrupt}'", token=None) from interrupt


@lru_cache(maxsize=2)
def _environment(is_url: bool) -> Environment:
    kind = _UrlEnvironment if is_url else _TextEnvironment
    return kind(undefined=StrictDefaultUndefined)


@dataclass(frozen=True, slots=True)
class _Read:
    """A parsed template, and the cost of rendering it once."""

    bound: BoundTemplate
    weight: int


def parse(is_url: bool, template: str) -> BoundTemplate:
    """Return the parsed template. Raises LiquidError."""
    return _read(is_url, template).bound


def _read(is_url: bool, template: str) -> _Read:
    read = _read_once(is_url, template)
    if isinstance(read, str):
        raise LiquidSyntaxError(read, token=None)
    return read


@lru_cache(maxsize=1024)
def _read_once(is_url: bool, template: str) -> _Read | str:
    """Return the parsed template or its error message, so that each is parsed only once."""
    try:
        if UNSTORABLE.search(template):  # the marks of values are surrogates
            return term("it has characters that can't be stored or sent")
        require_readable(template)
        parsed = _environment(is_url).from_string(template)
        for node in _nodes(parsed):
            if any(isinstance(found, RangeLiteral) for found in careful(node)):
                return term("there are no ranges such as (1..9) here")
    except LiquidError as error:
        return liquid_words(error)
    context = RenderContext(parsed)
    return _Read(parsed, sum(weigh(node, context) for node in parsed.nodes))


def _nodes(parsed: BoundTemplate) -> Iterator[Node]:
    """Yield all nodes of a template, at any depth."""
    context = RenderContext(parsed)
    pending: list[Node] = list(parsed.nodes)
    while pending:
        node = pending.pop()
        yield node
        pending += node.children(context, include_partials=False)


@dataclass(frozen=True, slots=True)
class Use:
    """The variables that a template uses, by path, and its snippets, by key."""

    variables: frozenset[tuple[str, ...]] = frozenset()
    snippets: frozenset[str] = frozenset()

    def names(self, root: str) -> set[str]:
        """Return the names after `root.`, such as the names of fields."""
        return {path[1] for path in self.variables if path[0] == root and len(path) > 1}

    @property
    def roots(self) -> set[str]:
        return {path[0] for path in self.variables}


@lru_cache(maxsize=1024)
def use(is_url: bool, template: str) -> Use:
    """Return what a template uses. Raises what `parse` raises."""
    parsed = parse(is_url, template)
    found = parsed.analyze(include_partials=False)
    return Use(
        frozenset(
            tuple(str(segment) for segment in variable.segments)
            for variables in found.globals.values()
            for variable in variables
        ),
        frozenset(node.name for node in _nodes(parsed) if isinstance(node, SnippetNode)),
    )


def first_mistake(is_url: bool, template: str, roots: set[str] = VARIABLES) -> str:
    """Return the first mistake of a template that would occur in every chat, or ""."""
    try:
        parsed = parse(is_url, template)
        found = parsed.analyze(include_partials=False)
    except LiquidError as error:
        return liquid_words(error)
    except RecursionError:
        return term("too much stands inside of something else")
    except Exception as error:  # Liquid's parser may raise anything on odd input
        return term("it can't be understood ({error})", error=type(error).__name__)
    environment = _environment(is_url)
    for name in found.filters:
        if name not in environment.filters:
            return _no_filter(name, is_url)
    for name in found.globals:
        if name not in roots:
            return term(
                "there is no variable {name}; all begin with {roots}",
                name=name,
                roots=sorted(roots),
            )
    signatures = URL_SIGNATURES if is_url else SIGNATURES
    before = current.set(filling_for(is_url))
    try:
        context = _BoundedContext(parsed)
        context.filling, context.snippets = current.get(), {}
        return next(
            filter(None, (mistake_in(node, signatures, context) for node in _nodes(parsed))), ""
        )
    finally:
        current.reset(before)


def _no_filter(name: str, is_url: bool) -> str:
    if is_url and name in SIGNATURES:
        return term(
            "there is no filter {name}: programs read a URL, and no language writes in it",
            name=name,
        )
    return term("there is no filter {name}", name=name)
