"""Follow-ups to a send: the board with those whom it reached, or may not have reached."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from console.actors import Actor, Permission
from console.errors import ConsoleError
from console.interactions.audience.audience import Audience
from console.interactions.selectors import interactions_visible
from console.sends.models import DeliveryStatus


@dataclass(frozen=True, slots=True)
class FollowUp:
    """`number` of its chats are live; `url` opens the board with all of them chosen."""

    words: str
    number: int
    url: str


def follow_ups(actor: Actor, send_id: int, counts: dict[str, int]) -> list[FollowUp]:
    """Return what may be written to a send's chats, by outcomes that there are."""
    if not (actor.may(Permission.SEND) and actor.may(Permission.VIEW_INTERACTIONS)):
        return []
    kinds: list[tuple[Any, str]] = [
        ((DeliveryStatus.DELIVERED,), _("Write to those who got it")),
        (
            (DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN),
            _("Write to those whose outcome is unknown or failed"),
        ),
    ]
    return [
        found
        for statuses, words in kinds
        if any(counts[status] for status in statuses)
        and (found := _follow_up(actor, send_id, statuses, words)) is not None
    ]


def _follow_up(
    actor: Actor, send_id: int, statuses: tuple[str, ...], words: str
) -> FollowUp | None:
    received = {"send": send_id, "outcome": [str(status) for status in statuses]}
    audience = Audience.from_mapping({"received": received})
    try:
        number = interactions_visible(actor, audience).count()
    except ConsoleError:  # a send that this person may not build on
        return None
    query = urlencode({"audience": audience.to_text(), "select": "all"})
    return FollowUp(words, number, f"{reverse('board')}?{query}")
