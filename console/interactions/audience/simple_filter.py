"""The short form of an audience: one value for each of some fields, all of which must hold.

The API calls it `filter`; the selects above the board say it.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.db.models import Q

from console.actors import Actor
from console.errors import InvalidInput
from console.interactions.audience.audience import Audience
from console.interactions.audience.values import Condition, Everyone, Op, group
from console.text.visible import is_blank

WORDS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True)
class InteractionFilter:
    """Which chats: the same for the board, the API and a send to "all that match".

    `team` is a team's name, `waiting_longer_than` is in seconds since the chat was received. `all`
    explicitly means every chat, and stands alone. An empty filter narrows nothing and is for lists;
    a send refuses it (`require_said`).
    """

    queue: str = ""
    agent: str = ""
    chat_server: str = ""
    locale: str = ""
    team: str = ""
    online: bool | None = None
    q: str = ""
    waiting_longer_than: int | None = None
    all: bool = False

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Self:
        """Read a filter from query parameters or JSON. Raises InvalidInput for an unknown filter or
        value, and for an empty value, which is a variable that nobody has filled in."""
        unknown = sorted(set(raw) - set(cls.__dataclass_fields__))
        if unknown:
            raise InvalidInput(
                "unknown_filter",
                "There is no filter {unknown}; use {known}.",
                unknown=unknown,
                known=list(cls.__dataclass_fields__),
            )
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if value is None or (isinstance(value, str) and is_blank(value)):
                raise InvalidInput(
                    "invalid_filter",
                    "{name} is empty: give a value, or leave it out.",
                    {"field": name},
                    name=name,
                )
            if name == "online":
                values[name] = _boolean(value)
            elif name == "all":
                values[name] = _every(value, len(raw))
            elif name == "waiting_longer_than":
                values[name] = _seconds(value)
            else:
                values[name] = _text(name, value)
        return cls(**values)

    def to_mapping(self) -> dict[str, Any]:
        """Return what is set, in types that JSON has."""
        given = {name: value for name, value in asdict(self).items() if value not in ("", None)}
        if not self.all:
            del given["all"]
        return given

    def require_said(self) -> None:
        """Raise InvalidInput if the filter is empty: every chat must be chosen explicitly."""
        if not self.to_mapping():
            raise InvalidInput(
                "filter_empty",
                'The filter says nothing. Say which chats, for example {"queue": "billing"}, or '
                '{"all": true} for every live chat that you see.',
                {"field": "filter"},
            )

    def to_audience(self) -> Audience:
        """Return it as an audience; an empty one is everyone, as for a list."""
        conditions = [
            Condition(name, Op.IS, (value,))
            for name, value in (
                ("queue", self.queue),
                ("agent", self.agent),
                ("chat_server", self.chat_server),
                ("language", self.locale),
                ("team", self.team),
                ("online", self.online),
            )
            if value not in ("", None)
        ]
        if self.q:
            conditions.append(Condition("text", Op.CONTAINS, (self.q,)))
        if self.waiting_longer_than is not None:
            conditions.append(Condition("waiting", Op.MORE_THAN, (self.waiting_longer_than,)))
        return Audience(group(tuple(conditions)) if conditions else Everyone())

    def to_condition(self, actor: Actor) -> Q:
        """Return the condition for chats, as that of the audience. Raises what it raises."""
        return self.to_audience().to_condition(actor)


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in WORDS:
        raise InvalidInput("invalid_filter", "online: use true or false.", {"field": "online"})
    return WORDS[str(value).lower()]


def _every(value: object, given: int) -> bool:
    if value is not True and str(value).lower() != "true":
        raise InvalidInput("invalid_filter", "all: say true, or leave it out.", {"field": "all"})
    if given > 1:
        raise InvalidInput(
            "invalid_filter",
            "all means every chat and stands alone: leave it or the other filters out.",
            {"field": "all"},
        )
    return True


def _seconds(value: object) -> int:
    written = str(value)
    seconds = int(written) if re.fullmatch("[0-9]{1,10}", written, re.ASCII) else -1
    if not 0 <= seconds <= 10**9:
        raise InvalidInput(
            "invalid_filter",
            "waiting_longer_than: use a whole number of seconds.",
            {"field": "waiting_longer_than"},
        )
    return seconds


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or "\0" in value or len(value) > 255:
        raise InvalidInput(
            "invalid_filter",
            "{name}: use a text of at most 255 characters.",
            {"field": name},
            name=name,
        )
    return value.strip()
