"""Writes notifications into the outbox: who hears of which matters, by mail or in a channel."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import uuid4

from django.conf import settings

from console.notifications.audience import Deciders, Hearer, by_kind, due_at, preferences_of
from console.notifications.kinds import KINDS, Kind
from console.notifications.models import OPEN, Matter, Notification, Route, Step, Way


def notifications_write(matters: Sequence[Matter], step: Step, now: datetime) -> int:
    """Write what this step says of these matters, and return how much. Call it in a transaction.

    Whoever still waits for an earlier word of a matter gets no second one: it is said once, when
    their quiet hours are over, or the mail server answers again.
    """
    rows: list[Notification] = []
    for name, some in by_kind(matters).items():
        kind = KINDS.get(name)
        if kind is not None:
            rows += _rows(kind, some, step, now)
    made = Notification.objects.bulk_create(_not_waiting(rows), ignore_conflicts=True)
    return len(made)


def _rows(
    kind: Kind, matters: Sequence[Matter], step: Step, now: datetime
) -> Iterable[Notification]:
    deciders = Deciders(kind, matters, now)
    to_channels = kind.is_urgent or step == Step.ESCALATED
    for matter in matters:
        if settings.MAIL_SERVER:
            for hearer in _hearers(deciders, matter, step):
                due = due_at(kind, preferences_of(hearer.person), now)
                yield mail_row(matter.kind, hearer, now, due=due, matter=matter, step=step)
        if to_channels:
            for name in settings.CHANNELS:
                yield _channel_row(matter, step, name, now)


def _hearers(deciders: Deciders, matter: Matter, step: Step) -> list[Hearer]:
    """Return who hears at this step: who wants it; then the same; at last all who may decide."""
    if step == Step.ESCALATED:
        found = [Hearer(person) for person in deciders.all_of(matter)]
    elif step == Step.REMINDED:
        told = Notification.objects.filter(matter=matter, step=Step.ASKED, route=Route.MAIL)
        people = set(told.values_list("person", flat=True))
        found = [each for each in deciders.hearers(matter, Way.MAIL) if each.person.pk in people]
    else:
        found = deciders.hearers(matter, Way.MAIL)
    return [hearer for hearer in found if hearer.person.email]


def mail_row(
    kind: str,
    hearer: Hearer,
    now: datetime,
    *,
    due: datetime | None = None,
    matter: Matter | None = None,
    step: Step = Step.ASKED,
) -> Notification:
    return Notification(
        matter=matter,
        kind=kind,
        step=step,
        route=Route.MAIL,
        person=hearer.person,
        absent=hearer.absent,
        key=uuid4().hex,
        created_at=now,
        due_at=due or now,
        first_due_at=due or now,
    )


def _channel_row(matter: Matter, step: Step, name: str, now: datetime) -> Notification:
    return Notification(
        matter=matter,
        kind=matter.kind,
        step=step,
        route=Route.CHANNEL,
        channel=name,
        key=uuid4().hex,
        created_at=now,
        due_at=now,
        first_due_at=now,
    )


def _not_waiting(rows: Iterable[Notification]) -> list[Notification]:
    made = list(rows)
    matters = {row.matter_id for row in made if row.matter_id is not None}
    waiting = set(
        Notification.objects.filter(matter__in=matters, status__in=OPEN).values_list(
            "matter", "person", "channel"
        )
    )
    return [row for row in made if (row.matter_id, row.person_id, row.channel) not in waiting]
