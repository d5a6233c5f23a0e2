"""Writes what the dispatcher does: claims, outcomes, recovery. In bulk, never during network I/O.

The life of a delivery (docs/delivery.md): `pending` rows are claimed (`sending`, with the claim's
id) and committed before a byte is written; the outcome is recorded only if the row still carries
that claim. So nothing is sent twice and no outcome overwrites another.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from django.db import DatabaseError, transaction
from django.db.models import Count
from django.db.models.functions import Now

from console.actors import system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.database.connections import array, execute_rows, pipelined
from console.interactions.models import ChatServer
from console.interactions.selectors import names_stay
from console.interactions.services import (
    Grant,
    Lease,
    chat_server_lease_hold,
    chat_server_take_tokens,
)
from console.sends.engine import queue
from console.sends.engine.caution import BAD, sends_watch
from console.sends.engine.claim import NO_TURNS, Look, Step, claim_due, is_progressing
from console.sends.engine.outcomes import (
    ClaimedDelivery,
    Ending,
    EndingsStarted,
    Postponement,
    ended_records,
    expired,
    locked_rows,
    write_endings,
    write_postponements,
)
from console.sends.engine.priority import Line, Turns
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
from console.sends.reasons import CHAT_SERVER_OFF, WORKER_STOPPED

logger = structlog.get_logger("console.sends")

WORKER = system_actor("worker")


def drain_step(
    lease: Lease,
    *,
    claim: UUID,
    endings: Sequence[Ending] = (),
    postponements: Sequence[Postponement] = (),
    room: int = 0,
    on_the_wire: Collection[int] = (),
    settled: Collection[UUID] = (),
    turns: Turns = NO_TURNS,
) -> Step:
    """Record endings and claim up to `room` deliveries more under `claim`, in one transaction.

    `on_the_wire` are the ids that the drain still waits for. `settled` are the claims whose
    deliveries have all ended with this step. For `turns` see `claim_due`. A delivery that can't be
    sent any more is skipped here, at the last moment; a pending one follows its chat to another
    Chat Server (docs/domain.md section 2, step 2). Raises LeaseLost, and writes nothing, if the
    lease is another's by now.
    """
    with transaction.atomic():
        grant = _grant(lease, room, is_answered=any(ending.is_answered for ending in endings))
        write_postponements(postponements)
        written, records, look = _record_and_look(
            endings, settled, grant, on_the_wire=on_the_wire, turns=turns
        )
        step = Step()
        skipped: list[Ending] = []
        if grant is not None:
            step, skipped = claim_due(
                grant, claim=claim, on_the_wire=on_the_wire, turns=turns, look=look
            )
            skipped = write_endings(skipped, from_status=DeliveryStatus.PENDING)
        is_as_expected = len(written) == len(endings) and not skipped
        written += skipped
        send_ids = {item.delivery.send_id for item in [*endings, *written]}
        _announce(written, records if is_as_expected else ended_records(written))
    # A send of which more was just claimed is not over.
    send_ids -= {delivery.send_id for delivery in step.claimed}
    _tidy_up(send_ids, came_back=bool(postponements), bad=_bad(written))
    return step


def deliveries_recover(
    lease: Lease, *, ours: Collection[UUID] = (), unwritten: Collection[UUID] = ()
) -> int:
    """Mark what a lost drain of this Chat Server left in `sending` as unknown. Return how many.

    `ours` are claims that the caller still has in flight. `unwritten` are claims of which the
    caller knows that not a byte was written: their deliveries become pending again. Raises
    LeaseLost if the lease is another's by now.
    """
    with transaction.atomic():
        chat_server_lease_hold(lease)
        claims = Claim.objects.filter(chat_server_name=lease.server.name).exclude(pk__in=ours)
        ids = [pk for claim in claims for pk in claim.delivery_ids]
        # Waits for all of them: their claims are deleted, and a row left out here would never be
        # found again. A transaction that cancels the send may hold some for a moment.
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
    """End deliveries that could not be sent within their time to live. Return how many.

    While its Chat Server takes others, a delivery only waits for its turn and does not expire. Nor
    does it while an administrator has stopped all sending or holds its Chat Server.
    """
    with transaction.atomic():
        now = now or database_now()
        if SendingStop.objects.exists():
            return 0
        servers = {server.name: server for server in ChatServer.objects.all()}
        waiting = [
            name
            for name, server in servers.items()
            if server.held_at is not None or (server.enabled and is_progressing(server, now))
        ]
        late = locked_rows(
            Delivery.objects.filter(
                outbox__expires_at__lte=now,
                status=DeliveryStatus.PENDING,
                send__status=SendStatus.RUNNING,
            ).exclude(outbox__chat_server_name__in=waiting)
        )
        endings = [
            expired(delivery, _obstacle(servers.get(delivery.chat_server_name)))
            for delivery in late
        ]
        written = write_endings(endings, from_status=DeliveryStatus.PENDING)
        send_ids = {delivery.send_id for delivery in late}
        _announce(written)
    _tidy_up(send_ids)
    return len(written)


def _obstacle(server: ChatServer | None) -> str:
    if server is None:
        return ""
    return server.health_detail if server.enabled else CHAT_SERVER_OFF(name=server.name)


def deliveries_abandon() -> int:
    """End deliveries that are pending although their send was cancelled. Return how many.

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
    """Move pending deliveries from a Chat Server that fails, or takes none, to where their chats
    are now. Return how many. A working Chat Server moves each when its turn comes. From one that is
    held they come with a whole time to live."""
    with transaction.atomic():
        names_stay()
        rows = execute_rows(FOLLOW, {"time_to_live": queue.time_to_live()})
        names = [name for (name,) in rows]
        queue.enqueue_drains(sorted(set(names)))
    return len(names)


