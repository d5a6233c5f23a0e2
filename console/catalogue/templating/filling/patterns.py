"""Dates by patterns with percent signs, such as `%d.%m.%Y`: written and read."""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache

from console.catalogue.templating.filling.forms import Forms
from console.text.sentences import term

PATTERN_LENGTH = 200
_DIRECTIVE = re.compile(r"%([-_0^#]?)(:?[A-Za-z%]?)")


class BadPattern(ValueError):
    """A pattern that can't be used; the message states why."""


class HasNone(ValueError):
    """The date or time lacks a part that a pattern asks for."""


# --- Writing -------------------------------------------------------------------------------------

# Composed directives, by the directives of which they consist.
COMPOSED = {
    "D": "%m/%d/%y",
    "F": "%Y-%m-%d",
    "R": "%H:%M",
    "T": "%H:%M:%S",
    "r": "%I:%M:%S %p",
    "v": "%e-%b-%Y",
}
Number = Callable[[datetime], int]
# How to get each number, its width in digits, and its fill character.
NUMBERS: Mapping[str, tuple[Number, int, str]] = {
    "Y": (lambda at: at.year, 4, "0"),
    "C": (lambda at: at.year // 100, 2, "0"),
    "y": (lambda at: at.year % 100, 2, "0"),
    "m": (lambda at: at.month, 2, "0"),
    "d": (lambda at: at.day, 2, "0"),
    "e": (lambda at: at.day, 2, " "),
    "j": (lambda at: at.timetuple().tm_yday, 3, "0"),
    "u": (lambda at: at.isoweekday(), 1, "0"),
    "w": (lambda at: at.isoweekday() % 7, 1, "0"),
    "G": (lambda at: at.isocalendar().year, 4, "0"),
    "g": (lambda at: at.isocalendar().year % 100, 2, "0"),
    "V": (lambda at: at.isocalendar().week, 2, "0"),
    "U": (lambda at: int(at.strftime("%U")), 2, "0"),
    "W": (lambda at: int(at.strftime("%W")), 2, "0"),
    "H": (lambda at: at.hour, 2, "0"),
    "k": (lambda at: at.hour, 2, " "),
    "I": (lambda at: at.hour % 12 or 12, 2, "0"),
    "l": (lambda at: at.hour % 12 or 12, 2, " "),
    "M": (lambda at: at.minute, 2, "0"),
    "S": (lambda at: at.second, 2, "0"),
    "L": (lambda at: at.microsecond // 1000, 3, "0"),
    "f": (lambda at: at.microsecond, 6, "0"),
    "s": (lambda at: int(at.timestamp()), 1, "0"),
}
NAMES: Mapping[str, Callable[[datetime, Forms, bool], str]] = {
    "A": lambda at, forms, alone: forms.weekday(at.weekday(), is_wide=True),
    "a": lambda at, forms, alone: forms.weekday(at.weekday(), is_wide=False),
    "B": lambda at, forms, alone: forms.month(at.month, is_wide=True, stands_alone=alone),
    "b": lambda at, forms, alone: forms.month(at.month, is_wide=False, stands_alone=alone),
    "h": lambda at, forms, alone: forms.month(at.month, is_wide=False, stands_alone=alone),
    "p": lambda at, forms, alone: forms.half_of_day(at.hour),
    "P": lambda at, forms, alone: forms.half_of_day(at.hour).lower(),
    "x": lambda at, forms, alone: forms.as_date(at, "short"),
    "X": lambda at, forms, alone: forms.as_time(at, "medium"),
    "c": lambda at, forms, alone: forms.as_datetime(at, "medium"),
    "Z": lambda at, forms, alone: at.tzname() or "",
    "z": lambda at, forms, alone: f"{at:%z}",
    ":z": lambda at, forms, alone: f"{at:%z}"[:3] + ":" + f"{at:%z}"[3:],
}
SIGNS = {"%": "%", "n": "\n", "t": "\t"}
OF_TIME = frozenset("HkIlMSLfpPXcsZz") | {":z"}
OF_ZONE = frozenset("sZz") | {":z"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A directive of a pattern, or the text between directives."""

    name: str
    flag: str = ""
    text: str = ""


ISO_DAY = (Piece("Y"), Piece("", text="-"), Piece("m"), Piece("", text="-"), Piece("d"))


@dataclass(frozen=True, slots=True)
class Pattern:
    pieces: tuple[Piece, ...]
    needs_time: bool
    needs_zone: bool
    # In some languages a month has another grammatical case beside a day.
    stands_alone: bool
    # ISO 8601 is written in ASCII digits.
    is_iso: bool

    def written(self, value: date, forms: Forms) -> str:
        """Return the formatted value. Raises HasNone if it lacks a needed time or zone."""
        if isinstance(value, datetime):
            at = value
        elif self.needs_time:
            raise HasNone(term("a date without a time"))
        else:
            at = datetime(value.year, value.month, value.day)
        if self.needs_zone and at.tzinfo is None:
            raise HasNone(term("a time without a zone of its own"))
        return "".join(self._piece(piece, at, forms) for piece in self.pieces)

    def _piece(self, piece: Piece, at: datetime, forms: Forms) -> str:
        if not piece.name:
            return piece.text
        if piece.name in NUMBERS:
            number, width, fill = NUMBERS[piece.name]
            text = _padded(number(at), width, {"-": "", "_": " ", "0": "0"}.get(piece.flag, fill))
            return text if self.is_iso or piece.name == "s" else forms.digits(text)
        text = NAMES[piece.name](at, forms, self.stands_alone)
        return text.upper() if piece.flag in ("^", "#") else text


def _padded(number: int, width: int, fill: str) -> str:
    return str(number).rjust(width, fill) if fill else str(number)


@lru_cache(maxsize=512)
def compiled(pattern: str) -> Pattern:
    """Parse a pattern for writing. Raises BadPattern for an unknown or missing directive."""
    pieces = list(_pieces(pattern))
    names = {piece.name for piece in pieces}
    if names <= {""}:
        raise BadPattern(
            term(
                "asks for nothing of a date; write a pattern such as '%d.%m.%Y', or one of short, "
                "medium, long, full"
            )
        )
    return Pattern(
        pieces=tuple(pieces),
        needs_time=bool(names & OF_TIME),
        needs_zone=bool(names & OF_ZONE),
        stands_alone=not names & {"d", "e"},
        is_iso=tuple(pieces[:5]) == ISO_DAY,
    )


def _pieces(pattern: str, *, composed: bool = True) -> list[Piece]:
    if len(pattern) > PATTERN_LENGTH:
        raise BadPattern(term("is longer than {limit} characters", limit=PATTERN_LENGTH))
    pieces: list[Piece] = []
    start = 0
    for found in _DIRECTIVE.finditer(pattern):
        if found.start() > start:
            pieces.append(Piece("", text=pattern[start : found.start()]))
        start = found.end()
        flag, name = found.groups()
        if name in SIGNS:
            pieces.append(Piece("", text=SIGNS[name]))
        elif name in COMPOSED and composed:
            pieces += _pieces(COMPOSED[name], composed=False)
        elif name in NUMBERS or name in NAMES:
            pieces.append(Piece(name, flag))
        else:
            raise BadPattern(
                term("has {found}, which stands for nothing of a date", found=found[0])
            )
    if start < len(pattern):
        pieces.append(Piece("", text=pattern[start:]))
    return pieces


# --- Reading -------------------------------------------------------------------------------------

MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT_MONTHS = tuple(name[:3] for name in MONTHS)
_SHORT_WEEKDAYS = tuple(name[:3] for name in WEEKDAYS)
# The least and the most digits of each.
DIGITS = {
    "Y": (4, 4), "y": (2, 2), "m": (1, 2), "d": (1, 2), "e": (1, 2), "j": (1, 3), "H": (1, 2),
    "k": (1, 2), "I": (1, 2), "l": (1, 2), "M": (2, 2), "S": (2, 2), "f": (1, 6), "L": (3, 3),
}  # fmt: skip
WORDS = {
    "B": "|".join(MONTHS),
    "b": "|".join((*_SHORT_MONTHS, "sept")),
    "h": "|".join((*_SHORT_MONTHS, "sept")),
    "A": "|".join(WEEKDAYS),
    "a": "|".join(_SHORT_WEEKDAYS),
    "p": "am|pm",
    "P": "am|pm",
    "z": r"z|[+-]\d{2}:?\d{2}",
    ":z": r"z|[+-]\d{2}:?\d{2}",
}
SAME = {"e": "d", "k": "H", "l": "I", "h": "b", "P": "p", ":z": "z"}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads texts of one form."""

    pattern: str
    form: re.Pattern[str]
    groups: tuple[str, ...]
    has_time: bool

    def read(self, text: str) -> tuple[date, str | None]:
        """Return the day or the time, and the offset from UTC in the text. Raises ValueError."""
        found = self.form.fullmatch(text)
        if not found:
            raise ValueError(text)
        parts = dict(zip(self.groups, (part.lower() for part in found.groups()), strict=True))
        day = _day(parts)
        _require_weekday(day, parts)
        if not self.has_time:
            return day, None
        at = datetime(
            day.year,
            day.month,
            day.day,
            _hour(parts),
            int(parts.get("M", 0)),
            int(parts.get("S", 0)),
            int((parts.get("f") or parts.get("L") or "0").ljust(6, "0")),
        )
        return at, parts.get("z", "").upper() or None


def _day(parts: Mapping[str, str]) -> date:
    year = int(parts["Y"]) if "Y" in parts else _whole_year(int(parts["y"]))
    if "j" in parts:
        number = int(parts["j"])
        if not 1 <= number <= (date(year, 12, 31) - date(year, 1, 1)).days + 1:
            raise ValueError(number)
        return date.fromordinal(date(year, 1, 1).toordinal() + number - 1)
    month = int(parts["m"]) if "m" in parts else _month(parts)
    day = int(parts["d"])
    if not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        raise ValueError(day)
    return date(year, month, day)


def _month(parts: Mapping[str, str]) -> int:
    return _SHORT_MONTHS.index(parts.get("B", parts.get("b", ""))[:3]) + 1


def _whole_year(year: int) -> int:
    """Return the full year of two digits, as in POSIX: 69 to 99 are of the 20th century."""
    return year + (1900 if year >= 69 else 2000)


def _hour(parts: Mapping[str, str]) -> int:
    if "I" not in parts:
        return int(parts.get("H", 0))
    hour = int(parts["I"])
    if not 1 <= hour <= 12:
        raise ValueError(hour)
    return hour % 12 + (12 if parts["p"] == "pm" else 0)


def _require_weekday(day: date, parts: Mapping[str, str]) -> None:
    name = parts.get("A", parts.get("a"))
    if name and not WEEKDAYS[day.weekday()].startswith(name):
        raise ValueError(name)


@lru_cache(maxsize=512)
def reader(pattern: str) -> Reader:
    """Parse a pattern for reading. Raises BadPattern.

    It must name a whole day, and no part twice.
    """
    pieces = _joined(_pieces(pattern))
    form, groups = "", []
    for number, piece in enumerate(pieces):
        if not piece.name:
            # A blank matches any number of blanks, as in strptime; possessive, so without
            # backtracking.
            form += re.sub(r"(\\?\s)+", r"\\s++", re.escape(piece.text))
            continue
        beside = [*pieces[max(0, number - 1) : number], *pieces[number + 1 : number + 2]]
        form += f"({_expected(piece, any(other.name in DIGITS for other in beside))})"
        groups.append(SAME.get(piece.name, piece.name))
    _require_one_meaning(groups)
    has_time = bool(set(groups) & {"H", "I"})
    return Reader(pattern, re.compile(form, re.IGNORECASE | re.ASCII), tuple(groups), has_time)


def _joined(pieces: list[Piece]) -> list[Piece]:
    """Merge adjacent text pieces into one: %n and %t are blanks as well."""
    joined: list[Piece] = []
    for piece in pieces:
        if joined and not piece.name and not joined[-1].name:
            joined[-1] = Piece("", text=joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined


def _expected(piece: Piece, is_beside_digits: bool) -> str:
    if piece.name in DIGITS:
        least, most = DIGITS[piece.name]
        # Beside other digits, only a fixed width is unambiguous.
        return rf"\d{{{most if is_beside_digits else least},{most}}}"
    if piece.name in WORDS:
        return WORDS[piece.name]
    raise BadPattern(term("has %{name}, by which no date can be read", name=piece.name))


def _require_one_meaning(groups: list[str]) -> None:
    names = set(groups)
    if len(names) < len(groups):
        raise BadPattern(term("names one part of the date twice"))
    has_month = len(names & {"m", "B", "b"})
    if len(names & {"Y", "y"}) != 1 or (has_month, "d" in names) != (
        (0, False) if "j" in names else (1, True)
    ):
        raise BadPattern(term("has to name a whole date: one year, one month and one day"))
    if len(names & {"H", "I"}) > 1 or ("I" in names) != ("p" in names):
        raise BadPattern(term("has to name hours once: as %H, or as %I with %p"))
    if names & {"M", "S", "f", "L", "z"} and not names & {"H", "I"}:
        raise BadPattern(term("has to name the hours, too"))
