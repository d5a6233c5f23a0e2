"""Writes a second person's decision on a large send, and a new time that the sender gives it."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from console.accounts.approvals.stating import Confirmation
from console.accounts.approvals.writing import approval_record
from console.accounts.own_work import is_own
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.database.clock import database_now
from console.errors import Conflict, PermissionRefused
from console.sends import selectors
from console.sends.control.pausing import (
    announce,
    control_entry,
    end_send,
    enter_control,
    lock_send,
    record_control,
)
from console.sends.control.stop_switch import required_reason
from console.sends.engine import queue
from console.sends.engine.queue import outbox_move
from console.sends.models import Delivery, Send, SendStatus
from console.sends.plan.limits import hold_quota, sent_alone
from console.sends.plan.planner import require_valid
from console.sends.plan.schedule import require_near_future, zone_named
from console.sends.plan.values import digest, needs_approval
from console.sends.proof.ledger import version_digest
from console.text.inputs import require_given
from console.text.sentences import term
from console.text.wording import term_of

MOVABLE = (SendStatus.SCHEDULED, SendStatus.AWAITING_APPROVAL)


def send_approve(actor: Actor, send: Send, *, confirmation: Confirmation | None = None) -> Send:
    """Approve somebody else's send: it leaves at its time, or at once if that has passed.

    Approves exactly the time that `send` carries. Raises PermissionRefused for one's own send;
    Conflict if the send does not await approval (any more), has been moved, or is not to the chats
    that were asked for; Unprocessable if its notice is retired or not valid at that time;
    Unavailable if the witnesses' quorum is late; and what `approval_record` raises.
    """
    _require_other(actor, send)
    with transaction.atomic():
        locked = _lock_awaiting(send)
        if locked.scheduled_at != send.scheduled_at:
            raise Conflict(
                "send_moved", "Its time was changed meanwhile. Look at it again, then approve."
            )
        now = database_now()
        release_at = selectors.leaves_at(locked, now)
        require_valid(locked.version, at=release_at, now=now)
        locked.approved_by_ref, locked.approved_by_name = actor.ref, actor.name
        locked.approved_at = now
        _let_go(locked, release_at, now)
        locked.save(
            update_fields=[
                *("approved_by_ref", "approved_by_name", "approved_at", "status", "release_at")
            ]
        )
        announce(locked)
        data: dict[str, object] = {
            "status": str(locked.status),
            "release_at": locked.release_at.isoformat(),
        }
        entry = control_entry(actor, locked, Action.SEND_APPROVED, data)
        also = _what_leaves(locked)
        _require_asked_for(locked, also)
        enter_control(
            actor, locked, approval_record(actor, entry, also=also, confirmation=confirmation)
        )
    return locked


def _let_go(send: Send, release_at: datetime, now: datetime) -> None:
    """Let an approved send leave at its time, or at once."""
    if release_at > now:
        send.status = SendStatus.SCHEDULED
        queue.enqueue_send(send, ())
    else:
        send.status, send.release_at = SendStatus.RUNNING, now
        outbox_move(send, now)
        queue.enqueue_drains(queue.servers_of_sends([send.pk]))


def _what_leaves(send: Send) -> dict[str, object]:
    """Return what an approver of a send sees of it, as its first entry says it."""
    chats = Delivery.objects.filter(send=send).values_list("interaction_id", flat=True)
    return {
        "notice": send.version.notice.key,
        "version": send.version.number,
        "version_sha256": version_digest(send.version),
        "visibility": send.visibility,
        "nickname": send.nickname,
        "targets_sha256": digest(sorted(chats)),
        "why": send.why,
        "scheduled_at": send.scheduled_at.isoformat() if send.scheduled_at else "",
    }


def _require_asked_for(send: Send, leaves: Mapping[str, object]) -> None:
    """Raise Conflict if the chats are not those that the entry of the request tells of: somebody
    wrote to the database. Without that entry, which may be archived, there is nothing to compare
    with. It is the first of its kind: a later one was put in."""
    of_send = AuditEntry.objects.filter(target_kind="send", target_ref=str(send.pk))
    created = of_send.filter(action=Action.SEND_CREATED).order_by("seq").first()
    asked = created.data.get("targets_sha256") if created is not None else None
    if asked is not None and asked != leaves["targets_sha256"]:
        raise Conflict(
            "send_of_other_chats",
            "The chats of this send are not those that {sender} asked for, as the audit trail "
            "says: somebody changed them in the database. Reject it, and tell your administrator.",
            sender=send.actor_name,
        )


def send_reject(actor: Actor, send: Send, *, reason: str) -> Send:
    """Reject somebody else's send before anything of it leaves.

    Raises InvalidInput without a reason, PermissionRefused for one's own send, and Conflict if the
    send does not await approval (any more).
    """
    _require_other(actor, send)
    note = required_reason(reason, term("why this send is not to leave"))
    with transaction.atomic():
        locked = _lock_awaiting(send)
        end_send(actor, locked, Action.SEND_REJECTED, note=note)
    return locked


def send_reschedule(
    actor: Actor, send: Send, *, scheduled_at: datetime, time_zone: str | None = None
) -> Send:
    """Give one's own send another time. An approved send awaits approval again.

    Raises InvalidInput for a time out of range or an unknown zone; Conflict if the send has begun
    or is over; Unprocessable if its notice is retired or not valid at that time.
    """
    actor.require(Permission.SEND)
    if send.actor_ref != actor.ref:
        raise PermissionRefused(
            "not_sender", "Only {sender} may move this send.", sender=send.actor_name
        )
    require_given(time_zone, field="time_zone")
    zone = zone_named(time_zone).key if time_zone else ""
    with transaction.atomic():
        locked = lock_send(send)
        _require_movable(locked)
        now = database_now()
        require_near_future(scheduled_at, now)
        require_valid(locked.version, at=scheduled_at, now=now)
        was_approved, before = bool(locked.approved_by_ref), locked.release_at
        hold_quota(actor)
        before_it = sent_alone(actor, locked.version.notice, scheduled_at, apart_from=[locked.pk])
        _move(locked, scheduled_at, zone, sent_before=before_it)
        announce(locked)
        data: dict[str, object] = {
            "from": before.isoformat(),
            "to": scheduled_at.isoformat(),
            "time_zone": zone,
            "status": str(locked.status),
        }
        if was_approved:
            data["approval"] = "voided"
        record_control(actor, locked, Action.SEND_RESCHEDULED, data)
    return locked


def _require_movable(send: Send) -> None:
    if send.status not in MOVABLE:
        raise Conflict(
            "send_not_movable",
            "This send is {status:lower}: only one that is scheduled or awaits approval can get "
            "another time.",
            status=term_of(SendStatus(send.status).label),
        )


def _move(send: Send, scheduled_at: datetime, time_zone: str, *, sent_before: int) -> None:
    """Set the new time and withdraw an approval, which was for the old time."""
    awaits = (
        send.status == SendStatus.AWAITING_APPROVAL
        or bool(send.approved_by_ref)
        or needs_approval(send.ready_count, send.nickname_from, sent_before)
    )
    send.approved_by_ref = send.approved_by_name = ""
    send.approved_at = None
    send.status = SendStatus.AWAITING_APPROVAL if awaits else SendStatus.SCHEDULED
    send.scheduled_at = send.release_at = scheduled_at
    send.time_zone = time_zone
    send.save()
    outbox_move(send, scheduled_at)
    queue.enqueue_send(send, ())


def _require_other(actor: Actor, send: Send) -> None:
    actor.require(Permission.APPROVE_SENDS)
    if is_own(actor, send.actor_ref):
        raise PermissionRefused(
            "own_work", "This is your own send: somebody else has to decide about it."
        )
    if not actor.sees_team(send.version.notice.team_id):
        raise PermissionRefused(
            "other_team", "This send is of another team's notice: an approver there decides."
        )


def _lock_awaiting(send: Send) -> Send:
    locked = lock_send(send)
    if locked.status != SendStatus.AWAITING_APPROVAL:
        raise Conflict(
            "not_awaiting_approval",
            "This send is {status:lower}: it does not await approval.",
            status=term_of(SendStatus(locked.status).label),
        )
    return locked
