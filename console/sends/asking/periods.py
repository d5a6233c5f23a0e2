"""Days of the calendar by name, on the site's clocks. A week begins on Monday."""

import re
from datetime import date, datetime, time, timedelta

from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from console.database.clock import near_now

DAY, MONTH, YEAR = r"(\d{4})-(\d{2})-(\d{2})", r"(\d{4})-(\d{2})", r"(\d{4})"
WRITTEN = re.compile(f"{DAY}|{MONTH}|{YEAR}", re.ASCII)
# Earlier and later ones do not exist on the clocks of each zone.
FIRST_YEAR, LAST_YEAR = 1970, 8999


class Period(TextChoices):
    """Days that are found anew each time: last week is another one next week."""

    TODAY = "today", _("Today")
    YESTERDAY = "yesterday", _("Yesterday")
    LAST_7_DAYS = "last_7_days", _("Last 7 days")
    LAST_WEEK = "last_week", _("Last week")
    LAST_MONTH = "last_month", _("Last month")
    THIS_YEAR = "this_year", _("This year")


class Days:
    """The days from `first` to before `end`."""

    def __init__(self, first: date, end: date) -> None:
        self.first, self.end = first, end

    @property
    def last(self) -> date:
        return self.end - timedelta(days=1)

    @property
    def moments(self) -> tuple[datetime, datetime]:
        """Their first moment, and the first moment behind them."""
        zone = timezone.get_default_timezone()
        first, end = (datetime.combine(day, time(), tzinfo=zone) for day in (self.first, self.end))
        return first, end


def today() -> date:
    return near_now().astimezone(timezone.get_default_timezone()).date()


def days_of(period: str, day: date) -> Days:
    """Return the days of a period as it is named on this day."""
    tomorrow = day + timedelta(days=1)
    monday = day - timedelta(days=day.weekday())
    of_month = day.replace(day=1)
    found = {
        Period.TODAY: (day, tomorrow),
        Period.YESTERDAY: (day - timedelta(days=1), day),
        Period.LAST_7_DAYS: (day - timedelta(days=6), tomorrow),
        Period.LAST_WEEK: (monday - timedelta(days=7), monday),
        Period.LAST_MONTH: ((of_month - timedelta(days=1)).replace(day=1), of_month),
        Period.THIS_YEAR: (day.replace(month=1, day=1), date(day.year + 1, 1, 1)),
    }
    return Days(*found[Period(period)])


def days_written(text: str) -> Days | None:
    """Return the days of a day, a month or a year as ISO 8601 writes it; None for anything else."""
    found = WRITTEN.fullmatch(text)
    if not found:
        return None
    numbers = [int(number) for number in found.groups() if number]
    if not FIRST_YEAR <= numbers[0] <= LAST_YEAR:
        return None
    if len(numbers) == 1:
        return Days(date(numbers[0], 1, 1), date(numbers[0] + 1, 1, 1))
    if len(numbers) == 2:
        return month_of(*numbers)
    try:
        day = date(*numbers)
    except ValueError:
        return None
    return Days(day, day + timedelta(days=1))


def month_of(year: int, month: int) -> Days | None:
    if not (1 <= month <= 12 and FIRST_YEAR <= year <= LAST_YEAR):
        return None
    first = date(year, month, 1)
    return Days(first, (first + timedelta(days=31)).replace(day=1))
