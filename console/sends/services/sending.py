"""What people and programs ask for: preview and send."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from console import live
from console.actors import Actor, Permission
from console.audit import services as audit
from console.catalogue.models import NoticeKind
from console.errors import Conflict, InvalidInput
from console.interactions.selectors import InteractionFilter
from console.sends import queue
from console.sends.models import Delivery, DeliveryStatus, Outbox, Send, SendStatus
from console.sends.planning import SendPlan, Target, plan_send
from console.sends.services import records
from console.sends.services.control import CANCELLABLE as CANCELLABLE

send_preview = plan_send

BATCH = 2000
SCHEDULE_AHEAD = timedelta(days=366)
METHODS = {
    NoticeKind.MESSAGE: "Message",
    NoticeKind.PUSH_URL: "Notice",
    NoticeKind.CUSTOM: "Notice",
}


def send_create(
    actor: Actor,
    *,
    notice_key: str,
    interactions: Sequence[str] | None = None,
    filter: InteractionFilter | None = None,
    visibility: str | None = None,
    nickname: str | None = None,
    why: str = "",
    scheduled_at: datetime | None = None,
    idempotency_key: str = "",
    undo_seconds: int = 0,
    expected_plan: str = "",
) -> Send:
    """Decide on a send: the row, its deliveries, their audit entries and the jobs, all or nothing.

    Nothing reaches a Chat Server here. With an `idempotency_key` that this actor used before, the
    send of then is the answer, or Conflict where it was for something else. With `expected_plan`,
    the digest of the plan that the person was shown, Conflict where it would be another. Raises
    what `plan_send` raises, and InvalidInput for a `scheduled_at` out of range.
    """
    actor.require(Permission.SEND)
    target = _describe_target(interactions, filter)
    digest = _digest(notice_key, target, visibility, nickname, why, scheduled_at)
    known = _known(actor, idempotency_key, digest)
    if known is not None:
        return known
    now = timezone.now()
    _require_near_future(scheduled_at, now)
    plan = plan_send(
        actor,
        notice_key=notice_key,
        interactions=interactions,
        filter=filter,
        visibility=visibility,
        nickname=nickname,
        now=now,
    )
    _require_expected(plan, expected_plan)
    send = Send(
        actor_ref=actor.ref,
        actor_name=actor.name,
        version=plan.version,
        visibility=plan.visibility,
        nickname=plan.nickname,
        target=target,
        why=why.strip(),
        status=_first_status(plan, scheduled_at, undo_seconds),
        scheduled_at=scheduled_at,
        release_at=scheduled_at or now + timedelta(seconds=undo_seconds),
        finished_at=None if plan.ready else now,
        ready_count=len(plan.ready),
        idempotency_key=idempotency_key,
        request_digest=digest,
    )
    try:
        with transaction.atomic():
            _write(actor, send, plan, now)
    except IntegrityError:
        # The same key, at the same moment, in another request: that one has won.
        known = _known(actor, idempotency_key, digest)
        if known is None:
            raise
        return known
    return send


def _require_near_future(scheduled_at: datetime | None, now: datetime) -> None:
    if scheduled_at is None:
        return
    if scheduled_at <= now:
        raise InvalidInput(
            "scheduled_in_the_past", "That time has passed: choose a later one, or send now."
        )
    if scheduled_at > now + SCHEDULE_AHEAD:
        raise InvalidInput(
            "scheduled_too_late",
            f"That is more than {SCHEDULE_AHEAD.days} days ahead. Choose an earlier time.",
        )


def _require_expected(plan: SendPlan, expected_plan: str) -> None:
    if expected_plan and plan.digest != expected_plan:
        raise Conflict(
            "plan_changed",
            "Nothing was sent: since the preview the notice, the chats or what they would get has "
            f"changed. Now it is {len(plan.ready):,} chats. Look at the preview, then send again.",
            {"ready": len(plan.ready)},
        )


def _describe_target(
    interactions: Sequence[str] | None, filter: InteractionFilter | None
) -> dict[str, Any]:
    if filter is not None:
        return {"filter": filter.to_mapping()}
    return {"interactions": list(dict.fromkeys(interactions or ()))}


def _digest(*request: Any) -> str:
    text = json.dumps(request, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _known(actor: Actor, idempotency_key: str, digest: str) -> Send | None:
    """The send that this actor made with this key before."""
    if not idempotency_key:
        return None
    if len(idempotency_key) > 255 or not idempotency_key.isprintable():
        raise InvalidInput(
            "invalid_idempotency_key", "Use at most 255 printable characters as Idempotency-Key."
        )
    send = (
        Send.objects.select_related("version__notice")
        .filter(actor_ref=actor.ref, idempotency_key=idempotency_key)
        .first()
    )
    if send is not None and send.request_digest != digest:
        raise Conflict(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another send. Use a new key for a new send.",
            {"send": send.pk},
        )
    return send


def _first_status(plan: SendPlan, scheduled_at: datetime | None, undo_seconds: int) -> SendStatus:
    if not plan.ready:
        return SendStatus.FINISHED
    if scheduled_at is not None:
        return SendStatus.SCHEDULED
    return SendStatus.HOLDING if undo_seconds else SendStatus.RUNNING


def _write(actor: Actor, send: Send, plan: SendPlan, now: datetime) -> None:
    send.save()
    deliveries = [_delivery(send, plan, target, now) for target in plan.targets]
    Delivery.objects.bulk_create(deliveries, batch_size=BATCH)
    Outbox.objects.bulk_create(
        (_open(send, row) for row in deliveries if row.status == DeliveryStatus.PENDING),
        batch_size=BATCH,
    )
    queue.enqueue_send(send, sorted({target.chat_server_name for target in plan.ready}))
    live.publish(live.SENDS)
    notice = plan.version.notice
    audit.record_many(
        actor,
        [
            audit.Record(
                "send.created",
                records.send_target(send),
                {
                    "notice": notice.key,
                    "version": plan.version.number,
                    "visibility": plan.visibility,
                    "nickname": plan.nickname,
                    "counts": plan.counts,
                    "targets_sha256": _digest(sorted(t.interaction_id for t in plan.targets)),
                    "why": send.why,
                    "release_at": send.release_at.isoformat(),
                },
            ),
            *(
                records.delivery_record(delivery, visibility=send.visibility)
                for delivery in deliveries
                if delivery.status == DeliveryStatus.SKIPPED
            ),
        ],
    )


def _delivery(send: Send, plan: SendPlan, target: Target, now: datetime) -> Delivery:
    skipped = bool(target.reason)
    return Delivery(
        send=send,
        interaction_id=target.interaction_id,
        customer_name=target.customer_name,
        locale=target.locale,
        body=target.body,
        body_salt=secrets.token_hex(16),
        method=METHODS[NoticeKind(plan.version.notice.kind)],
        chat_server_name=target.chat_server_name,
        status=DeliveryStatus.SKIPPED if skipped else DeliveryStatus.PENDING,
        reason=target.reason,
        detail=target.detail,
        finished_at=now if skipped else None,
    )


def _open(send: Send, delivery: Delivery) -> Outbox:
    return Outbox(
        delivery=delivery,
        send=send,
        chat_server_name=delivery.chat_server_name,
        due_at=send.release_at,
        expires_at=send.release_at + timedelta(seconds=settings.DELIVERY_TTL_SECONDS),
    )
