"""Writes who was shown customers' texts (CONSOLE_RECORD_READING).

The request that shows them writes a row before its answer leaves, so that nothing is lost if a
process dies. A worker moves the rows into the ledger a few seconds later, those of one person
together: pages do not wait for the chain's lock.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest

from console.actors import Actor
from console.audit.actions import Action
from console.audit.chain import canonical_time
from console.audit.models import Reading
from console.audit.services import record
from console.database.clock import near_now
from console.site.access import actor_of

READINGS_A_TIME = 500
READINGS_AN_ENTRY = 50
TARGET = ("texts", "customers", "customers' texts")


def shows_texts(request: HttpRequest, chats: Iterable[str]) -> None:
    """Record that the answer to this request shows texts of these chats' customers."""
    match = request.resolver_match
    texts_shown(actor_of(request), match.view_name if match else "", chats)


def texts_shown(actor: Actor, place: str, chats: Iterable[str]) -> None:
    """Record that somebody is shown texts of these chats' customers, at the place of this name."""
    if not settings.RECORD_READING or actor.is_system:
        return
    shown = sorted({str(chat) for chat in chats})
    if shown:
        Reading.objects.create(
            at=near_now(),
            actor_ref=actor.ref,
            actor_name=actor.name,
            place=place,
            chats=shown,
        )


def readings_enter() -> int:
    """Enter the oldest rows in the ledger, delete them, and return how many they were."""
    with transaction.atomic():
        held = Reading.objects.select_for_update(skip_locked=True).order_by("pk")
        rows = list(held[:READINGS_A_TIME])
        of_person: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            said = {"at": canonical_time(row.at), "place": row.place, "chats": row.chats}
            of_person[row.actor_ref, row.actor_name].append(said)
        for (ref, name), reads in of_person.items():
            for start in range(0, len(reads), READINGS_AN_ENTRY):
                part = reads[start : start + READINGS_AN_ENTRY]
                record(Actor(ref, name), Action.TEXTS_READ, target=TARGET, data={"reads": part})
        Reading.objects.filter(pk__in=[row.pk for row in rows]).delete()
    return len(rows)
