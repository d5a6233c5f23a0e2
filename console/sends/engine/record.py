"""Writes what the dispatcher does: claims, outcomes, recovery. In bulk, never during network I/O.

The life of a delivery (docs/delivery.md): `pending` rows are claimed (`sending`, with the claim's
id) and committed before a byte is written; the outcome is recorded only where the row still carries
that claim. So nothing is sent twice and no outcome is written over another.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction
from django.db.models import Count
from django.db.models.functions import Now

from console.actors import system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notify
from console.database.clock import database_now
from console.interactions.models import ChatServer
from console.sends import selectors
from console.sends.engine import queue
from console.sends.engine.claim import Step, claim_due, is_progressing
from console.sends.engine.outcomes import (
    ClaimedDelivery,
    Ending,
    Postponement,
    ended_records,
    expired,
    locked_rows,
    write_endings,
    write_postponements,
)
from console.sends.models import (
    Claim,
    Delivery,
    DeliveryStatus,
    Reason,
    Send,
    SendingStop,
    SendStatus,
)
from console.sends.observe import logs
from console.sends.proof.ledger import send_finished, write_records
from console.sends.reasons import WORKER_STOPPED

logger = structlog.get_logger("console.sends")

WORKER = system_actor("worker")


def drain_step(
    server_id: int,
    *,
    claim: UUID,
    endings: Sequence[Ending] = (),
    postponements: Sequence[Postponement] = (),
    room: int = 0,
    on_the_wire: Collection[int] = (),
    settled: Collection[UUID] = (),
) -> Step:
    """Record what has come back and claim up to `room` more under `claim`, in one transaction.

    `on_the_wire` are the ids that the drain still waits for, `settled` the claims of which with
    this step all have ended. What can't be sent any more is skipped here, at the last moment: chats
    that ended, notices past their validity, senders without permission, Chat Servers that are gone.
    What waits for a chat that has moved to another Chat Server follows it there (docs/domain.md
    section 2, step 2).
    """
    with transaction.atomic():
        written = write_endings(endings, from_status=DeliveryStatus.SENDING, settled=settled)
        write_postponements(postponements)
        step = Step()
        if room > 0:
            step, skipped = claim_due(
                server_id,
                claim=claim,
                room=room,
                on_the_wire=on_the_wire,
                has_answered=any(ending.is_answered for ending in endings),
            )
            written += write_endings(skipped, from_status=DeliveryStatus.PENDING)
        send_ids = {item.delivery.send_id for item in [*endings, *written]}
        _announce(written)
    # A send of which more went out just now is not over.
    send_ids -= {delivery.send_id for delivery in step.claimed}
    _tidy_up(send_ids, came_back=bool(postponements))
    return step


def deliveries_recover(
    server_name: str, *, ours: Collection[UUID] = (), unwritten: Collection[UUID] = ()
) -> int:
    """Mark what a lost drain of this Chat Server left in `sending` as unknown; answers how many.

    Only for whoever holds the Chat Server's drain lock: nobody else is sending to it then. `ours`
    are claims that the caller still has in flight, `unwritten` those of which it knows that not a
    byte was written: they go back to wait for their turn.
    """
    with transaction.atomic():
        claims = Claim.objects.filter(chat_server_name=server_name).exclude(pk__in=ours)
        ids = [pk for claim in claims for pk in claim.delivery_ids]
        # All of them: their claims go, and what is left out here would never be found again.
        # Whoever cancels the send may hold some for a moment.
        left = locked_rows(
            Delivery.objects.filter(
                pk__in=ids, status=DeliveryStatus.SENDING, claim__in=[claim.pk for claim in claims]
            ),
            wait=True,
        )
        write_postponements(
            [Postponement(row, None, row.last_detail) for row in left if row.claim in unwritten]
        )
        written = write_endings(
            [_lost(row) for row in left if row.claim not in unwritten],
            from_status=DeliveryStatus.SENDING,
        )
        Claim.objects.filter(pk__in=[claim.pk for claim in claims]).delete()
        send_ids = {delivery.send_id for delivery in left}
        _announce(written)
    _tidy_up(send_ids, came_back=bool(unwritten))
    return len(written)


def _lost(delivery: ClaimedDelivery) -> Ending:
    return Ending(
        delivery,
        DeliveryStatus.UNKNOWN,
        Reason.WORKER_LOST,
        WORKER_STOPPED(),
    )


def deliveries_expire(now: datetime | None = None) -> int:
    """End what could not be sent within its time to live; answers how many.

    While its Chat Server takes others, a delivery only waits for its turn and does not expire; nor
    does it while an administrator has stopped all sending.
    """
    with transaction.atomic():
        now = now or database_now()
        if SendingStop.objects.exists():
            return 0
        servers = {server.name: server for server in ChatServer.objects.all()}
        details = {name: server.health_detail for name, server in servers.items()}
        progressing = [name for name, server in servers.items() if is_progressing(server, now)]
        late = locked_rows(
            Delivery.objects.filter(
                outbox__expires_at__lte=now,
                status=DeliveryStatus.PENDING,
                send__status=SendStatus.RUNNING,
            ).exclude(outbox__chat_server_name__in=progressing)
        )
        endings = [
            expired(delivery, details.get(delivery.chat_server_name, "")) for delivery in late
        ]
        written = write_endings(endings, from_status=DeliveryStatus.PENDING)
        send_ids = {delivery.send_id for delivery in late}
        _announce(written)
    _tidy_up(send_ids)
    return len(written)


def deliveries_abandon() -> int:
    """End what waits although its send was cancelled; answers how many.

    That happens to a delivery that was on its way when its send was cancelled, and came back
    because nothing could be written.
    """
    with transaction.atomic():
        left = locked_rows(
            Delivery.objects.filter(
                outbox__isnull=False,
                status=DeliveryStatus.PENDING,
                send__status=SendStatus.CANCELLED,
            )
        )
        endings = [Ending(delivery, DeliveryStatus.CANCELLED) for delivery in left]
        written = write_endings(endings, from_status=DeliveryStatus.PENDING)
        _announce(written)
    return len(written)


def deliveries_follow() -> int:
    """Move what waits for a Chat Server that fails or is gone to where its chats are now; answers
    how many. A Chat Server that works moves each when its turn comes."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FOLLOW)
        names = [name for (name,) in cursor.fetchall()]
        queue.enqueue_drains(sorted(set(names)))
    return len(names)


