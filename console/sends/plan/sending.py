"""Writes a send that a person or a program orders, all or nothing: the row, its deliveries, their
outbox rows, the ledger's entries and the jobs. Uses COPY, since a send may have many thousand
targets."""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import IntegrityError, connection, transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.chain import canonical_data
from console.audit.witnessing.quorum import require_quorum
from console.catalogue.kinds import traits
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput
from console.interactions.selectors import interactions_visible, names_stay, present_names
from console.sends.engine import queue
from console.sends.engine.queue import expires_at
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.sends.observe import logs
from console.sends.plan.limits import guards, hold_notice, hold_quota, require_quota
from console.sends.plan.planner import plan_order, with_others
from console.sends.plan.promise import Promise
from console.sends.plan.schedule import require_near_future
from console.sends.plan.values import (
    ONCE,
    Canary,
    Cover,
    OfStage,
    SendOrder,
    SendPlan,
    Target,
    digest,
)
from console.sends.proof import ledger
from console.sends.proof.ledger import version_digest
from console.text.inputs import read_line
from console.text.sentences import stored, term
from console.text.visible import is_blank


def send_create(actor: Actor, order: SendOrder) -> Send:
    """Decide on a send: the row, its deliveries, their ledger entries and the jobs, all or nothing.

    Nothing reaches a Chat Server here. Above CONSOLE_APPROVAL_ABOVE chats nothing will before
    somebody else approves. With a key that this actor has used, returns the earlier send, or raises
    Conflict if that was a different order. With `expected_plan`, only chats that were ready in that
    preview get it, and Conflict is raised if it would be a different send. Raises also what
    `plan_send` raises, InvalidInput for a `scheduled_at` out of range, and TooManyRequests over the
    person's quota.
    """
    actor.require(Permission.SEND)
    known = _known(actor, order)
    if known is not None:
        return known
    now = database_now()
    if order.scheduled_at is not None:
        require_near_future(order.scheduled_at, now)
    promised = _Promised.of(actor, order)
    plan = plan_order(actor, promised.order, now)
    try:
        return _decide(actor, order, plan, promised, now)
    except IntegrityError:
        # Another request with the same key committed first.
        known = _known(actor, order)
        if known is None:
            raise
        return known


@dataclass(frozen=True, slots=True)
class _Promised:
    """An order beside the preview that the person was shown: the `order` for just those chats, and
    which of them match the sender's filter now (`matching`, None without a filter)."""

    order: SendOrder
    promise: Promise | None = None
    matching: Collection[str] | None = None

    @classmethod
    def of(cls, actor: Actor, order: SendOrder) -> "_Promised":
        if order.expected_plan is None:
            return cls(order)
        promise = Promise.read(order.expected_plan)
        if order.matching is None:
            return cls(order, promise)
        # Only the chats of the preview, none that match since. Those that no longer match are
        # skipped.
        matching = set(interactions_visible(actor, order.matching).values_list("pk", flat=True))
        named = replace(order, interactions=promise.chats, filter=None, audience=None)
        return cls(named, promise, matching)

    def bound(self, plan: SendPlan) -> SendPlan:
        if self.promise is None:
            return plan
        plan = self.promise.bound(plan, matching=self.matching)
        self.promise.require_kept(plan)
        return plan


def _decide(
    actor: Actor, order: SendOrder, plan: SendPlan, promised: _Promised, now: datetime
) -> Send:
    """Write the send, unless other sends made meanwhile prevent it."""
    with transaction.atomic():
        hold_quota(actor)
        if guards():
            hold_notice(plan.version.notice)
        # While this waited for the lock, the same request may have committed.
        known = _known(actor, order)
        if known is not None:
            return known
        # From here on nobody else makes a send of this notice, or of this person's.
        plan = promised.bound(with_others(actor, plan, now))
        # What an incident needs is made, and waits for its approval.
        if plan.needs_approval and order.of_stage is None:
            require_quorum()
        if plan.cover is None:
            require_quota(actor, len(plan.ready), now)
        # Read again, so that the undo seconds are whole however long the planning took.
        now = database_now()
        send = new_send(
            actor,
            plan,
            now=now,
            scheduled_at=order.scheduled_at,
            undo_seconds=order.undo_seconds,
            time_zone=order.zone,
            target=order.target,
            why=read_line(order.why, what=term("The reason (why)"), field="why"),
            idempotency_key=order.key or "",
            request_digest=order.digest(),
            **_of_stage(order.of_stage),
            **_canary(order.canary, plan),
        )
        send_write(actor, send, plan, now=now, facts=_order_facts(order, send))
        return send


def _canary(canary: Canary | None, plan: SendPlan) -> dict[str, Any]:
    """Return the fields of a send that goes to its first chats first, if there are more."""
    if canary is None or canary.size >= len(plan.ready):
        return {}
    return {"canary_size": canary.size, "canary_minutes": canary.minutes}


def _of_stage(stage: OfStage | None) -> dict[str, Any]:
    """Return the fields of a send that belongs to a stage."""
    if stage is None:
        return {}
    cover = stage.cover or Cover()
    return {
        "incident_id": stage.incident,
        "stage_id": stage.stage,
        "is_emergency": cover.is_emergency,
        "approved_by_ref": cover.approved_by_ref,
        "approved_by_name": cover.approved_by_name,
        "approved_at": cover.approved_at,
    }


def _stage_facts(stage: OfStage | None) -> dict[str, Any]:
    if stage is None:
        return {}
    facts: dict[str, Any] = {"incident": stage.incident, "stage": stage.stage}
    if stage.cover is not None:
        facts["covered_by"] = (
            "emergency" if stage.cover.is_emergency else stage.cover.approved_by_name
        )
    return facts


