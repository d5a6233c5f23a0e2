"""The filters of templates. Each reads its arguments by its signature, or states why it can't."""

import html
from collections.abc import Callable, Mapping, Sized
from datetime import UTC, date, datetime
from functools import lru_cache, partial
from math import prod
from typing import Any
from urllib.parse import quote_plus, unquote_plus
from zoneinfo import ZoneInfo

from liquid.builtin.expressions import is_empty
from liquid.builtin.filters import string
from liquid.exceptions import FilterArgumentError
from liquid.undefined import Undefined

from console.catalogue.templating.filling import lines, numbers, times
from console.catalogue.templating.filling.forms import Forms
from console.catalogue.templating.filling.lines import Written
from console.catalogue.templating.filling.numbers import NUMBER_LIMIT
from console.catalogue.templating.filling.patterns import HasNone, compiled, reader
from console.catalogue.templating.filling.printing import as_text
from console.catalogue.templating.filling.signatures import EPOCHS, Signature
from console.catalogue.templating.filling.state import FORM_WORK, current
from console.catalogue.templating.filling.unreadable import Nothing, Unreadable, nothing, quoted
from console.text.moments import in_utc
from console.text.sentences import sentence_of, term
from console.text.visible import is_blank

Function = Callable[..., Any]
CALL_WORK = 100
MULTIPLYING = {"replace", "join"}
# These put a text together with another, so it is no longer alone on its line.
JOINING = {"append", "prepend", "join"}
INSERTING = {"replace", "replace_first"}


# --- Texts ---------------------------------------------------------------------------------------


def truncate(text: str, count: int = 50, end: str = "...") -> str:
    if len(text) <= count:
        return text
    return text[: max(count - len(end), 0)] + end


def default(value: Any, other: object = Written(""), *, allow_false: object = False) -> Any:
    """Return `other` if there is no value, or nothing visible in it."""
    if type(value) is str and value.isprintable() and value.isascii() and not value.isspace():
        return value or other
    if issubclass(type(value), Undefined) or value is None or is_empty(value):
        return other
    if value is False:
        return value if allow_false is True else other
    return other if isinstance(value, str) and is_blank(value) else value


def join(items: object, separator: str = " ") -> str:
    of = items if isinstance(items, (list, tuple)) else [items]
    return separator.join(map(as_text, of))


def first(items: Any) -> object:
    if isinstance(items, Mapping):
        items = list(items.items())[:1]
    return items[0] if isinstance(items, (list, tuple)) and items else None


def last(items: Any) -> object:
    return items[-1] if isinstance(items, (list, tuple)) and items else None


def size(value: object) -> int:
    if isinstance(value, str):
        return len(lines.bare(value))
    return len(value) if isinstance(value, Sized) else 0


def truncatewords(text: str, count: int = 15, end: str = "...") -> str:
    words = text.split()
    return " ".join(words[:count]) + (end if len(words) > count else "")


def url_decode(text: str) -> str:
    return lines.cleaned(unquote_plus(text))


TEXTS: Mapping[str, Function] = {
    "default": default,
    "upcase": str.upper,
    "downcase": str.lower,
    "capitalize": str.capitalize,
    "strip": str.strip,
    "lstrip": str.lstrip,
    "rstrip": str.rstrip,
    "squish": string.squish,
    "truncate": truncate,
    "truncatewords": truncatewords,
    "replace": string.replace,
    "replace_first": string.replace_first,
    "remove": string.remove,
    "remove_first": string.remove_first,
    "append": str.__add__,
    "prepend": lambda text, before: before + text,
    "slice": string.slice_,
    "split": string.split,
    "join": join,
    "first": first,
    "last": last,
    "size": size,
    "strip_newlines": lambda text: string.RE_LINETERM.sub("", text),
    "newline_to_br": lambda text: string.RE_LINETERM.sub("<br />\n", text),
    "escape": html.escape,
    "url_encode": quote_plus,
    "url_decode": url_decode,
}


# --- Numbers -------------------------------------------------------------------------------------

CALCULATING: Mapping[str, Function] = {
    "plus": numbers.plus,
    "minus": numbers.minus,
    "times": numbers.times,
    "divided_by": numbers.divided_by,
    "modulo": numbers.modulo,
    "round": numbers.rounded,
    "floor": numbers.floor,
    "ceil": numbers.ceiling,
    "abs": abs,
    "at_least": max,
    "at_most": min,
}


def number(value: numbers.Number, decimals: int | None = None) -> str:
    current.get().count(FORM_WORK)
    return current.get().forms.number(value, decimals)


def money(value: numbers.Number, currency: str) -> str:
    current.get().count(FORM_WORK)
    return current.get().forms.money(value, currency)


# --- Dates and times -----------------------------------------------------------------------------


def date_in(value: object, pattern: str) -> date:
    """Read a text of this form as a date, a time or a moment."""
    if pattern in EPOCHS:
        return times.from_epoch(value, EPOCHS[pattern])
    if isinstance(value, date):
        return value
    text = as_text(value)
    try:
        if len(text) > times.LENGTH:
            raise ValueError
        found, offset = reader(pattern).read(lines.bare(text).strip())
        return in_utc(found, offset) if isinstance(found, datetime) and offset else found
    except (ValueError, OverflowError) as error:
        raise Unreadable(
            term(
                "is {value}, which is no date of the form {pattern}",
                value=quoted(value),
                pattern=pattern,
            )
        ) from error


def in_words(value: object, form: str = "long") -> str:
    """The filter `date`."""
    return _written(value, "date", form)


def time(value: object, length: str = "short") -> str:
    return _written(value, "time", length)


