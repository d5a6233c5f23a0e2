"""Writes the erasure of texts whose retention time is over, in parts of about a second.

Each part is a transaction of its own, so a run may end after any of them: by a person, or with its
process. The next one goes on where it was. A part erases the texts of several sends, and writes
their entries into the ledger with its commit. Files of exports that have these texts go with them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database.clock import near_now
from console.errors import Conflict
from console.exports.models import ExportJob
from console.exports.services import exports_withdraw
from console.sends.control.erasure import blank
from console.sends.history.filling import history_fill
from console.sends.history_export import HISTORY
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery, Retention, Send
from console.sends.proof import ledger

SENDS_A_PART, DELIVERIES_A_PART = 200, 1000
KEEPER = system_actor("retention")


@dataclass
class Place:
    """How far a run is: up to which time sends are over whose texts are erased, and what is left of
    a send that has more than a part."""

    finished_at: datetime | None = None
    send_id: int = 0
    left: list[int] = field(default_factory=list)


def retention_begin() -> Place:
    """Begin a run. What an earlier one has left is due again."""
    now, total = near_now(), _due().count()
    anew = {"ended_at": None, "stopped_by_name": "", "sends": 0, "deliveries": 0}
    Retention.objects.update_or_create(
        pk=1, defaults={"begun_at": now, "seen_at": now, "total": total, **anew}
    )
    return Place()


def retention_go_on(place: Place) -> bool:
    """Erase one part. Return whether there may be more; False too if somebody has stopped it."""
    run = Retention.objects.filter(pk=1, ended_at=None)
    if run.exists() and texts_expire(place=place):
        if not place.left:
            # The search of the history has these sends without their texts again, before the next.
            history_fill()
        return True
    run.update(ended_at=Now(), seen_at=Now())
    return False


def retention_stop(actor: Actor) -> None:
    """End the present run after its part. The next night's begins anew. Raises Conflict if there is
    none."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        run = Retention.objects.select_for_update().filter(pk=1, ended_at=None).first()
        if run is None:
            raise Conflict("no_retention", "No texts are being erased at the moment.")
        run.ended_at, run.stopped_by_name = near_now(), actor.name
        run.save(update_fields=["ended_at", "stopped_by_name"])
        data = {"sends": run.sends, "count": run.deliveries}
        audit.record(actor, Action.TEXTS_ERASING_STOPPED, target=("texts", "", "texts"), data=data)


def retention_state() -> Retention | None:
    """Return how far the last run is, or was."""
    return Retention.objects.first()


def texts_expire(*, now: datetime | None = None, place: Place | None = None) -> int:
    """Erase up to DELIVERIES_A_PART texts whose retention time is over. Return how many sends they
    are of; 0 means that all is done."""
    now, place = now or near_now(), place or Place()
    with transaction.atomic():
        sends = _next_sends(now, place)
        if not sends:
            return 0
        texts = _texts(sends, place)
        ids = [pk for of_send in texts.values() for pk in of_send]
        if ids:
            blank(ids, list(texts), on_request=False, now=now)
            _withdraw_files(ids, sends)
            audit.record_many(KEEPER, _records(texts))
        done = [] if place.left else [send.pk for send in sends]
        Send.objects.filter(pk__in=done).update(texts_erased_at=now, fields={})
        Retention.objects.filter(pk=1).update(
            seen_at=now, sends=F("sends") + len(done), deliveries=F("deliveries") + len(ids)
        )
    if not place.left:
        place.finished_at = sends[-1].finished_at
    return len(sends)


def _due(now: datetime | None = None) -> QuerySet[Send]:
    """Return the sends whose texts are to be erased."""
    if not settings.TEXT_RETENTION_DAYS:
        return Send.objects.none()
    limit = (now or near_now()) - timedelta(days=settings.TEXT_RETENTION_DAYS)
    return Send.objects.filter(finished_at__lt=limit, texts_erased_at=None)


def _next_sends(now: datetime, place: Place) -> list[Send]:
    """Lock the next sends, the first to end first: one, or several that are one part together.

    What lies before the place is not looked at: until PostgreSQL has cleared its index, each part
    would read all that is erased already.
    """
    due = _due(now)
    if place.finished_at is not None:
        due = due.filter(finished_at__gte=place.finished_at)
    found = due.select_for_update(skip_locked=True, no_key=True).order_by("finished_at")
    chosen: list[Send] = []
    deliveries = 0
    for send in found.only("finished_at", "created_at", "target_count")[:SENDS_A_PART]:
        deliveries += send.target_count
        if chosen and deliveries > DELIVERIES_A_PART:
            break
        chosen.append(send)
    return chosen


def _texts(sends: list[Send], place: Place) -> dict[int, list[int]]:
    """Lock the deliveries of a part, and return their ids by send. What a large send has beyond it
    is left in `place`."""
    kept = Delivery.objects.filter(send__in=sends, erased_at=None, finished_at__isnull=False)
    if place.left and place.send_id == sends[0].pk:
        waiting = place.left
    elif sends[0].target_count > DELIVERIES_A_PART:
        waiting = list(kept.order_by("pk").values_list("pk", flat=True))
    else:
        waiting = []
    place.send_id, place.left = sends[0].pk, waiting[DELIVERIES_A_PART:]
    if waiting:
        kept = Delivery.objects.filter(pk__in=waiting[:DELIVERIES_A_PART], erased_at=None)
    texts: defaultdict[int, list[int]] = defaultdict(list)
    locked = kept.select_for_update(no_key=True).order_by("pk").values_list("send_id", "pk")
    for send_id, pk in locked:
        texts[send_id].append(pk)
    return dict(texts)


def _records(texts: dict[int, list[int]]) -> Iterable[audit.Record]:
    """Yield an entry for each send."""
    days = settings.TEXT_RETENTION_DAYS
    for send_id, ids in texts.items():
        data = {"count": len(ids), "first": ids[0], "last": ids[-1], "kept_days": days}
        yield audit.Record(Action.TEXTS_ERASED, ledger.target_of(send_id), data)


def _withdraw_files(ids: list[int], sends: list[Send]) -> None:
    """Take away the files of exports that may have these texts."""
    first, last = min(ids), max(ids)
    newest = max(send.created_at for send in sends)

    def has_them(job: ExportJob) -> bool:
        since = DeliveryFilter.from_mapping(job.filter).since
        return job.lowest <= last and job.upto >= first and (since is None or since <= newest)

    exports_withdraw(KEEPER, subject=HISTORY.name, which=has_them)