FOLLOW = """
WITH moving AS (
    SELECT d.id, i.chat_server_name
    FROM interactions_chatserver working
    JOIN interactions_interaction i ON i.chat_server_name = working.name AND i.ended_at IS NULL
    JOIN sends_delivery d ON d.interaction_id = i.id
    JOIN sends_outbox o ON o.delivery_id = d.id
    JOIN interactions_chatserver left_behind ON left_behind.name = o.chat_server_name
    WHERE working.enabled AND d.status = 'pending' AND o.chat_server_name <> i.chat_server_name
        AND (left_behind.health = 'unhealthy' OR NOT left_behind.enabled)
    FOR UPDATE OF d SKIP LOCKED),
moved AS (
    UPDATE sends_delivery d SET chat_server_name = moving.chat_server_name
    FROM moving WHERE d.id = moving.id
    RETURNING d.id, d.chat_server_name)
UPDATE sends_outbox o SET chat_server_name = moved.chat_server_name
FROM moved WHERE o.delivery_id = moved.id
RETURNING o.chat_server_name
"""


def sends_release(now: datetime | None = None) -> list[int]:
    """Start the sends whose undo seconds or schedule are over; answers their ids."""
    with transaction.atomic():
        now = now or database_now()
        due = list(
            Send.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(status__in=[SendStatus.HOLDING, SendStatus.SCHEDULED], release_at__lte=now)
            .order_by("pk")
        )
        ids = [send.pk for send in due]
        Send.objects.filter(pk__in=ids).update(status=SendStatus.RUNNING)
        queue.enqueue_drains(selectors.servers_of_sends(ids))
        if ids:
            notify.publish(notify.SENDS, *map(notify.send_topic, ids))
            records = [audit.Record(Action.SEND_STARTED, ("send", pk, f"send {pk}")) for pk in ids]
            audit.record_many(WORKER, records)
            logs.sends_changed(records)
    return ids


def sends_finish(send_ids: Collection[int] | None = None) -> list[int]:
    """Finish those sends (of all, without ids) that have begun and have nothing open, also where
    somebody paused them in the last moment; answers their ids.

    In a transaction of its own, after the endings are committed: of two drains that end a send's
    last deliveries at the same moment, the later one sees both. And nobody locks a delivery
    before its send, as cancelling locks them in the other order.
    """
    if send_ids is not None and not send_ids:
        return []
    with connection.cursor() as cursor:
        cursor.execute(OVER, [None if send_ids is None else list(send_ids)])
        ids = [pk for (pk,) in cursor.fetchall()]
    if not ids:
        return []
    with transaction.atomic():
        finished = [pk for pk in ids if _finish(pk)]
        if finished:
            notify.publish(notify.SENDS, *map(notify.send_topic, finished))
            records = [_finished_record(pk) for pk in finished]
            audit.record_many(WORKER, records)
            logs.sends_changed(records)
    return finished


OVER = """
SELECT id FROM sends_send s
WHERE status IN ('running', 'paused') AND NOT EXISTS (SELECT FROM sends_outbox WHERE send_id = s.id)
    AND coalesce(id = ANY(%s), true)
ORDER BY id
"""


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
    begun = Send.objects.filter(pk=send_id, status__in=[SendStatus.RUNNING, SendStatus.PAUSED])
    changed = begun.update(status=SendStatus.FINISHED, finished_at=Now())
    return bool(changed)


def _finished_record(send_id: int) -> audit.Record:
    rows = Delivery.objects.filter(send=send_id).order_by().values_list("status")
    counts = dict(rows.annotate(n=Count("pk")))
    return send_finished(send_id, counts)


def _announce(written: Sequence[Ending]) -> None:
    """Tell the pages, and write the ledger: last, since its lock is everybody's."""
    if written:
        notify.publish(*map(notify.send_topic, sorted({item.delivery.send_id for item in written})))
        write_records(WORKER, ended_records(written))
        for item in written:
            if item.status == DeliveryStatus.UNKNOWN:
                _log_unknown(item)


def _log_unknown(ending: Ending) -> None:
    logs.delivery_unknown(
        send=ending.delivery.send_id,
        delivery=ending.delivery.id,
        interaction=ending.delivery.interaction_id,
        chat_server=ending.delivery.chat_server_name,
        cause=str(ending.reason),
    )