def date_and_time(value: object, length: str = "long") -> str:
    return _written(value, "datetime", length)


def _written(value: object, what: str, form: str) -> str:
    current.get().count(FORM_WORK)
    forms = current.get().forms
    found = times.read_time(value)
    zone: Any = None
    if isinstance(found, datetime) and found.tzinfo is not None:
        zone = found.tzinfo if found.tzinfo is not UTC else current.get().zone()
        times.moved(found, zone)
        found = found.astimezone(UTC)
    try:
        return _in_form(found, zone, what, form, forms)
    except HasNone as error:
        raise Unreadable(
            term(
                "is {value}, {error}, and {form} asks for that",
                value=quoted(value),
                error=sentence_of(error),
                form=form,
            )
        ) from error


@lru_cache(maxsize=4096)
def _in_form(value: date, zone: ZoneInfo | None, what: str, form: str, forms: Forms) -> str:
    """Format a value.

    Moments are passed in UTC, because two moments of one zone compare as equal when its clocks were
    put back.
    """
    if zone is not None and isinstance(value, datetime):
        value = value.astimezone(zone)
    if what == "date" and form not in ("short", "medium", "long", "full"):
        return compiled(form).written(value, forms)
    if what == "date":
        return forms.as_date(value, form)  # type: ignore[arg-type]
    if not isinstance(value, datetime):
        raise HasNone(term("a date without a time"))
    if what == "time" and form in ("long", "full") and value.tzinfo is None:
        raise HasNone(term("a time without a zone of its own"))
    write = forms.as_time if what == "time" else forms.as_datetime
    return write(value, form)  # type: ignore[arg-type]


OTHERS: Mapping[str, Function] = {
    "number_in": numbers.number_in,
    "date_in": date_in,
    "in_zone": times.in_zone,
    "date": in_words,
    "time": time,
    "datetime": date_and_time,
    "number": number,
    "money": money,
}
FUNCTIONS = {**TEXTS, **CALCULATING, **OTHERS}


# --- Calling -------------------------------------------------------------------------------------


def called(name: str, signature: Signature) -> Function:
    """Return the filter with its signature checked and its work counted against the limit."""
    function = FUNCTIONS[name]
    work = prod if name in MULTIPLYING else sum
    if name in CALCULATING:
        settle = _calculated
    else:
        settle = _of_texts if name in TEXTS and name not in ("default", "size") else _as_it_is

    def call(*arguments: Any, **named: Any) -> Any:
        current.get().count(CALL_WORK + work(map(work_of, arguments)))
        signature.require_number(name, len(arguments) - 1)
        if named:
            signature.require_names(name, named)
        return settle(name, partial(function, **named), signature.read(arguments))

    return call


def _as_it_is(name: str, function: Function, arguments: list[Any]) -> Any:
    return function(*arguments)


def _calculated(name: str, function: Function, arguments: list[Any]) -> Any:
    try:
        result = function(*arguments)
    except ArithmeticError as error:
        raise FilterArgumentError(
            term("{name} makes too large a number", name=name), token=None
        ) from error
    if not abs(result) <= NUMBER_LIMIT:
        raise FilterArgumentError(term("{name} makes too large a number", name=name), token=None)
    return result


def _of_texts(name: str, function: Function, arguments: list[Any]) -> Any:
    """Apply a function to texts, and keep track of where the result comes from.

    A result of the author's texts alone stays the author's. Line breaks of values stay marked as
    those of values. A result without anything visible is no value.
    """
    texts = [one for one in arguments if isinstance(one, str)]
    is_authors = bool(texts) and all(map(_is_authors, arguments))
    has_breaks = any(map(lines.has_breaks, texts))
    if any(map(lines.has_marks, texts)):
        arguments = [lines.bare(one) if isinstance(one, str) else one for one in arguments]
    left, result = arguments[0], function(*arguments)
    if isinstance(result, list):
        return [_piece(one, is_authors, has_breaks) for one in result]
    if result is None or (isinstance(result, str) and is_blank(result) and not _is_blank(left)):
        return nothing("")
    if not isinstance(result, str):
        return result
    if has_breaks or lines.has_marks(result):
        result = lines.remarked(result)
        result = lines.joined(result) if _is_joined(name, texts) else result
    return Written(result) if is_authors else result


def _is_authors(argument: object) -> bool:
    """Return whether no part of it comes from a chat: literals, and numbers that only count."""
    if isinstance(argument, (list, tuple)):
        return all(type(item) is Written for item in argument)
    return type(argument) is Written or isinstance(argument, int)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and is_blank(value)


def _is_joined(name: str, texts: list[str]) -> bool:
    if name in INSERTING:
        return any(map(lines.has_breaks, texts[1:]))
    return name == "join" or (name in JOINING and not any(map(is_blank, texts)))


def _piece(item: object, is_authors: bool, has_breaks: bool) -> object:
    if not isinstance(item, str) or isinstance(item, Nothing):
        return item
    if is_authors:
        return Written(item)
    if is_blank(item):
        return nothing("a part")
    return lines.remarked(item) if has_breaks else item


def work_of(value: object) -> int:
    """Return the cost of reading a value."""
    # By its type: an undefined one raises at anything that is asked of itself.
    kind = type(value)
    if kind is str or kind is Written:
        return 1 + len(value)  # type: ignore[arg-type]
    if issubclass(type(value), Undefined):
        return 1
    if isinstance(value, int):
        return 1 + value.bit_length() // 8
    if kind is list or kind is tuple:
        items: Any = value
        return 1 + sum(1 + len(item) if isinstance(item, str) else 1 for item in items)
    return 1 + len(value) if isinstance(value, Sized) else 1
