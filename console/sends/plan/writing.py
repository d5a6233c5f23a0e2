"""Writes a decided send, all or nothing: the row, its deliveries, their outbox rows, the ledger's
entries and the jobs. Uses COPY, since a send may have many thousand targets."""

import hashlib
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.chain import canonical_data
from console.catalogue.kinds import traits
from console.database import notify
from console.sends.engine import queue
from console.sends.engine.queue import expires_at
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.sends.observe import logs
from console.sends.plan.values import SendPlan, Target, digest
from console.sends.proof import ledger
from console.sends.proof.ledger import version_digest
from console.text.sentences import stored

SALT_BYTES = 16

NEXT_IDS = """
SELECT nextval(pg_get_serial_sequence('sends_delivery', 'id')) FROM generate_series(1, %s)
"""
COPY_DELIVERIES = """
COPY sends_delivery (
    id, send_id, interaction_id, customer_name, locale, chat_locale, body, body_salt, method,
    chat_server_name, status, reason, detail, attempts, created_at, finished_at, fault_code,
    fault_text, retry_of_id)
FROM STDIN
"""
COPY_OUTBOX = """
COPY sends_outbox (delivery_id, send_id, chat_server_name, due_at, expires_at) FROM STDIN
"""


class _Planned(NamedTuple):
    """A target, with its delivery's id and salt."""

    id: int
    salt: str
    target: Target


def new_send(
    actor: Actor,
    plan: SendPlan,
    *,
    now: datetime,
    scheduled_at: datetime | None = None,
    undo_seconds: int = 0,
    **fields: Any,
) -> Send:
    """Return the send that carries out `plan`, not written yet."""
    return Send(
        actor_ref=actor.ref,
        actor_name=actor.name,
        version=plan.version,
        visibility=plan.visibility,
        nickname=plan.nickname,
        nickname_from=plan.nickname_from,
        fields=_kept(plan.fields),
        status=_first_status(plan, scheduled_at, undo_seconds),
        created_at=now,
        scheduled_at=scheduled_at,
        release_at=scheduled_at or now + timedelta(seconds=undo_seconds),
        finished_at=None if plan.ready else now,
        target_count=len(plan.targets),
        ready_count=len(plan.ready),
        **fields,
    )


def _kept(answers: dict[str, Any]) -> dict[str, Any]:
    """Return the answers as they are stored, with a salt, so that their digest in the ledger
    reveals nothing once both are erased. Floats become strings, which are the same everywhere."""
    exact = {
        name: str(answer) if isinstance(answer, float) else answer
        for name, answer in answers.items()
    }
    return {"values": exact, "salt": secrets.token_hex(SALT_BYTES)} if exact else {}


def fields_digest(kept: dict[str, Any]) -> str:
    """Return the SHA-256 of a send's stored answers with their salt."""
    return hashlib.sha256(canonical_data(kept)).hexdigest()


def _first_status(plan: SendPlan, scheduled_at: datetime | None, undo_seconds: int) -> SendStatus:
    if not plan.ready:
        return SendStatus.FINISHED
    if plan.needs_approval:
        return SendStatus.AWAITING_APPROVAL
    if scheduled_at is not None:
        return SendStatus.SCHEDULED
    return SendStatus.HOLDING if undo_seconds else SendStatus.RUNNING


def send_write(
    actor: Actor, send: Send, plan: SendPlan, *, now: datetime, facts: dict[str, Any]
) -> None:
    """Write `send` with the deliveries of `plan`. `facts` go into its entry in the ledger.

    Call it in a transaction that still holds the locks under which the plan was checked.
    """
    send.save(force_insert=True)
    planned = _numbered(plan.targets)
    method = traits(plan.version.notice.kind).method
    _copy(COPY_DELIVERIES, (_delivery_row(send, method, item, now) for item in planned))
    _copy(COPY_OUTBOX, (_outbox_row(send, item) for item in planned if not item.target.reason))
    queue.enqueue_send(send, sorted({target.chat_server_name for target in plan.ready}))
    notify.publish(notify.SENDS)
    finished = _finished_records(send, plan)
    ledger.write_records(
        actor,
        [
            audit.Record(Action.SEND_CREATED, ledger.send_target(send), _facts(send, plan) | facts),
            *_skipped_records(send, method, planned),
            *finished,
        ],
    )
    logs.send_created(send, plan.counts)
    logs.sends_changed(finished)


def _numbered(targets: list[Target]) -> list[_Planned]:
    with connection.cursor() as cursor:
        cursor.execute(NEXT_IDS, [len(targets)])
        ids = [pk for (pk,) in cursor.fetchall()]
    salts = secrets.token_hex(SALT_BYTES * len(targets))
    size = 2 * SALT_BYTES
    return [
        _Planned(pk, salts[index * size : (index + 1) * size], target)
        for index, (pk, target) in enumerate(zip(ids, targets, strict=True))
    ]


def _copy(statement: str, rows: Iterator[tuple[Any, ...]]) -> None:
    # Django's cursors don't know COPY; without the wrapper its errors would be psycopg's own.
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def _delivery_row(send: Send, method: str, item: _Planned, now: datetime) -> tuple[Any, ...]:
    target = item.target
    skipped = bool(target.reason)
    return (
        item.id,
        send.pk,
        target.interaction_id,
        target.customer_name,
        target.locale,
        target.chat_locale,
        target.body,
        item.salt,
        method,
        target.chat_server_name,
        (DeliveryStatus.SKIPPED if skipped else DeliveryStatus.PENDING).value,
        target.reason,
        stored(target.detail),
        0,
        now,
        now if skipped else None,
        "",
        "",
        target.retry_of,
    )


def _outbox_row(send: Send, item: _Planned) -> tuple[Any, ...]:
    return (
        item.id,
        send.pk,
        item.target.chat_server_name,
        send.release_at,
        expires_at(send.release_at),
    )


def _facts(send: Send, plan: SendPlan) -> dict[str, Any]:
    return {
        "notice": plan.version.notice.key,
        "version": plan.version.number,
        "version_sha256": version_digest(plan.version),
        "visibility": plan.visibility,
        "nickname": plan.nickname,
        "nickname_from": str(plan.nickname_from),
        **({"nickname_preset": plan.nickname_preset} if plan.nickname_preset else {}),
        "counts": plan.counts,
        "targets_sha256": digest(sorted(target.interaction_id for target in plan.targets)),
        "why": send.why,
        "status": send.status,
        "release_at": send.release_at.isoformat(),
        **({"fields_sha256": fields_digest(send.fields)} if send.fields else {}),
    }


def _finished_records(send: Send, plan: SendPlan) -> list[audit.Record]:
    """Return the entry of a send that reaches nobody. It is over at once, and no worker ends it."""
    if send.status != SendStatus.FINISHED:
        return []
    return [ledger.send_finished(send.pk, {DeliveryStatus.SKIPPED.value: len(plan.targets)})]


def _skipped_records(
    send: Send, method: str, planned: Iterable[_Planned]
) -> Iterator[audit.Record]:
    return ledger.deliveries_ended(
        (
            (
                send.pk,
                DeliveryStatus.SKIPPED.value,
                item.target.chat_server_name,
                method,
                send.visibility,
            ),
            ledger.ended_delivery(
                pk=item.id,
                interaction_id=item.target.interaction_id,
                attempts=0,
                body=item.target.body,
                body_salt=item.salt,
                reason=item.target.reason,
            ),
        )
        for item in planned
        if item.target.reason
    )
