"""What the dispatcher writes: claims, outcomes, recovery. In bulk, never during network I/O.

The life of a delivery (docs/delivery.md): `pending` rows are claimed (`sending`, with the claim's
id) and committed before a byte is written; the outcome is recorded only where the row still carries
that claim. So nothing is sent twice and no outcome is written over another.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Count
from django.utils import timezone

from console import live
from console.actors import system_actor
from console.audit import services as audit
from console.sends import queue
from console.sends.models import OPEN_STATUSES, Delivery, DeliveryStatus, Reason, Send, SendStatus
from console.sends.services.claims import Step, claim_due
from console.sends.services.endings import (
    Ending,
    Postponement,
    expired,
    locked_rows,
    write_endings,
    write_postponements,
)

logger = structlog.get_logger("console.sends")

WORKER = system_actor("worker")


def drain_step(
    server_id: int,
    *,
    claim: UUID,
    endings: Sequence[Ending] = (),
    postponements: Sequence[Postponement] = (),
    room: int = 0,
) -> Step:
    """Record what has come back and claim up to `room` more, in one transaction.

    `claim` is the drain's own id. What can't be sent any more is skipped here, at the last moment:
    chats that ended, notices past their validity, Chat Servers that are gone. A chat that has moved
    to another Chat Server follows it there (docs/domain.md section 2, step 2).
    """
    with transaction.atomic():
        now = timezone.now()
        entries = write_endings(endings, from_status=DeliveryStatus.SENDING, claim=claim, now=now)
        write_postponements(postponements, claim)
        step = Step()
        ended = list(endings)
        if room > 0:
            step, skipped = claim_due(server_id, claim=claim, room=room, now=now)
            entries += write_endings(
                skipped, from_status=DeliveryStatus.PENDING, claim=None, now=now
            )
            ended += skipped
        send_ids = {item.delivery.send_id for item in ended}
        _announce(send_ids, entries)
    _tidy_up(send_ids, came_back=bool(postponements))
    return step


def deliveries_recover(server_name: str) -> int:
    """Mark what a lost drain of this Chat Server left in `sending` as unknown; answers how many.

    Only for whoever holds the Chat Server's drain lock: nobody else is sending to it then.
    """
    with transaction.atomic():
        now = timezone.now()
        left = locked_rows(status=DeliveryStatus.SENDING, chat_server_name=server_name)
        by_claim: dict[UUID | None, list[Ending]] = {}
        for delivery, claim in left:
            by_claim.setdefault(claim, []).append(
                Ending(
                    delivery,
                    DeliveryStatus.UNKNOWN,
                    Reason.WORKER_LOST,
                    "The worker stopped while it was sending. The customer may have seen it.",
                )
            )
        entries = []
        for claim, endings in by_claim.items():
            entries += write_endings(
                endings, from_status=DeliveryStatus.SENDING, claim=claim, now=now
            )
        send_ids = {delivery.send_id for delivery, _claim in left}
        _announce(send_ids, entries)
    _tidy_up(send_ids)
    return len(entries)


def deliveries_expire(now: datetime | None = None) -> int:
    """End what could not be sent within its time to live; answers how many."""
    with transaction.atomic():
        now = now or timezone.now()
        late = locked_rows(
            status=DeliveryStatus.PENDING, expires_at__lte=now, send__status=SendStatus.RUNNING
        )
        endings = [expired(delivery) for delivery, _claim in late]
        entries = write_endings(endings, from_status=DeliveryStatus.PENDING, claim=None, now=now)
        send_ids = {delivery.send_id for delivery, _claim in late}
        _announce(send_ids, entries)
    _tidy_up(send_ids)
    return len(entries)


def deliveries_abandon() -> int:
    """End what waits although its send was cancelled; answers how many.

    That happens to a delivery that was on its way when its send was cancelled, and came back
    because nothing could be written.
    """
    with transaction.atomic():
        now = timezone.now()
        left = locked_rows(status=DeliveryStatus.PENDING, send__status=SendStatus.CANCELLED)
        endings = [Ending(delivery, DeliveryStatus.CANCELLED) for delivery, _claim in left]
        entries = write_endings(endings, from_status=DeliveryStatus.PENDING, claim=None, now=now)
        _announce({delivery.send_id for delivery, _claim in left}, entries)
    return len(entries)


def sends_release(now: datetime | None = None) -> list[int]:
    """Start the sends whose undo seconds or schedule are over; answers their ids."""
    with transaction.atomic():
        now = now or timezone.now()
        due = list(
            Send.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(status__in=[SendStatus.HOLDING, SendStatus.SCHEDULED], release_at__lte=now)
            .order_by("pk")
        )
        ids = [send.pk for send in due]
        Send.objects.filter(pk__in=ids).update(status=SendStatus.RUNNING)
        servers = (
            Delivery.objects.filter(send__in=ids, status=DeliveryStatus.PENDING)
            .order_by("chat_server_name")
            .values_list("chat_server_name", flat=True)
            .distinct()
        )
        queue.enqueue_drains(servers)
        if ids:
            live.publish(live.SENDS, *map(live.send_topic, ids))
            audit.record_many(
                WORKER,
                [audit.Record("send.started", ("send", pk, f"send {pk}")) for pk in ids],
            )
    return ids


def sends_finish(send_ids: Collection[int] | None = None) -> list[int]:
    """Finish those running sends (of all, without ids) that have nothing open; answers their ids.

    In a transaction of its own, after the endings are committed: of two drains that end a send's
    last deliveries at the same moment, the later one sees both. And nobody locks a delivery
    before its send, as cancelling locks them in the other order.
    """
    if send_ids is not None and not send_ids:
        return []
    with transaction.atomic():
        over = Send.objects.filter(status=SendStatus.RUNNING).exclude(
            deliveries__status__in=OPEN_STATUSES
        )
        if send_ids is not None:
            over = over.filter(pk__in=send_ids)
        ids = sorted(over.values_list("pk", flat=True))
        finished = [pk for pk in ids if _finish(pk)]
        if finished:
            live.publish(live.SENDS, *map(live.send_topic, finished))
            audit.record_many(WORKER, map(_finished_record, finished))
    return finished


# --- Parts -------------------------------------------------------------------------------------


def _tidy_up(send_ids: Collection[int], *, came_back: bool = False) -> None:
    """What follows from endings, after their commit. A failure must not lose a step's claims, which
    would then be taken for sent; the sweep does the same a little later."""
    try:
        sends_finish(send_ids)
        if came_back:
            deliveries_abandon()
    except DatabaseError:
        logger.warning("left to the sweep", exc_info=True)


def _finish(send_id: int) -> bool:
    running = Send.objects.filter(pk=send_id, status=SendStatus.RUNNING)
    changed = running.update(status=SendStatus.FINISHED, finished_at=timezone.now())
    return bool(changed)


def _finished_record(send_id: int) -> audit.Record:
    rows = Delivery.objects.filter(send=send_id).order_by().values_list("status")
    counts = dict(rows.annotate(n=Count("pk")))
    return audit.Record("send.finished", ("send", send_id, f"send {send_id}"), {"counts": counts})


def _announce(send_ids: Collection[int], entries: Sequence[audit.Record]) -> None:
    """Tell the pages, and write the ledger: last, since its lock is everybody's."""
    if entries:
        live.publish(*map(live.send_topic, sorted(send_ids)))
        audit.record_many(WORKER, entries)
