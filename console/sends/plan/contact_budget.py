"""The contact budget: how many customer-visible notices a chat gets within minutes.

A limit holds for the deliveries of one class. All customer-visible deliveries count toward it, of
whatever class: those that were delivered, may have been, or are on their way. Safety notices count
and have no limit. A plan is a forecast; the claim enforces the budget (console.sends.engine).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from console.catalogue.models import Visibility
from console.sends.models import DeliveryStatus, Reason
from console.sends.plan.contact_settings import ContactLimit
from console.sends.plan.values import ContactUse, SendPlan, Target
from console.sends.reasons import CONTACT_BUDGET_SPENT
from console.text.sentences import Sentence

# What counts at the moment of a claim. A plan also counts what waits.
TAKEN = (DeliveryStatus.SENDING, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)
PLANNED = (DeliveryStatus.PENDING, *TAKEN)

# One that has ended counts from when its outcome was recorded: the customer can't have seen it
# later. One that waits counts when it is due, or now if that has passed. OFFSET and the queries in
# brackets make the planner read only the chats' own deliveries and what belongs to these, by index.
CONTACTS = """
SELECT chat.id, d.at
FROM unnest(%(ids)s::text[]) AS chat(id)
CROSS JOIN LATERAL (
    SELECT CASE each.status
        WHEN 'pending' THEN greatest(%(now)s::timestamptz, (
            SELECT due_at FROM sends_outbox WHERE delivery_id = each.id))
        WHEN 'sending' THEN %(now)s::timestamptz
        ELSE each.finished_at END AS at
    FROM sends_delivery each
    WHERE each.interaction_id = chat.id AND each.status = ANY(%(statuses)s::text[])
        AND (each.finished_at IS NULL OR each.finished_at
            > %(at)s::timestamptz - make_interval(mins => %(minutes)s::int))
        AND (SELECT visibility FROM sends_send WHERE id = each.send_id) = 'ALL'
        AND (SELECT verdict FROM sends_resolution WHERE delivery_id = each.id AND NOT is_contested)
            IS DISTINCT FROM 'not_delivered'
    OFFSET 0) d
WHERE d.at > %(at)s::timestamptz - make_interval(mins => %(minutes)s::int)
    AND d.at < %(at)s::timestamptz + make_interval(mins => %(minutes)s::int)
ORDER BY chat.id, d.at
"""


class Contacts:
    """When each chat got, or will get, what counts toward its budget. `rows` are of CONTACTS."""

    def __init__(self, rows: Iterable[tuple[str, datetime]]) -> None:
        self.times: defaultdict[str, list[datetime]] = defaultdict(list)
        for chat, at in rows:
            self.times[chat].append(at)

    def within(self, chat: str, at: datetime, limit: ContactLimit) -> list[datetime]:
        """Return the times of a chat that count toward this limit at `at`, in order."""
        span = timedelta(minutes=limit.minutes)
        return [each for each in self.times.get(chat, ()) if at - span < each < at + span]


def contact_values(
    chats: Iterable[str],
    *,
    at: datetime,
    now: datetime,
    minutes: int,
    statuses: Collection[DeliveryStatus],
) -> dict[str, Any]:
    """Return the parameters of CONTACTS: the contacts of chats within `minutes` before and after
    `at`."""
    return {
        "ids": list(chats),
        "at": at,
        "now": now,
        "minutes": minutes,
        "statuses": [status.value for status in statuses],
    }


def limit_of(visibility: str, notice_class: str) -> ContactLimit | None:
    """Return the limit of a delivery; None if nothing limits it."""
    if visibility != Visibility.ALL:
        return None
    limit: ContactLimit | None = settings.CONTACT_BUDGET.get(str(notice_class))
    return limit


def within_budget(plan: SendPlan, *, release_at: datetime, now: datetime) -> SendPlan:
    """Return the plan without the chats whose budget is spent at `release_at`, and with what the
    others have had of theirs."""
    limit = limit_of(plan.visibility, plan.version.notice_class)
    if limit is None or not plan.ready:
        return plan
    chats = [target.interaction_id for target in plan.ready]
    values = contact_values(chats, at=release_at, now=now, minutes=limit.minutes, statuses=PLANNED)
    with connection.cursor() as cursor:
        cursor.execute(CONTACTS, values)
        contacts = Contacts(cursor.fetchall())
    had = {chat: contacts.within(chat, release_at, limit) for chat in chats}
    targets = [
        _skipped(target, had[target.interaction_id], limit)
        if not target.reason and len(had[target.interaction_id]) >= limit.number
        else target
        for target in plan.targets
    ]
    use = {chat: len(times) for chat, times in had.items() if len(times) < limit.number}
    return replace(plan, targets=targets, contacts=ContactUse(limit.number, limit.minutes, use))


def spent(times: Sequence[datetime], limit: ContactLimit) -> Sentence:
    """Return what is said of a chat whose budget these times, in order, have spent."""
    # The next one is possible when so many have passed that fewer than the limit are left.
    passing = times[len(times) - limit.number]
    return CONTACT_BUDGET_SPENT(
        had=len(times),
        limit=limit.number,
        minutes=limit.minutes,
        next_at=_to_the_minute(passing, limit),
    )


def _to_the_minute(passing: datetime, limit: ContactLimit) -> datetime:
    """Return when the contact stops counting, rounded up to a minute: so few sentences of a step
    differ, and chats are recorded together."""
    at = passing + timedelta(minutes=limit.minutes)
    whole = at.replace(second=0, microsecond=0)
    return timezone.localtime(whole if whole == at else whole + timedelta(minutes=1))


def _skipped(target: Target, times: list[datetime], limit: ContactLimit) -> Target:
    return Target(
        interaction_id=target.interaction_id,
        customer_name=target.customer_name,
        chat_server_name=target.chat_server_name,
        reason=Reason.CONTACT_BUDGET.value,
        detail=spent(times, limit),
        chat_locale=target.chat_locale,
    )
