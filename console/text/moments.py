"""Reads days and times, if they have only one meaning."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from console.errors import InvalidInput

ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)? ?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?",
    re.ASCII,
)


def read_iso(text: str) -> date | None:
    """Parse a day, a time without a zone, or a moment (returned in UTC) in ISO 8601 with hyphens
    and colons; None for anything else."""
    found = ISO.fullmatch(text)
    if not found:
        return None
    day, hour, minute, second, fraction, offset = found.groups()
    try:
        start = date.fromisoformat(day)
        if hour is None:
            return start
        micros = int((fraction or "0").ljust(6, "0")[:6])
        at = datetime(
            start.year, start.month, start.day, int(hour), int(minute), int(second or 0), micros
        )
        return at if offset is None else in_utc(at, offset)
    except (ValueError, OverflowError):
        return None


def is_time(text: object) -> bool:
    """Return whether the text is a time. A day alone is not, since its time is unknown."""
    return isinstance(text, str) and isinstance(read_iso(text), datetime)


def is_day(text: str) -> bool:
    found = read_iso(text)
    return found is not None and not isinstance(found, datetime)


def in_utc(at: datetime, offset: str) -> datetime:
    """Return the moment of a local time with this offset from UTC. Raises ValueError."""
    if offset in ("Z", "z"):
        return at.replace(tzinfo=UTC)
    digits = offset[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    # No clock on Earth was ever farther from UTC.
    if minutes > 59 or hours > 15:
        raise ValueError(offset)
    ahead = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
    return at.replace(tzinfo=timezone(ahead)).astimezone(UTC)


def moment_text(moment: datetime | None) -> str:
    """Return a moment in UTC with all digits, so that it reads back as the same; empty for None."""
    return "" if moment is None else moment.astimezone(UTC).isoformat()


def on_clocks(at: datetime, zone: ZoneInfo, *, field: str) -> datetime:
    """Return the moment at which the clocks of a zone show this time.

    Raises InvalidInput for a time that a change of the clocks skips or repeats.
    """
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise InvalidInput(
            "time_does_not_exist",
            "{when:clock} does not exist in {zone}: the clocks are put forward over it. Choose "
            "another time.",
            {"field": field},
            when=at,
            zone=zone.key,
        )
    raise InvalidInput(
        "time_exists_twice",
        "{when:clock} comes twice in {zone}: the clocks are put back over it. Choose another "
        "time, or say which by its offset: {first} or {second}.",
        {"field": field},
        when=at,
        zone=zone.key,
        first=first.isoformat(),
        second=second.isoformat(),
    )