def _order_facts(order: SendOrder, send: Send) -> dict[str, Any]:
    """Return what the ledger says of the order beside the plan."""
    facts: dict[str, Any] = {"leave_out": list(order.leave_out)} if order.leave_out else {}
    facts |= {"allow_repeat": True} if order.ignore_recent else {}
    facts |= _stage_facts(order.of_stage)
    if send.canary_size is not None:
        facts["canary"] = {"size": send.canary_size, "minutes": send.canary_minutes}
    return facts


def require_key(idempotency_key: str) -> None:
    """Raise InvalidInput for a key that is empty, over-long or not printable."""
    if len(idempotency_key) > 255 or not idempotency_key.isprintable() or is_blank(idempotency_key):
        raise InvalidInput(
            "invalid_idempotency_key",
            "Idempotency-Key is 1 to 255 printable characters. Give it a value, or leave it out.",
        )


def _known(actor: Actor, order: SendOrder) -> Send | None:
    """Return the send that this actor made before with this key; None without one."""
    idempotency_key = order.key
    if idempotency_key is None:
        return None
    require_key(idempotency_key)
    send = (
        Send.objects.select_related("version__notice")
        .filter(actor_ref=actor.ref, idempotency_key=idempotency_key)
        .first()
    )
    if send is not None and send.request_digest != order.digest():
        told = (
            term(
                "This notice was sent into this chat once, and that request was not the same as "
                "this one. Ask without once to send it again."
            )
            if idempotency_key.startswith(ONCE)
            else term(
                "This Idempotency-Key was used for another send. Use a new key for a new send."
            )
        )
        raise Conflict("idempotency_key_reused", told, {"send": send.pk})
    if send is not None:
        send.is_replayed = True
    return send


# --- Writing -------------------------------------------------------------------------------------

SALT_BYTES = 16
# A shorter send keeps the order in which its chats were chosen.
BY_SERVER_FROM = 64

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
        notice_class=plan.version.notice_class,
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
        is_test=plan.is_test,
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
    names_stay()
    plan = _by_present_names(plan)
    send.save(force_insert=True)
    planned = _numbered(plan.targets)
    by_id = sorted(planned, key=attrgetter("id"))
    method = traits(plan.version.notice.kind).method
    _copy(COPY_DELIVERIES, (_delivery_row(send, method, item, now) for item in by_id))
    ready = [item.id for item in planned if not item.target.reason]
    held = set() if send.canary_size is None else set(ready[send.canary_size :])
    leaving = (item for item in by_id if not item.target.reason)
    _copy(COPY_OUTBOX, (_outbox_row(send, item, item.id in held) for item in leaving))
    queue.enqueue_send(send, sorted({target.chat_server_name for target in plan.ready}))
    notifications.publish(notifications.SENDS)
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


def _by_present_names(plan: SendPlan) -> SendPlan:
    """Return the plan with the present names of Chat Servers that were renamed meanwhile."""
    present = present_names()
    if not any(target.chat_server_name in present for target in plan.targets):
        return plan
    targets = [
        replace(
            target,
            chat_server_name=present.get(target.chat_server_name, target.chat_server_name),
        )
        for target in plan.targets
    ]
    return replace(plan, targets=targets)


def _numbered(targets: list[Target]) -> list[_Planned]:
    """Return the targets in their order, each with an id and a salt. Those of a large send are
    numbered by Chat Server, so that what a drain reads lies together, and so does what the history
    knows of a Chat Server."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT_IDS, [len(targets)])
        ids = [pk for (pk,) in cursor.fetchall()]
    salts = secrets.token_hex(SALT_BYTES * len(targets))
    size = 2 * SALT_BYTES
    order: Sequence[int] = range(len(targets))
    if len(targets) >= BY_SERVER_FROM:
        order = sorted(order, key=lambda index: targets[index].chat_server_name)
    id_of = dict(zip(order, ids, strict=True))
    return [
        _Planned(id_of[index], salts[index * size : (index + 1) * size], target)
        for index, target in enumerate(targets)
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


def _outbox_row(send: Send, item: _Planned, is_held: bool) -> tuple[Any, ...]:
    """Return the row. One that is held waits for what becomes of the send's first chats."""
    due_at = queue.HELD_UNTIL if is_held else send.release_at
    return item.id, send.pk, item.target.chat_server_name, due_at, expires_at(due_at)


def _facts(send: Send, plan: SendPlan) -> dict[str, Any]:
    chats = [target.interaction_id for target in plan.targets]
    return creation_facts(send, chats, plan.counts, plan.nickname_preset)


def creation_facts(
    send: Send, chats: Iterable[str], counts: Mapping[str, int], nickname_preset: str = ""
) -> dict[str, Any]:
    """Return what the ledger says of a new send to these chats. `counts` is the number of chats by
    skip reason, and of those that are "ready"."""
    return {
        "notice": send.version.notice.key,
        "version": send.version.number,
        "version_sha256": version_digest(send.version),
        "visibility": send.visibility,
        "nickname": send.nickname,
        "nickname_from": str(send.nickname_from),
        **({"nickname_preset": nickname_preset} if nickname_preset else {}),
        "counts": dict(counts),
        "targets_sha256": digest(sorted(chats)),
        "why": send.why,
        "status": send.status,
        "release_at": send.release_at.isoformat(),
        **({"test": True} if send.is_test else {}),
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
