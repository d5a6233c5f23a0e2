"""Writes reminders and escalations of what has waited for long."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from console.actors import system_actor
from console.database.clock import database_now
from console.notifications.audience import by_kind, decidable
from console.notifications.kinds import KINDS
from console.notifications.models import Matter, Step
from console.notifications.services.outbox import notifications_write

AT_ONCE = 500
# It may see every matter, so it knows which ones still wait.
EVERYBODY = system_actor("notifications")


def matters_press() -> int:
    """Remind of matters, and escalate them, when their minutes are over. Return how many."""
    pressed = 0
    for step, field, minutes in (
        (Step.REMINDED, "reminded_at", settings.REMIND_AFTER),
        (Step.ESCALATED, "escalated_at", settings.ESCALATE_AFTER),
    ):
        if minutes:
            pressed += _press(step, field, timedelta(minutes=minutes))
    return pressed


def _press(step: Step, field: str, after: timedelta) -> int:
    with transaction.atomic():
        now = database_now()
        late = Matter.objects.filter(ended_at=None, asked_at__lte=now - after, **{field: None})
        found = list(late.select_for_update(skip_locked=True).order_by("pk")[:AT_ONCE])
        Matter.objects.filter(pk__in=[matter.pk for matter in found]).update(**{field: now})
        notifications_write(still_waiting(found), step, now)
    return len(found)


def still_waiting(matters: list[Matter]) -> list[Matter]:
    """Return those that wait now, whatever of the ledger has been read yet."""
    left: list[Matter] = []
    for name, some in by_kind(matters).items():
        kind = KINDS.get(name)
        if kind is not None:
            refs = decidable(EVERYBODY, kind, {matter.ref for matter in some})
            left += [matter for matter in some if matter.ref in refs]
    return left
