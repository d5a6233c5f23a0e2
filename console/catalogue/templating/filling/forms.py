"""How a language writes dates, times, numbers and money, by CLDR (the library Babel).

The language is that of the text: a Spanish month in an English sentence is wrong. The chat's region
applies if the chat has the same language: a text `en` gets British forms in a chat `en-GB`. Digits
are the region's usual ones according to CLDR: Latin ones for `ar`, Arabic-Indic ones for `ar-EG`,
Persian ones for `fa`. The calendar is always the Gregorian one.
"""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from babel import Locale
from babel.core import UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format
from babel.numbers import (
    UnsupportedNumberingSystemError,
    format_currency,
    format_decimal,
    get_currency_precision,
    list_currencies,
)

from console.catalogue.templating.filling.numbers import Number, at_decimals, plainly, unsigned_zero
from console.text import language_tags

Length = Literal["short", "medium", "long", "full"]
LENGTHS = ("short", "medium", "long", "full")
FALLBACK = "en"
# The first digit of numbering systems that some language uses by default.
ZEROS = {
    "adlm": "\U0001e950",
    "arab": "\u0660",
    "arabext": "\u06f0",
    "beng": "\u09e6",
    "cakm": "\U00011136",
    "deva": "\u0966",
    "hmnp": "\U0001e140",
    "mtei": "\uabf0",
    "mymr": "\u1040",
    "nkoo": "\u07c0",
    "olck": "\u1c50",
    "rohg": "\U00010d30",
    "tibt": "\u0f20",
}


class Forms:
    """The forms of one language."""

    def __init__(self, locale: Locale, *, is_rtl: bool = False) -> None:
        self.locale = locale
        self.is_rtl = is_rtl
        system = locale.default_numbering_system
        zero = ZEROS.get(system)
        self._system = system if zero or system == "latn" else "latn"
        self._digits = {ord("0") + n: chr(ord(zero) + n) for n in range(10)} if zero else None

    def digits(self, text: str) -> str:
        return text.translate(self._digits) if self._digits else text

    def month(self, number: int, *, is_wide: bool, stands_alone: bool) -> str:
        """Return the month's name in the grammatical case beside a day, or alone: марта, март."""
        context = "stand-alone" if stands_alone else "format"
        return str(self._names("months", context, is_wide)[number])

    def weekday(self, number: int, *, is_wide: bool) -> str:
        """Return the weekday's name; 0 is Monday."""
        return str(self._names("days", "format", is_wide)[number])

    def _names(self, kind: str, context: str, is_wide: bool) -> Any:
        return getattr(self.locale, kind)[context]["wide" if is_wide else "abbreviated"]

    def half_of_day(self, hour: int) -> str:
        return str(self.locale.day_periods["format"]["abbreviated"]["am" if hour < 12 else "pm"])

    def as_date(self, day: date, length: Length) -> str:
        return self.digits(format_date(day, length, locale=self.locale))

    def as_time(self, moment: datetime, length: Length) -> str:
        """Return the time on the moment's own clocks. Without a zone there is no long form."""
        zone = moment.tzinfo or UTC
        return self.digits(format_time(moment, length, tzinfo=zone, locale=self.locale))

    def as_datetime(self, moment: datetime, length: Length) -> str:
        """Return the date in this length, with the short time."""
        glue = str(get_datetime_format(length, locale=self.locale)).replace("'", "")
        parts = {"{1}": self.as_date(moment.date(), length), "{0}": self.as_time(moment, "short")}
        return re.sub(r"\{[01]\}", lambda place: parts[place[0]], glue)

    def number(self, number: Number, decimals: int | None) -> str:
        """Return the number with digit groups, with all its decimals or exactly `decimals`."""
        value = Decimal(number) if decimals is None else at_decimals(number, decimals)
        pattern = self.locale.decimal_formats[None].pattern
        if decimals is not None:
            pattern = _with_decimals(pattern, decimals)
        return self._formatted(value, pattern)

    def money(self, number: Number, currency: str) -> str:
        value = at_decimals(number, get_currency_precision(currency))
        try:
            text = self._currency(value, currency, self._system)
        except UnsupportedNumberingSystemError:
            text = self._currency(value, currency, "latn")
        return self.digits(text)

    def _currency(self, value: Decimal, currency: str, system: str) -> str:
        return format_currency(value, currency, locale=self.locale, numbering_system=system)

    def raw(self, value: date | Decimal | float) -> str:
        """Return what `{{ … }}` prints without a filter: a long date, a fraction without groups."""
        if isinstance(value, datetime):
            return self.as_datetime(value, "long")
        if isinstance(value, date):
            return self.as_date(value, "long")
        text = plainly(value)
        return self._formatted(Decimal(text), "0.#") if "." in text else text

    def _formatted(self, value: Decimal, pattern: str) -> str:
        value = unsigned_zero(value)
        arguments: dict[str, Any] = {"locale": self.locale, "decimal_quantization": False}
        try:
            text = format_decimal(value, pattern, numbering_system=self._system, **arguments)
        except UnsupportedNumberingSystemError:
            text = format_decimal(value, pattern, **arguments)
        return self.digits(text)


class PlainForms(Forms):
    """Machine-readable forms, as for a URL: ISO 8601, and numbers independent of any language."""

    def raw(self, value: date | Decimal | float) -> str:
        if isinstance(value, datetime):
            return value.isoformat(timespec="seconds")
        if isinstance(value, date):
            return value.isoformat()
        return plainly(value)


def _with_decimals(pattern: str, decimals: int) -> str:
    return ";".join(
        re.sub(r"\.[0#]+", "." + "0" * decimals if decimals else "", part)
        for part in pattern.split(";")
    )


def is_currency(code: object) -> bool:
    return isinstance(code, str) and code in _currencies()


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())


@lru_cache(maxsize=1)
def plain_forms() -> Forms:
    return PlainForms(Locale(FALLBACK))


@lru_cache(maxsize=2048)
def forms_of(text_locale: str, chat_locale: str = "") -> Forms:
    """Return the forms for a text in one language and a chat in another.

    For an unknown language they are the nearest known ones, and English as a last resort.
    """
    text, chat = language_tags.read(text_locale), language_tags.read(chat_locale)
    if text is None:
        return _forms(Locale(FALLBACK), is_rtl=False)
    region = text.region
    if chat and chat.region and (chat.language, chat.script) == (text.language, text.script):
        region = chat.region
    is_rtl = language_tags.is_right_to_left(text_locale)
    language, script = text.language, text.script
    for parts in ((language, script, region), (language, region), (language, script), (language,)):
        locale = _locale("_".join(part for part in parts if part))
        if locale is not None:
            return _forms(locale, is_rtl)
    return _forms(Locale(FALLBACK), is_rtl)


@lru_cache(maxsize=1024)
def _locale(identifier: str) -> Locale | None:
    try:
        return Locale.parse(identifier)
    except (UnknownLocaleError, ValueError, TypeError):
        return None


@lru_cache(maxsize=1024)
def _forms(locale: Locale, is_rtl: bool) -> Forms:
    return Forms(locale, is_rtl=is_rtl)
