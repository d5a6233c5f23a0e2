"""The rows of the live board: those of a page, and what became of those that somebody looks at.

A page of the board asks again and again, and says which chats it shows. Rows that stand there are
told of although the chat has ended or is on another page by now, so that they change where they
are. Each row has a revision, which tells whether anything of it is new.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.actors import Actor
from console.interactions.models import Interaction
from console.interactions.selectors import InteractionFilter, interactions_visible

LONG_WAIT_SECONDS = 300
SHOWN_LIMIT = 300
ID_LENGTH = 64
# Of a chat, by templates/board/_row.html.
LOOKED_AT = (
    *("is_online", "customer_name", "queue", "locale", "agent", "chat_server_name"),
    *("received_at", "ended_at"),
)


class State(TextChoices):
    """Why a row that somebody looks at will not be there the next time."""

    LIVE = "", ""
    ENDED = "ended", _("ended")
    LEFT = "left", _("left this list")
    GONE = "gone", _("not yours to see any more")


@dataclass(frozen=True, slots=True)
class Row:
    """`chat` is None for one that the person may not see (any more)."""

    id: str
    chat: Interaction | None
    state: State = State.LIVE

    @property
    def waits_long(self) -> bool:
        return self.chat is not None and self.chat.waiting_seconds >= LONG_WAIT_SECONDS

    @property
    def css(self) -> str:
        """The classes of a row that is not as usual, each with a blank before it."""
        offline = self.chat is None or not self.chat.is_online or self.state
        return (" board__row--offline" if offline else "") + (
            " board__row--over" if self.state else ""
        )

    @property
    def select_words(self) -> str:
        """What its check box is called."""
        name = (self.chat.customer_name or self.chat.pk) if self.chat else self.id
        words = gettext("Select %(name)s") % {"name": name}
        return f"{words} ({self.state.label})" if self.state else words

    @property
    def revision(self) -> str:
        """The same as long as the row looks the same."""
        facts: list[object] = [self.state.value, self.waits_long]
        if self.chat is not None:
            facts += [getattr(self.chat, name) for name in LOOKED_AT]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def rows_of(chats: Iterable[Interaction]) -> list[Row]:
    return [Row(chat.pk, chat) for chat in chats]


def shown_ids(request: HttpRequest) -> list[str]:
    """The chats that the page shows, as it says."""
    ids = request.GET.get("shown", "").split("\n")[:SHOWN_LIMIT]
    return [each for each in ids if 0 < len(each) <= ID_LENGTH and each.isprintable()]


def rows_elsewhere(
    actor: Actor, chosen: InteractionFilter, shown: Sequence[str], page: Sequence[Row]
) -> list[Row]:
    """Those of `shown` that are not on the page (any more), as they are now."""
    there = {row.id for row in page}
    missing = [each for each in shown if each not in there]
    if not missing:
        return []
    known = interactions_visible(actor, live_only=False).in_bulk(missing)
    matching = set(
        interactions_visible(actor, chosen).filter(pk__in=missing).values_list("pk", flat=True)
    )
    return [Row(each, known.get(each), _state(known.get(each), matching)) for each in missing]


def _state(chat: Interaction | None, matching: set[str]) -> State:
    if chat is None:
        return State.GONE
    if chat.ended_at is not None:
        return State.ENDED
    return State.LIVE if chat.pk in matching else State.LEFT
