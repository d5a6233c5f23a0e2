"""The rows of the live board: those of a page, and those that a browser shows already.

The page polls, and sends the ids of the chats that it shows. The response covers these even if a
chat has ended or moved to another page, so that they change in place. Each row has a revision,
which tells whether it has changed.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from console.sends.last_notices import LastNotice, last_notices
from console.web.board.chosen import Chosen
from console.web.board.columns import COLUMNS
from console.web.kept import part

LONG_WAIT_SECONDS = 300
SHOWN_LIMIT = 300
ID_LENGTH = 64
# The fields of a chat by which a row looks different: its state, and what the columns sort by.
LOOKED_AT = (
    *("is_online", "ended_at"),
    *dict.fromkeys(name.removeprefix("-") for column in COLUMNS for name in column.fields),
)

# The fields of a chat that a row shows.
SHOWN = (
    *("is_online", "customer_name", "queue", "locale", "received_at", "ended_at", "agent"),
    "chat_server_name",
)


class State(TextChoices):
    """Why a shown row will not be there the next time."""

    LIVE = "", ""
    ENDED = "ended", _("ended")
    LEFT = "left", _("left this list")
    GONE = "gone", _("not yours to see any more")


@dataclass(frozen=True, slots=True)
class Row:
    """A row. `chat` is None if the person may not (or no longer) see it."""

    id: str
    chat: Interaction | None
    state: State = State.LIVE
    last: LastNotice | None = None

    @property
    def waits_long(self) -> bool:
        return self.chat is not None and self.chat.waiting_seconds >= LONG_WAIT_SECONDS

    @property
    def css(self) -> str:
        """The extra CSS classes of the row, each with a blank before it."""
        offline = self.chat is None or not self.chat.is_online or self.state
        return (" board__row--offline" if offline else "") + (
            " board__row--over" if self.state else ""
        )

    @property
    def revision(self) -> str:
        """A digest that changes whenever the row looks different."""
        facts: list[object] = [self.state.value, self.waits_long, self.last]
        if self.chat is not None:
            facts += [_value(self.chat, name) for name in LOOKED_AT]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]

    def html(self, *, may_send: bool, is_selected: bool = False) -> SafeString:
        """Return the row as HTML. The template has no other values than these."""
        state = self.state
        values: dict[str, Any] = {
            "id": self.id,
            "css": self.css,
            "revision": self.revision,
            "state": state.value,
            "state_words": str(state.label),
            "is_seen": self.chat is not None,
        }
        if self.chat is not None:
            chat, last = self.chat, self.last
            values |= {
                "waits_long": self.waits_long,
                "last_title": last.title if last else "",
                "last_at": last.at if last else None,
                "may_send": may_send,
                "is_selected": is_selected,
                "demo": bool(settings.DEMO_SIMULATORS),
                **{name: getattr(chat, name) for name in SHOWN},
            }
        return part("board/_row.html", values)


def _value(chat: Interaction, path: str) -> object:
    """Return the value of a field, or of a key in it, as `user_data__Segment` names one."""
    found: object = chat
    for name in path.split("__"):
        found = found.get(name) if isinstance(found, dict) else getattr(found, name)
    return found


def rows_of(actor: Actor, chats: Iterable[Interaction]) -> list[Row]:
    shown = list(chats)
    last = last_notices(actor, [chat.pk for chat in shown])
    return [Row(chat.pk, chat, last=last.get(chat.pk)) for chat in shown]


def shown_ids(request: HttpRequest) -> list[str]:
    """Return the ids of the chats that the page shows, as sent by it."""
    ids = request.GET.get("shown", "").split("\n")[:SHOWN_LIMIT]
    return [each for each in ids if 0 < len(each) <= ID_LENGTH and each.isprintable()]


def rows_elsewhere(
    actor: Actor, chosen: Chosen, shown: Sequence[str], page: Sequence[Row]
) -> list[Row]:
    """Return those of `shown` that are not on the page, in their present state."""
    there = {row.id for row in page}
    missing = [each for each in shown if each not in there]
    if not missing:
        return []
    known = interactions_visible(actor, live_only=False).in_bulk(missing)
    matching = set(
        interactions_visible(actor, chosen).filter(pk__in=missing).values_list("pk", flat=True)
    )
    last = last_notices(actor, known)
    return [
        Row(each, known.get(each), _state(known.get(each), matching), last.get(each))
        for each in missing
    ]


def _state(chat: Interaction | None, matching: set[str]) -> State:
    if chat is None:
        return State.GONE
    if chat.ended_at is not None:
        return State.ENDED
    return State.LIVE if chat.pk in matching else State.LEFT
