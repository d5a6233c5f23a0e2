"""The results of a search: hits in groups, the best match first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

MOST_A_GROUP = 5


class Match(IntEnum):
    """How well a hit matches the typed text. Lower is better."""

    EXACT = 0  # its shortcut, key, id or number
    NAME = 1
    PREFIX = 2
    WORDS = 3
    # A link to a page's own search, whether it finds anything or not.
    OFFER = 9


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that can be opened. `facts` and `moment` distinguish hits of the same title.

    `ref` ("notice:late") is the reference that the browser stores for recent items.
    """

    title: str
    url: str
    icon: str
    facts: Sequence[str] = ()
    moment: datetime | None = None
    status: str = ""
    visibility: str = ""
    ref: str = ""
    match: Match = Match.WORDS


@dataclass(frozen=True, slots=True)
class Group:
    """The hits of one kind. `more_url` leads to all of them on their own page."""

    name: str
    label: str
    hits: list[Hit] = field(default_factory=list)
    more_url: str = ""
    more_words: str = ""

    @property
    def match(self) -> Match:
        return min((hit.match for hit in self.hits), default=Match.OFFER)


def fit(asked: str, *names: str, exact: Sequence[str] = ()) -> Match:
    """Return how well the names, and the identifiers in `exact`, match the typed text."""
    typed = asked.strip().casefold()
    written = [name.casefold() for name in exact if name]
    named = [name.casefold() for name in names if name]
    if typed in written:
        return Match.EXACT
    if typed in named:
        return Match.NAME
    if any(name.startswith(typed) for name in (*written, *named)):
        return Match.PREFIX
    return Match.WORDS


def best_first(hits: list[Hit]) -> list[Hit]:
    """Sort hits by their match; equal ones keep their order."""
    return sorted(hits, key=lambda hit: hit.match)
