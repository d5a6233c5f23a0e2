"""Numbers: read only if they have one meaning, and calculated with as people do on paper."""

import re
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal

from liquid.exceptions import FilterArgumentError

from console.catalogue.templating.filling.lines import bare
from console.catalogue.templating.filling.unreadable import Unreadable, quoted, require_value
from console.text.sentences import term

Number = int | Decimal
NUMBER_LIMIT = 10**15
# A longer text is never read as a number.
LENGTH = 64
DECIMALS_LIMIT = 20
PLAIN = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
# By decimal mark: a number without groups, or with groups of three digits separated by one
# character.
_GROUPED = (
    r"-?([1-9]\d{{0,2}}(?:([{groups}' \u00a0\u2009\u202f\u2019])\d{{3}})(?:\2\d{{3}})*|\d+)"
    r"({mark}\d+)?"
)
MARKED = {
    ".": re.compile(_GROUPED.format(groups=",", mark=r"\."), re.ASCII),
    ",": re.compile(_GROUPED.format(groups=".", mark=","), re.ASCII),
}
_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)
_QUOTIENT = Context(prec=20, rounding=ROUND_HALF_UP)


def number_or_none(value: object) -> Number | None:
    """Return the number that a value is, or that a text states unambiguously; else None."""
    kind = type(value)
    if kind is int:
        return value  # type: ignore[return-value]
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    if isinstance(value, float):
        return number_or_none(Decimal(repr(value)))
    if isinstance(value, str) and len(value) <= LENGTH:
        return _plain(bare(value).strip())
    return None


def _plain(text: str) -> Number | None:
    if not PLAIN.fullmatch(text):
        return None
    return Decimal(text) if "." in text else int(text)


def read_number(value: object) -> Number:
    """Return the value as a number. Raises Unreadable if it is none or is ambiguous."""
    found = number_or_none(value)
    if found is None:
        require_value(value)
        raise Unreadable(
            term(
                "is {value}, which is no plain number such as 12 or -3.5; name the decimal mark "
                "of another form, as in number_in: ','",
                value=quoted(value),
            )
        )
    return found


def read_whole(value: object) -> int:
    """Return the value as a whole number. Raises Unreadable."""
    found = read_number(value)
    if found != int(found):
        raise Unreadable(term("is {value}, and has to be a whole number", value=quoted(value)))
    return int(found)


def read_count(value: object) -> int:
    found = read_whole(value)
    if found < 0:
        raise Unreadable(term("is {found}, and can't be less than 0", found=found))
    return found


def read_decimals(value: object) -> int:
    found = read_count(value)
    if found > DECIMALS_LIMIT:
        raise Unreadable(
            term(
                "is {value}, and can be {limit} decimals at most",
                value=quoted(value),
                limit=DECIMALS_LIMIT,
            )
        )
    return found


def read_mark(value: object) -> str:
    """Return the decimal mark for other notations of numbers. Raises Unreadable."""
    require_value(value)
    if value not in MARKED:
        raise Unreadable(
            term("is {value}, and has to be the decimal mark: '.' or ','", value=quoted(value))
        )
    return str(value)


def number_in(value: object, mark: str) -> Number:
    """Read a number with this decimal mark, with or without groups. Raises Unreadable."""
    if not isinstance(value, str):
        return read_number(value)
    require_value(value)
    text = bare(value).strip() if len(value) <= LENGTH else ""
    found = MARKED[mark].fullmatch(text)
    if not found:
        raise Unreadable(
            term(
                "is {value}, which is no number with the decimal mark {mark}",
                value=quoted(value),
                mark=mark,
            )
        )
    digits = text.replace(found[2], "") if found[2] else text
    number = _plain(digits.replace(mark, "."))
    if number is None:
        raise Unreadable(
            term(
                "is {value}, which is no number with the decimal mark {mark}",
                value=quoted(value),
                mark=mark,
            )
        )
    return number


# --- Calculating ---------------------------------------------------------------------------------


def plus(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left + right
    return _EXACT.add(Decimal(left), Decimal(right))


def minus(left: Number, right: Number) -> Number:
    return plus(left, -right)


def times(left: Number, right: Number) -> Number:
    if isinstance(left, int) and isinstance(right, int):
        return left * right
    return _EXACT.multiply(Decimal(left), Decimal(right))


def divided_by(left: Number, right: Number) -> Number:
    """Divide. Two whole numbers give the next lower whole number, as in Liquid."""
    if isinstance(left, int) and isinstance(right, int):
        return left // right
    return _QUOTIENT.divide(Decimal(left), Decimal(right))


def modulo(left: Number, right: Number) -> Number:
    """Return the remainder, with the sign of the divisor."""
    if isinstance(left, int) and isinstance(right, int):
        return left % right
    rest = _EXACT.remainder(Decimal(left), Decimal(right))
    return _EXACT.add(rest, Decimal(right)) if rest and (rest < 0) != (right < 0) else rest


def rounded(number: Number, decimals: int = 0) -> Number:
    """Round half away from zero, as people do."""
    made = at_decimals(number, decimals)
    return made if decimals else int(made)


def at_decimals(number: Number, decimals: int) -> Decimal:
    """Return the number with exactly `decimals` decimals."""
    try:
        return unsigned_zero(Decimal(number).quantize(Decimal(1).scaleb(-decimals), context=_EXACT))
    except ArithmeticError as error:
        raise FilterArgumentError(term("the number is too large"), token=None) from error


def unsigned_zero(number: Decimal) -> Decimal:
    """Return the number, with 0 for negative zero."""
    return number if number else number.copy_abs()


def ceiling(number: Number) -> int:
    return int(Decimal(number).to_integral_value(ROUND_CEILING))


def floor(number: Number) -> int:
    return int(Decimal(number).to_integral_value(ROUND_FLOOR))


def plainly(number: Number | float) -> str:
    """Return the number in plain digits, as programs read it.

    Calculated numbers lose trailing zeros; a number that came as 2.0 stays 2.0.
    """
    if isinstance(number, float):
        return format(unsigned_zero(Decimal(repr(number))), "f")
    if isinstance(number, int):
        return str(number)
    text = format(unsigned_zero(number), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