FOLLOW = """
WITH moving AS (
    SELECT d.id, i.chat_server_name, left_behind.held_at IS NOT NULL AS was_held
    FROM interactions_chatserver working
    JOIN interactions_interaction i ON i.chat_server_name = working.name AND i.ended_at IS NULL
    JOIN ONLY sends_delivery d ON d.interaction_id = i.id
    JOIN sends_outbox o ON o.delivery_id = d.id
    JOIN interactions_chatserver left_behind ON left_behind.name = o.chat_server_name
    WHERE working.enabled AND d.status = 'pending' AND o.chat_server_name <> i.chat_server_name
        AND (left_behind.health = 'unhealthy' OR NOT left_behind.enabled
            OR left_behind.held_at IS NOT NULL)
    FOR UPDATE OF d SKIP LOCKED),
moved AS (
    UPDATE ONLY sends_delivery d SET chat_server_name = moving.chat_server_name
    FROM moving WHERE d.id = moving.id
    RETURNING d.id, d.chat_server_name, moving.was_held)
UPDATE sends_outbox o SET
    chat_server_name = moved.chat_server_name,
    expires_at = CASE WHEN moved.was_held
        THEN greatest(o.expires_at, clock_timestamp() + %(time_to_live)s::interval)
        ELSE o.expires_at END
FROM moved WHERE o.delivery_id = moved.id
RETURNING o.chat_server_name
"""


def sends_release(now: datetime | None = None) -> list[int]:
    """Start the sends whose undo seconds or schedule are over. Return their ids."""
    with transaction.atomic():
        now = now or database_now()
        due = list(
            Send.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(status__in=[SendStatus.HOLDING, SendStatus.SCHEDULED], release_at__lte=now)
            .order_by("pk")
        )
        ids = [send.pk for send in due]
        Send.objects.filter(pk__in=ids).update(status=SendStatus.RUNNING)
        queue.enqueue_drains(queue.servers_of_sends(ids))
        if ids:
            notifications.publish(notifications.SENDS, *map(notifications.send_topic, ids))
            records = [audit.Record(Action.SEND_STARTED, ("send", pk, f"send {pk}")) for pk in ids]
            audit.record_many(WORKER, records)
            logs.sends_changed(records)
    return ids


def sends_finish(send_ids: Collection[int] | None = None) -> list[int]:
    """Finish sends that have begun and have nothing open, even if they were paused at the last
    moment. Return their ids. Without `send_ids`, looks at all sends.

    Runs in a transaction of its own, after the endings are committed. If two drains end a send's
    last deliveries at the same moment, the later one sees both. And a delivery is never locked
    before its send, since cancelling locks the send first.
    """
    if send_ids is not None and not send_ids:
        return []
    values = {"ids": None if send_ids is None else array(send_ids)}
    ids = [pk for (pk,) in execute_rows(OVER, values)]
    if not ids:
        return []
    with transaction.atomic():
        finished = [pk for pk in ids if _finish(pk)]
        if finished:
            notifications.publish(notifications.SENDS, *map(notifications.send_topic, finished))
            records = [_finished_record(pk) for pk in finished]
            audit.record_many(WORKER, records)
            logs.sends_changed(records)
    return finished


