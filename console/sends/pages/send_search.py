"""Search for sends: by number, by notice and by sender.

Sends have no full-text index. So words are searched among the newest sends only, and the page says
so; a number finds any send.
"""

import re
from collections.abc import Iterator

from django.db.models import Q, QuerySet

from console.actors import Actor, Permission
from console.sends.models import Delivery, Send
from console.sends.selectors import deliveries_visible, sends_of, sends_seen

SEARCHED = 2000
# As in "12", "#12" and "send 12". 18 digits always fit PostgreSQL's bigint.
NUMBER = re.compile(r"(?:send\s*)?#?\s*([0-9]{1,18})", re.ASCII | re.IGNORECASE)


def send_number(q: str) -> int | None:
    """Return the number of a send if that is what was typed."""
    written = NUMBER.fullmatch(q.strip())
    return int(written[1]) if written else None


def send_ids_found(actor: Actor, q: str) -> list[int]:
    """Return the sends that the actor sees and `q` finds: the one with this number, then the newest
    whose notice or sender contains all of the words."""
    number = send_number(q)
    numbered = (
        [] if number is None else list(sends_of(actor, [number]).values_list("pk", flat=True))
    )
    found: list[int] = []
    words = Q()
    for word in q.removeprefix("/").split():
        words &= (
            Q(version__notice__title__icontains=word)
            | Q(version__notice__key__icontains=word)
            | Q(version__notice__shortcut__istartswith=word)
            | Q(actor_name__icontains=word)
        )
    if words:
        for among in _newest(actor):
            found += among.filter(words).order_by("-pk").values_list("pk", flat=True)[:SEARCHED]
    return list(dict.fromkeys([*numbered, *sorted(found, reverse=True)]))[:SEARCHED]


def _newest(actor: Actor) -> Iterator[QuerySet[Send]]:
    """Yield the actor's own newest sends, then those of the newest of all that the actor sees."""
    own = Send.objects.filter(actor_ref=actor.ref, is_test=False)
    oldest = own.order_by("-pk").values_list("pk", flat=True)[SEARCHED - 1 : SEARCHED]
    yield own.filter(pk__gte=next(iter(oldest), 0))
    others = (Permission.VIEW_HISTORY, Permission.APPROVE_SENDS, Permission.ADMINISTER)
    if any(actor.may(permission) for permission in others):
        newest = Send.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        yield sends_seen(actor).filter(pk__gt=newest - SEARCHED)


def chat_deliveries(actor: Actor, ids: list[str]) -> QuerySet[Delivery]:
    """Return the deliveries to these chats that the actor may read, newest first."""
    return deliveries_visible(actor).filter(interaction_id__in=ids)
