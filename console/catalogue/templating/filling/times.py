"""Dates and times: read only if they have one meaning.

A `date` is a day without a time; a `datetime` without a zone is a local time of an unknown zone,
and one with a zone is a moment. Moments are in UTC until they are printed in the chat's zone. A
moment in another zone than UTC was put there by `in_zone`.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from console.catalogue.templating.filling.lines import Written, bare
from console.catalogue.templating.filling.numbers import read_number
from console.catalogue.templating.filling.state import current
from console.catalogue.templating.filling.unreadable import Unreadable, quoted, require_value
from console.catalogue.templating.filling.zones import zone_named
from console.text.moments import read_iso
from console.text.sentences import term

# A longer text is never read as a date.
LENGTH = 64
MOMENT_WORDS = ("now", "today")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Now(Written):
    """The literal `'now'` or `'today'` in a template. From a chat, these words are plain text."""

    __slots__ = ()


def time_or_none(value: object) -> date | None:
    """Return the day or time that a value is, or that a text states in ISO 8601; else None."""
    if isinstance(value, date):
        return value
    if type(value) is Now:
        return current.get().moment()
    if isinstance(value, str) and len(value) <= LENGTH:
        return read_iso(bare(value).strip())
    return None


def read_time(value: object) -> date:
    """Return the value as a day or time. Raises Unreadable if it is none or is ambiguous."""
    found = time_or_none(value)
    if found is None:
        require_value(value)
        raise Unreadable(
            term(
                "is {value}, which is neither a date such as 2026-04-03 nor a time such as "
                "2026-04-03T14:30Z; name its form, as in date_in: '%d.%m.%Y'",
                value=quoted(value),
            )
        )
    return found


def from_epoch(value: object, unit: int) -> datetime:
    """Return the moment of a count since 1970, with `unit` counts a second. Raises Unreadable."""
    number = read_number(value)
    try:
        micros = int(Decimal(number) * 1_000_000 / unit)
        return EPOCH + timedelta(microseconds=micros)
    except (OverflowError, ArithmeticError) as error:
        raise Unreadable(
            term("is {value}, which is no time in the years 1 to 9999", value=quoted(value))
        ) from error


def read_zone(value: object) -> ZoneInfo:
    require_value(value)
    zone = zone_named(value)
    if zone is None:
        raise Unreadable(
            term("is {value}, which is no time zone such as Europe/Berlin", value=quoted(value))
        )
    return zone


def in_zone(value: object, zone: ZoneInfo) -> datetime:
    """Return a moment on the clocks of this zone. Raises Unreadable."""
    found = read_time(value)
    if not isinstance(found, datetime):
        raise Unreadable(
            term("is {value}, a date without a time, which no zone can change", value=quoted(value))
        )
    if found.tzinfo is None:
        raise Unreadable(
            term("is {value}, a time without a zone of its own, such as Z", value=quoted(value))
        )
    return moved(found, zone)


def moved(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError as error:
        raise Unreadable(
            term("is {moment}, which is out of the calendar", moment=quoted(moment))
        ) from error


def placed(value: date) -> date:
    """Return the value as it is printed: a moment in its own zone, or else in the chat's."""
    if isinstance(value, datetime) and value.tzinfo is UTC:
        return moved(value, current.get().zone())
    return value
