"""Writes the locks of the contact budget, and enforces it in the transaction of a claim.

Each Chat Server has a drain of its own, perhaps in another worker on another machine, and a chat
may move from one to another. So a claim locks the chats to which it is about to send under a limit,
and counts after that: of two drains the second waits for the first one's commit, and sees its
claim. All lock chats in the order of their ids, in one statement a step, so no two wait for each
other. A site without a budget locks and reads nothing.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.db import connection

from console.catalogue.models import Visibility
from console.database.connections import execute_rows
from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.models import DeliveryStatus, Reason
from console.sends.plan.contact_budget import (
    CONTACTS,
    TAKEN,
    Contacts,
    contact_values,
    limit_of,
    spent,
)
from console.sends.plan.contact_settings import ContactLimit

LOCK = """
INSERT INTO sends_contact (interaction_id, locked_at)
SELECT id, %(now)s::timestamptz FROM unnest(%(ids)s::text[]) AS chat(id) ORDER BY id
ON CONFLICT (interaction_id) DO UPDATE SET locked_at = EXCLUDED.locked_at
"""
# Not those that a claim holds at this moment.
FORGET = """
DELETE FROM sends_contact WHERE interaction_id IN (
    SELECT interaction_id FROM sends_contact
    WHERE locked_at < clock_timestamp() - interval '1 hour' FOR UPDATE SKIP LOCKED)
"""


def contacts_forget() -> int:
    """Delete the locks that were taken an hour ago or earlier. Return how many."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET)
        return int(cursor.rowcount)


class StepBudget:
    """The contact budget in one step of a drain, at the time `now`.

    A delivery is first judged by what is known without a lock: a chat whose budget is spent is
    skipped. Those that are to be claimed are judged once more under their chats' locks. `had` has
    the times of what counts, by chat, and `taken` what this step itself claims.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.had = Contacts(())
        self.known: set[str] = set()
        self.taken: dict[str, int] = {}

    def look(self, deliveries: Iterable[tuple[str, str, str]]) -> None:
        """Learn what chats have had. Deliveries are given by chat, visibility and class."""
        limited = {chat for chat, *how in deliveries if limit_of(*how) is not None}
        self._read(limited - self.known)

    def ending(self, delivery: ClaimedDelivery) -> Ending | None:
        """Return the ending of a delivery to a chat whose budget is spent; otherwise count it in,
        and return None."""
        if delivery.visibility != Visibility.ALL:
            return None
        limit, chat = limit_of(delivery.visibility, delivery.notice_class), delivery.interaction_id
        times = self._times(chat, limit) if limit is not None else ()
        if limit is not None and len(times) >= limit.number:
            detail = spent(times, limit)
            return Ending(delivery, DeliveryStatus.SKIPPED, Reason.CONTACT_BUDGET, detail)
        self.taken[chat] = self.taken.get(chat, 0) + 1
        return None

    def confirm(
        self, claimed: Sequence[ClaimedDelivery]
    ) -> tuple[list[ClaimedDelivery], list[Ending]]:
        """Lock the chats of these deliveries, judge them again, and return those that may be sent
        and the endings of the others. Call it once in a transaction, after all other locks."""
        limited = {
            delivery.interaction_id
            for delivery in claimed
            if limit_of(delivery.visibility, delivery.notice_class) is not None
        }
        if not limited:
            return list(claimed), []
        execute_rows(LOCK, {"ids": sorted(limited), "now": self.now})
        self.had, self.taken = Contacts(()), {}
        self._read(limited)
        judged = [(delivery, self.ending(delivery)) for delivery in claimed]
        return (
            [delivery for delivery, ending in judged if ending is None],
            [ending for _delivery, ending in judged if ending is not None],
        )

    def _read(self, chats: set[str]) -> None:
        if chats:
            minutes = max(limit.minutes for limit in settings.CONTACT_BUDGET.values())
            values = contact_values(
                chats, at=self.now, now=self.now, minutes=minutes, statuses=TAKEN
            )
            self.had.times |= Contacts(execute_rows(CONTACTS, values)).times
            self.known |= chats

    def _times(self, chat: str, limit: ContactLimit) -> list[datetime]:
        return self.had.within(chat, self.now, limit) + [self.now] * self.taken.get(chat, 0)
