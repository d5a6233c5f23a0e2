"""Keeps a chat from getting the same notice twice within minutes, whoever sends it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from console.catalogue.models import CannedNotice, NoticeVersion
from console.sends.models import DeliveryStatus, Reason
from console.sends.plan.values import SendPlan, Target
from console.sends.reasons import GOT_IT, MAY_HAVE_IT, ON_ITS_WAY, WAITS_ALREADY, WAITS_UNTIL
from console.text.sentences import Sentence, counted, term

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
