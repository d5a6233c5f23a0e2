"""What a search finds: hits in groups, the best match first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

MOST_A_GROUP = 5


class Match(IntEnum):
    """How well a hit fits what was typed. The lower, the better."""

    EXACT = 0  # its shortcut, key, id or number
    NAME = 1
    PREFIX = 2
    WORDS = 3
    # An offer that does not depend on whether anything is found there.
    OFFER = 9


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that can be opened. `facts` and `moment` tell it apart from others of its title.

    `ref` ("notice:late") is what the browser keeps of it as a recent.
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
    """The hits of one kind. `more` leads to all of them on their own page."""

    name: str
    label: str
    hits: list[Hit] = field(default_factory=list)
    more_url: str = ""
    more_words: str = ""

    @property
    def match(self) -> Match:
        return min((hit.match for hit in self.hits), default=Match.OFFER)


def fit(asked: str, *names: str, exact: Sequence[str] = ()) -> Match:
    """How well names, and what is written in one way only (`exact`), fit what was typed."""
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
    """By how well they match; of equals the order stays."""
    return sorted(hits, key=lambda hit: hit.match)
