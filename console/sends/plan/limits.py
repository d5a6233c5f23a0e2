"""What earlier sends leave to a new one: how many chats a person may send to within an hour and
without approval (quota), and which chats get the same notice within minutes (resend guard).

A person's sends include those of all API clients that they own. A client without an owner counts by
itself.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, Sum

from console.accounts.own_work import own_refs
from console.actors import Actor
from console.catalogue.models import CannedNotice, NoticeVersion
from console.errors import TooManyRequests
from console.sends.models import Delivery, DeliveryStatus, Reason, Send, SendStatus
from console.sends.plan.values import SendPlan, Target
from console.sends.reasons import GOT_IT, MAY_HAVE_IT, ON_ITS_WAY, WAITS_ALREADY, WAITS_UNTIL
from console.text.sentences import Sentence, counted, term

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
    sends = Send.objects.filter(theirs, _not_called_off(), is_test=False).order_by("pk")
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
        is_test=False,
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


# --- The resend guard ----------------------------------------------------------------------------

# Any fixed number will do: it separates these locks from others in the same database.
GUARD_LOCK = 0x4E47
# A pending delivery counts at its send's release, or now if that has passed. Of several deliveries
# the nearest in time counts. MATERIALIZED and OFFSET make the planner read only the chats' own
# deliveries, by their index: a much used notice may have millions.
RECENT = """
WITH theirs AS MATERIALIZED (
    SELECT chat.id, d.send_id, d.status, d.attempted_at
    FROM unnest(%(ids)s::text[]) AS chat(id)
    CROSS JOIN LATERAL (
        SELECT send_id, status, attempted_at FROM sends_delivery
        WHERE interaction_id = chat.id
            AND status IN ('pending', 'sending', 'delivered', 'unknown')
        OFFSET 0) d),
moments AS (
    SELECT theirs.id, theirs.status,
        CASE WHEN theirs.status = 'pending' THEN greatest(s.release_at, %(now)s)
             ELSE theirs.attempted_at END AS at
    FROM theirs
    JOIN sends_send s ON s.id = theirs.send_id
    WHERE s.version_id = ANY(%(versions)s) AND s.id <> ALL(%(apart_from)s))
SELECT DISTINCT ON (id) id, status, at
FROM moments
WHERE at > %(release_at)s - make_interval(mins => %(minutes)s)
    AND at < %(release_at)s + make_interval(mins => %(minutes)s)
ORDER BY id, greatest(at - %(release_at)s, %(release_at)s - at)
"""


class _Recent(NamedTuple):
    chat: str
    status: str
    at: datetime


def guards() -> bool:
    """Return whether the site has the resend guard on."""
    return bool(settings.RESEND_GUARD_MINUTES)


def hold_notice(notice: CannedNotice) -> None:
    """Lock a notice until the transaction ends, so that nobody else makes a send of it: two sends
    at the same moment would not see each other. Does not lock its row, which an import would hold
    up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [GUARD_LOCK, notice.pk])


def guarded(
    plan: SendPlan, *, release_at: datetime, now: datetime, apart_from: Collection[int] = ()
) -> SendPlan:
    """Return the plan without the chats that get its notice, in any version, within the guarded
    minutes before or after `release_at`. Sends in `apart_from` do not count."""
    if not guards() or not plan.ready:
        return plan
    found = {recent.chat: recent for recent in _recent(plan, release_at, now, apart_from)}
    return replace(
        plan,
        targets=[
            _skipped(target, found[target.interaction_id], now)
            if not target.reason and target.interaction_id in found
            else target
            for target in plan.targets
        ],
    )


def _recent(
    plan: SendPlan, release_at: datetime, now: datetime, apart_from: Collection[int]
) -> list[_Recent]:
    versions = NoticeVersion.objects.filter(notice=plan.version.notice_id)
    with connection.cursor() as cursor:
        cursor.execute(
            RECENT,
            {
                "ids": [target.interaction_id for target in plan.ready],
                "versions": list(versions.values_list("pk", flat=True)),
                "apart_from": list(apart_from),
                "now": now,
                "release_at": release_at,
                "minutes": settings.RESEND_GUARD_MINUTES,
            },
        )
        return [_Recent(*row) for row in cursor.fetchall()]


def _skipped(target: Target, recent: _Recent, now: datetime) -> Target:
    return Target(
        interaction_id=target.interaction_id,
        customer_name=target.customer_name,
        chat_server_name=target.chat_server_name,
        reason=Reason.RECENTLY_SENT.value,
        detail=_when(recent, now),
        chat_locale=target.chat_locale,
    )


def _when(recent: _Recent, now: datetime) -> Sentence:
    if recent.status == DeliveryStatus.PENDING:
        if recent.at > now:
            return WAITS_UNTIL(span=_minutes(recent.at - now))
        return WAITS_ALREADY()
    if recent.status == DeliveryStatus.SENDING:
        return ON_ITS_WAY()
    got = MAY_HAVE_IT if recent.status == DeliveryStatus.UNKNOWN else GOT_IT
    return got(span=_minutes(now - recent.at))


def _minutes(span: timedelta) -> Sentence:
    minutes = max(0, round(span.total_seconds() / 60))
    if minutes == 0:
        return term("less than a minute")
    return counted("{n:,} minute", "{n:,} minutes", n=minutes)