OVER = """
SELECT id FROM sends_send s
WHERE status IN ('running', 'paused') AND NOT EXISTS (SELECT FROM sends_outbox WHERE send_id = s.id)
    AND coalesce(id = ANY(%(ids)s::bigint[]), true)
ORDER BY id
"""
# Those of these sends of which, or of whose first chats, as many have ended as there are. Many
# steps ask. So it reads counts and not the outbox, where it would pass all rows that PostgreSQL has
# not cleared away yet: one for each delivery that has ended.
PERHAPS_OVER = """
SELECT id FROM sends_send s
WHERE id = ANY(%(ids)s::bigint[]) AND status IN ('running', 'paused')
    AND (SELECT sum(number) FROM sends_sendoutcome WHERE send_id = s.id)
        >= CASE WHEN canary_ended_at IS NULL THEN coalesce(canary_size, target_count)
            ELSE target_count END
"""


# --- Parts -------------------------------------------------------------------------------------


def _grant(lease: Lease, room: int, *, is_answered: bool) -> Grant | None:
    """Renew the lease, and take tokens if there is room. Raises LeaseLost."""
    if room > 0:
        return chat_server_take_tokens(
            lease.server.pk, most=room, progressed=is_answered, epoch=lease.epoch
        )
    chat_server_lease_hold(lease, progressed=is_answered)
    return None


def _record_and_look(
    endings: Sequence[Ending],
    settled: Collection[UUID],
    grant: Grant | None,
    *,
    on_the_wire: Collection[int],
    turns: Turns,
) -> tuple[list[Ending], list[audit.Record], Look | None]:
    """Write endings, and look for what is due, without waiting in between. Return which were
    written, and the ledger's entries if that is all of them, as nearly always."""
    look = None
    with pipelined() as pipeline:
        started = EndingsStarted(pipeline, endings, settled)
        if grant is not None and grant.number and grant.server.takes_deliveries:
            likely = {ending.delivery.send_id for ending in endings}
            line = Line(turns, grant.number)
            look = Look(pipeline, grant, on_the_wire=on_the_wire, line=line, likely=likely)
        records = ended_records(endings)  # while PostgreSQL works
    return started.written(), records, look


def _tidy_up(
    send_ids: Collection[int], *, came_back: bool = False, bad: Collection[int] = ()
) -> None:
    """Finish sends after their endings are committed, and pause those that have to. An error here
    must not lose a step's claims, which would then be taken for sent; the sweep does the same a
    little later."""
    try:
        over = _perhaps_over(send_ids)
        going_on = over.union(bad).difference(sends_finish(over))
        if going_on:
            sends_watch(going_on, bad=going_on.intersection(bad))
        if came_back:
            deliveries_abandon()
    except DatabaseError:
        logger.warning("left to the sweep", exc_info=True)


def _perhaps_over(send_ids: Collection[int]) -> set[int]:
    if not send_ids:
        return set()
    return {pk for (pk,) in execute_rows(PERHAPS_OVER, {"ids": array(send_ids)})}


def _bad(written: Sequence[Ending]) -> set[int]:
    return {item.delivery.send_id for item in written if item.status in BAD}


def _finish(send_id: int) -> bool:
    begun = Send.objects.filter(pk=send_id, status__in=[SendStatus.RUNNING, SendStatus.PAUSED])
    changed = begun.update(status=SendStatus.FINISHED, finished_at=Now())
    return bool(changed)


def _finished_record(send_id: int) -> audit.Record:
    rows = Delivery.objects.filter(send=send_id).order_by().values_list("status")
    counts = dict(rows.annotate(n=Count("pk")))
    return send_finished(send_id, counts)


def _announce(written: Sequence[Ending], records: Sequence[audit.Record] | None = None) -> None:
    """Notify the pages and write the ledger. The ledger comes last, since all share its lock.
    `records` are its entries, if the caller has made them."""
    if written:
        notifications.publish(
            *map(notifications.send_topic, sorted({item.delivery.send_id for item in written}))
        )
        write_records(WORKER, ended_records(written) if records is None else records)
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
