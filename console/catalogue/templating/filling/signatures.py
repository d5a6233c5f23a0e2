"""The signature of each filter: how its arguments are read, and which of them are mistakes."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from liquid.exceptions import LiquidTypeError

from console.catalogue.templating.filling.forms import LENGTHS, is_currency
from console.catalogue.templating.filling.numbers import (
    read_count,
    read_decimals,
    read_mark,
    read_number,
)
from console.catalogue.templating.filling.numbers import read_whole as whole
from console.catalogue.templating.filling.patterns import BadPattern, compiled, reader
from console.catalogue.templating.filling.printing import as_text, is_time
from console.catalogue.templating.filling.times import read_zone
from console.catalogue.templating.filling.unreadable import Unreadable, quoted, require_value
from console.text.sentences import sentence_of, term

Reader = Callable[[Any], Any]
EPOCHS = {"epoch": 1, "epoch_ms": 1000}


@dataclass(frozen=True, slots=True)
class Signature:
    """How a filter's left side and its arguments are read.

    `least` is the number of required arguments; None means all.
    """

    left: Reader
    arguments: tuple[Reader, ...] = ()
    least: int | None = None
    named: frozenset[str] = frozenset()

    def read(self, arguments: Sequence[Any]) -> list[Any]:
        """Read the left side and the arguments. Raises Unreadable with its `place` set."""
        read = [self.left(arguments[0])]
        for place, read_one in enumerate(self.arguments[: len(arguments) - 1], 1):
            try:
                read.append(read_one(arguments[place]))
            except Unreadable as error:
                error.place = place
                raise
        return read

    def require_number(self, name: str, given: int) -> None:
        """Raise LiquidTypeError for too few or too many arguments."""
        most = len(self.arguments)
        least = most if self.least is None else self.least
        if not least <= given <= most:
            expected = str(most) if least == most else f"{least} to {most}"
            raise LiquidTypeError(
                term("{name} takes 1 argument, not {given}", name=name, given=given)
                if expected == "1"
                else term(
                    "{name} takes {expected} arguments, not {given}",
                    name=name,
                    expected=expected,
                    given=given,
                ),
                token=None,
            )

    def require_names(self, name: str, given: Collection[str]) -> None:
        """Raise LiquidTypeError for a named argument that the filter does not have."""
        unknown = sorted(set(given) - self.named)
        if unknown:
            raise LiquidTypeError(
                term("{name} takes no argument {unknown}", name=name, unknown=unknown), token=None
            )


def any_value(value: object) -> object:
    return value


def some_value(value: object) -> object:
    require_value(value)
    return value


def text(value: object) -> str:
    """Return the value as printed text. Raises Unreadable for a list."""
    if isinstance(value, (list, tuple)):
        raise Unreadable(term("is a list, and has to be a text"))
    return as_text(value)


def cut_text(value: object) -> str:
    """Return a text that a filter takes apart.

    Raises Unreadable for a date, since the position of its parts depends on the language.
    """
    if is_time(value):
        raise Unreadable(
            term(
                "is {value}, a date and no text; name the part of it with date, as in date: '%Y'",
                value=quoted(value),
            )
        )
    return text(value)


def text_or_list(value: object) -> object:
    return some_value(value) if isinstance(value, (list, tuple)) else cut_text(value)


def sized(value: object) -> object:
    """Return a list or an object, or else the printed text: a number has the size of its text."""
    is_collection = isinstance(value, (list, tuple, Mapping))
    return some_value(value) if is_collection else cut_text(value)


def text_of_literal(value: object) -> str:
    require_value(value)
    if not isinstance(value, str):
        raise Unreadable(term("is {value}, and has to be a text", value=quoted(value)))
    return value


def form(value: object) -> str:
    """Return the form of a date: a length, or a pattern. Raises Unreadable."""
    name = text_of_literal(value)
    if name not in LENGTHS:
        _checked(compiled, name)
    return name


def length(value: object) -> str:
    name = text_of_literal(value)
    if name not in LENGTHS:
        raise Unreadable(
            term("is {name}, and has to be one of {known}", name=quoted(name), known=list(LENGTHS))
        )
    return name


def plain_form(value: object) -> str:
    """Return the form of a date in a URL: only a pattern, since no language applies there."""
    name = text_of_literal(value)
    if name in LENGTHS:
        raise Unreadable(term("is {name}, and a URL takes a pattern such as '%Y-%m-%d'", name=name))
    _checked(compiled, name)
    return name


def source_form(value: object) -> str:
    name = text_of_literal(value)
    if name not in EPOCHS:
        _checked(reader, name)
    return name


def _checked(function: Callable[[str], object], pattern: str) -> None:
    try:
        function(pattern)
    except BadPattern as error:
        raise Unreadable(
            term("is {pattern}, which {error}", pattern=quoted(pattern), error=sentence_of(error))
        ) from error


def currency(value: object) -> str:
    require_value(value)
    if not is_currency(value):
        raise Unreadable(
            term("is {value}, which is no currency's code such as EUR", value=quoted(value))
        )
    return str(value)


def divisor(value: object) -> Any:
    number = read_number(value)
    if number == 0:
        raise Unreadable(term("is 0, and nothing can be divided by 0"))
    return number


def positive(value: object) -> int:
    found = whole(value)
    if found < 1:
        raise Unreadable(term("is {found}, and has to be 1 or more", found=found))
    return found


_NUMBERS = Signature(read_number, (read_number,))
SIGNATURES = {
    "default": Signature(any_value, (any_value,), 0, frozenset({"allow_false"})),
    **{
        name: Signature(text)
        for name in (
            *("upcase", "downcase", "capitalize", "strip", "lstrip", "rstrip", "squish"),
            *("strip_newlines", "newline_to_br", "escape", "url_encode", "url_decode"),
        )
    },
    "append": Signature(text, (text,)),
    "prepend": Signature(text, (text,)),
    "truncate": Signature(cut_text, (read_count, text), 0),
    "truncatewords": Signature(cut_text, (positive, text), 0),
    "replace": Signature(cut_text, (text, text), 1),
    "replace_first": Signature(cut_text, (text, text), 1),
    "remove": Signature(cut_text, (text,)),
    "remove_first": Signature(cut_text, (text,)),
    "slice": Signature(text_or_list, (whole, read_count), 1),
    "split": Signature(cut_text, (text,)),
    "join": Signature(some_value, (text,), 0),
    "first": Signature(some_value),
    "last": Signature(some_value),
    "size": Signature(sized),
    "plus": _NUMBERS,
    "minus": _NUMBERS,
    "times": _NUMBERS,
    "divided_by": Signature(read_number, (divisor,)),
    "modulo": Signature(read_number, (divisor,)),
    "at_least": _NUMBERS,
    "at_most": _NUMBERS,
    "round": Signature(read_number, (read_decimals,), 0),
    "floor": Signature(read_number),
    "ceil": Signature(read_number),
    "abs": Signature(read_number),
    "number_in": Signature(any_value, (read_mark,)),
    "date_in": Signature(any_value, (source_form,)),
    "in_zone": Signature(any_value, (read_zone,)),
    "date": Signature(any_value, (form,), 0),
    "time": Signature(any_value, (length,), 0),
    "datetime": Signature(any_value, (length,), 0),
    "number": Signature(read_number, (read_decimals,), 0),
    "money": Signature(read_number, (currency,)),
}
# A URL has no language, so it has no filters that need one.
URL_SIGNATURES = {
    name: signature
    for name, signature in SIGNATURES.items()
    if name not in ("time", "datetime", "number", "money")
} | {"date": Signature(any_value, (plain_form,), 0)}
