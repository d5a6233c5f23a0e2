"""How a text prints values to which no filter is applied."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from liquid.exceptions import LiquidTypeError
from liquid.undefined import Undefined

from console.catalogue.templating.filling.lines import Written
from console.catalogue.templating.filling.state import FORM_WORK, current
from console.catalogue.templating.filling.times import placed
from console.catalogue.templating.filling.unreadable import Nothing, nothing, require_value
from console.text.sentences import term


def as_text(value: object) -> str:
    """Return the printed value.

    Raises UndefinedError for a missing value and for an empty list, and LiquidTypeError for a whole
    object.
    """
    kind = type(value)
    if kind is str or kind is Written:
        return value  # type: ignore[return-value]
    if kind is int:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, (date, Decimal, float)):
        current.get().count(FORM_WORK)
        return current.get().forms.raw(placed(value) if isinstance(value, date) else value)
    if kind is Nothing or issubclass(kind, Undefined):
        require_value(value)
    if isinstance(value, Mapping):
        raise LiquidTypeError(term("this prints a whole object; name the value in it"), token=None)
    if isinstance(value, Sequence) and not isinstance(value, str):
        require_value(value or nothing("a list"))
        return "".join(map(as_text, value))
    return str(value)


def is_time(value: object) -> bool:
    return isinstance(value, (date, datetime))
