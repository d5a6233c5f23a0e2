"""What words of the search box mean by themselves, whatever the database has.

Outcomes, periods and months are known by their English words and by those of the reader's language.
"""

import re
from dataclasses import dataclass
from functools import cache

from django.utils.dates import MONTHS
from django.utils.translation import get_language, gettext, override

from console.sends.asking.periods import Days, Period, days_written, month_of
from console.sends.history_filter import CONTESTED, FILTERS, UNRESOLVED, Kind
from console.sends.models import DeliveryStatus

# So many words are read as one name at most.
NAME_MOST = 5
NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
# What stands before a colon, and the filter that it names.
PREFIXES = {
    "outcome": "status",
    "notice": "notice",
    "by": "actor",
    "server": "chat_server",
    "chat": "interaction",
    "send": "send",
    "delivery": "delivery",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What words can mean: filters as the page's address has them. One that is not certain is
    offered, and never taken."""

    changes: tuple[tuple[str, str], ...]
    is_certain: bool = True

    @property
    def fields(self) -> frozenset[str]:
        """The filters that it sets."""
        names = {name for name, _value in self.changes}
        return frozenset(names - {"period"} | ({"since", "until"} if "period" in names else set()))


def one(name: str, value: str, *, is_certain: bool = True) -> Reading:
    return Reading(((name, value),), is_certain)


def meanings(phrase: str) -> list[Reading]:
    """Return what a phrase, with single blanks, means by itself."""
    small = phrase.casefold()
    read = (
        _vocabulary(get_language() or "").get(small),
        _prefixed(phrase),
        _numbered(small),
        _dated(small),
    )
    return [reading for reading in read if reading is not None]


@cache
def _vocabulary(language: str) -> dict[str, Reading]:
    """Return the words of outcomes and periods."""
    found: dict[str, Reading] = {}
    for spoken in ("en", language):
        with override(spoken or "en"):
            for status in DeliveryStatus:
                found[str(status.label).casefold()] = one("status", status.value)
            for code, label in (
                (UNRESOLVED, gettext("unresolved")),
                (CONTESTED, gettext("contested")),
            ):
                found[label.casefold()] = one("resolution", code)
            for period in Period:
                found[str(period.label).casefold()] = one("period", period.value)
    found |= {status.value: one("status", status.value) for status in DeliveryStatus}
    return found


@cache
def _months(language: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for spoken in ("en", language):
        with override(spoken or "en"):
            found |= {str(name).casefold(): number for number, name in MONTHS.items()}
    return found


def _prefixed(phrase: str) -> Reading | None:
    """Read name:value, where the value is taken as it is."""
    name, colon, value = phrase.partition(":")
    field = PREFIXES.get(name.casefold())
    if not colon or field is None or not value or " " in phrase:
        return None
    declared = FILTERS[field]
    if declared.kind is Kind.NUMBER and not NUMBER.fullmatch(value):
        return None
    if declared.kind is Kind.CHOICE and value not in dict(declared.choices):
        return None
    return one(field, value) if len(value) <= declared.max_length else None


def _numbered(phrase: str) -> Reading | None:
    """Read "#12", "send 12" and "delivery 12"."""
    before, blank, number = phrase.partition(" ")
    if not blank:
        before, number = ("send", phrase[1:]) if phrase.startswith("#") else ("", "")
    if before not in ("send", "delivery") or not NUMBER.fullmatch(number):
        return None
    return one(before, number)


def _dated(phrase: str) -> Reading | None:
    """Read days, months, "since" and "before" one of these, and "from..to". A year alone may be any
    number, and is not certain."""
    before, blank, rest = phrase.partition(" ")
    if blank and before in ("since", "before"):
        days = _days(rest)
        if days is None:
            return None
        name = "since" if before == "since" else "until"
        return one(name, _moment(days, "first"))
    first, dots, last = phrase.partition("..")
    from_days, to_days = _days(first), _days(last if dots else first)
    if from_days is None or to_days is None or from_days.first >= to_days.end:
        return None
    span = Days(from_days.first, to_days.end)
    changes = (("since", _moment(span, "first")), ("until", _moment(span, "end")))
    return Reading(changes, is_certain=not NUMBER.fullmatch(phrase))


def _days(text: str) -> Days | None:
    days = days_written(text)
    month, blank, year = text.rpartition(" ")
    number = _months(get_language() or "").get(month)
    if days is None and blank and number and NUMBER.fullmatch(year):
        days = month_of(int(year), number)
    return days


def _moment(days: Days, name: str) -> str:
    return f"{getattr(days, name).isoformat()}T00:00"
