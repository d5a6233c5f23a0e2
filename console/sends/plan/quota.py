"""How many chats a person may send to within an hour, and how many without approval.

A person's sends include those of all API clients that they own. A client without an owner counts by
itself.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, Sum

from console.accounts.own_work import own_refs
from console.actors import Actor
from console.catalogue.models import CannedNotice
from console.errors import TooManyRequests
from console.sends.models import Delivery, Send, SendStatus
from console.text.sentences import counted, term

PERIOD = timedelta(hours=1)
# Any fixed number will do: it separates these locks from others in the same database.
QUOTA_LOCK = 0x4E51


@dataclass(frozen=True, slots=True)
class Quota:
    """How many chats a person may still send to. `used` has (time, chats), oldest first."""

    limit: int
    used: list[tuple[datetime, int]]

    @property
    def left(self) -> int:
        return max(0, self.limit - sum(chats for _at, chats in self.used))

    def free_at(self, wanted: int) -> datetime | None:
        """Return when `wanted` chats are left; None if never."""
        left = self.limit - sum(chats for _at, chats in self.used)
        for at, chats in self.used:
            left += chats
            if left >= wanted:
                return at + PERIOD
        return None


def quota_of(actor: Actor, now: datetime) -> Quota | None:
    """Return the actor's quota; None if the actor is not limited."""
    if not _is_limited(actor):
        return None
    theirs = Q()
    for ref in own_refs(actor):
        before = Send.objects.filter(actor_ref=ref, created_at__lte=now - PERIOD).order_by("-pk")
        last = before.values_list("pk", flat=True).first()
        theirs |= Q(actor_ref=ref, pk__gt=last or 0)
    sends = Send.objects.filter(theirs, _not_called_off()).order_by("pk")
    return Quota(settings.HOURLY_QUOTA, list(sends.values_list("created_at", "ready_count")))


def sent_alone(
    actor: Actor, notice: CannedNotice, release_at: datetime, *, apart_from: Collection[int] = ()
) -> int:
    """Return how many chats get the notice, in any version, within an hour of `release_at` by sends
    of this person that nobody else approves. Sends in `apart_from` do not count."""
    if not settings.APPROVAL_ABOVE:
        return 0
    sends = Send.objects.filter(
        _not_called_off(),
        actor_ref__in=own_refs(actor),
        release_at__gt=release_at - PERIOD,
        release_at__lt=release_at + PERIOD,
        version__notice=notice,
        approved_by_ref="",
    )
    sends = sends.exclude(status=SendStatus.AWAITING_APPROVAL).exclude(pk__in=apart_from)
    total: int | None = sends.aggregate(total=Sum("ready_count"))["total"]
    return total or 0


def _not_called_off() -> Q:
    left_something = Exists(Delivery.objects.filter(send=OuterRef("pk"), attempts__gt=0))
    return ~Q(status=SendStatus.CANCELLED) | Q(left_something)


def hold_quota(actor: Actor) -> None:
    """Lock this person's quota until the transaction ends. Their other sends wait for it."""
    if _is_limited(actor) or settings.APPROVAL_ABOVE:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [QUOTA_LOCK, actor.person_ref]
            )


def exceeded(quota: Quota | None, wanted: int, now: datetime) -> TooManyRequests | None:
    """Return the refusal of a send to `wanted` chats; None within the quota."""
    if quota is None or wanted <= quota.left:
        return None
    free_at = quota.free_at(wanted)
    if free_at is None:
        seconds, advice = None, term("Choose fewer chats.")
    else:
        seconds = max(1, math.ceil((free_at - now).total_seconds()))
        advice = counted(
            "Choose fewer chats, or send it in a minute.",
            "Choose fewer chats, or send it in {n} minutes.",
            n=math.ceil(seconds / 60),
        )
    return TooManyRequests(
        "quota_exceeded",
        "This send is to {wanted:,} chats. Of the {limit:,} to which a person or a program may "
        "send within an hour {left:,} are left. {advice}",
        {"limit": quota.limit, "left": quota.left},
        retry_after=seconds,
        wanted=wanted,
        limit=quota.limit,
        left=quota.left,
        advice=advice,
    )


def require_quota(actor: Actor, wanted: int, now: datetime) -> None:
    """Raise TooManyRequests if `wanted` chats exceed the quota. Call it after `hold_quota`."""
    refusal = exceeded(quota_of(actor, now), wanted, now)
    if refusal is not None:
        raise refusal


def _is_limited(actor: Actor) -> bool:
    return bool(settings.HOURLY_QUOTA) and not actor.is_system
