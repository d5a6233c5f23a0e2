"""Parts of pages that are made of plain values alone: each is drawn once a process, and kept.

A row of a list that has not changed is the same for everybody who may see the same of it. So a part
is kept by all that its template can read: the values that it is given, and the language. It is
given no request, no person and no model, and what is not given it can't show. Whoever draws a page
reads the values of this request first, as the person may see them. So a part can't be stale, and
can't show what somebody else may see.

The one thing that goes on by itself is the time. How long ago something was is left out of what is
kept (`passing`), and filled in for each page.

A part that nobody has asked for is forgotten after KEPT_SECONDS to twice of it, so that a text does
not stay in memory for long after it was erased.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar
from datetime import date, datetime
from enum import Enum
from html import escape
from secrets import token_hex
from typing import Any

from django.template import Context, engines
from django.utils.safestring import SafeString
from django.utils.translation import get_language

# Characters of what is kept, in each of the two halves.
MOST_KEPT = 8_000_000
KEPT_SECONDS = 300.0
# Between what is kept and what is filled in. No text of PostgreSQL has it.
MARK = "\0"
# A text with more than its letters, such as a sentence that can be translated, is not among them.
PLAIN = frozenset({str, SafeString, int, float, bool, date, datetime, type(None)})

# Stands for a token in what is kept. Nobody can write it into a text.
_STAND_IN = token_hex(16)

Say = Callable[[datetime], str]
# What stands in a part for good, and what is said of a moment when the part is shown.
Piece = str | tuple[Say, datetime]
_left_out: ContextVar[list[tuple[Say, datetime]] | None] = ContextVar("left_out", default=None)


class _Halves:
    """What was asked for lately, and what was before. What is asked for goes to the first half."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._new: dict[Hashable, list[Piece]] = {}
        self._old: dict[Hashable, list[Piece]] = {}
        self._size, self._turned_at = 0, time.monotonic()

    def get(self, key: Hashable) -> list[Piece] | None:
        if time.monotonic() > self._turned_at + KEPT_SECONDS:
            self._turn()
        found = self._new.get(key)
        if found is None and (found := self._old.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: Hashable, pieces: list[Piece]) -> None:
        self._new[key] = pieces
        self._size += sum(len(piece) for piece in pieces)
        if self._size > MOST_KEPT:
            self._turn()

    def _turn(self) -> None:
        self._new, self._old = {}, self._new
        self._size, self._turned_at = 0, time.monotonic()


_kept = _Halves()


def forget() -> None:
    """Forget all parts, for tests that change settings."""
    _kept.clear()


def part(template: str, values: Mapping[str, Any]) -> SafeString:
    """Return the template with these values and no others, drawn once for all pages.

    Raises TypeError for a value that is not plain: a text, a number, a moment, None, or a tuple of
    such. What is equal in another type is not the same on a page: 1 and True, or a text that is
    safe in HTML. A part can't have another one in it: RuntimeError.
    """
    if _left_out.get() is not None:
        raise RuntimeError(f"{template} is inside of a part that is kept")
    given = tuple(values.values())
    key = (template, get_language(), tuple(values), given, tuple(map(type, given)))
    pieces = _kept.get(key)
    if pieces is None:
        pieces = _drawn(template, values)
        _kept.put(key, pieces)
    return SafeString("".join(map(_shown, pieces)))


def part_with_form(template: str, values: Mapping[str, Any], token: str) -> SafeString:
    """Return a part that has a form with `{% csrf_token %}`. The token is this request's own: it is
    put in when the part is shown, and not kept."""
    html = part(template, {**values, "csrf_token": _STAND_IN})
    return SafeString(html.replace(_STAND_IN, escape(token)))


def _shown(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    say, moment = piece
    return say(moment)


def passing(say: Say, moment: datetime) -> str:
    """Return what `say` says of the moment: now; in a part that is kept, whenever it is shown."""
    left_out = _left_out.get()
    if left_out is None:
        return say(moment)
    left_out.append((say, moment))
    return f"{MARK}{len(left_out) - 1}{MARK}"


def _drawn(template: str, values: Mapping[str, Any]) -> list[Piece]:
    for name, value in values.items():
        _require_plain(name, value)
    django: Any = engines["django"]
    token = _left_out.set([])
    try:
        html = django.engine.get_template(template).render(Context(dict(values)))
        left_out = _left_out.get() or []
    finally:
        _left_out.reset(token)
    texts = str(html).strip().split(MARK)
    # Every second one is the number of what is left out.
    return [left_out[int(text)] if at % 2 else text for at, text in enumerate(texts)]


def _require_plain(name: str, value: Any) -> None:
    if isinstance(value, tuple):
        for each in value:
            _require_plain(name, each)
    elif type(value) not in PLAIN and not isinstance(value, Enum):
        raise TypeError(f"{name} is a {type(value).__name__}, which can't be kept by its value")
