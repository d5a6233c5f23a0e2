"""Writes retries of failed deliveries, and of unknown ones if a person so decides.

A retry is a send of its own with the same texts, to the chats that the first one did not reach.
Each delivery is retried at most once. A failed retry can itself be retried.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Max

from console.actors import Actor, Permission
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.sends import selectors
from console.sends.control import stages
from console.sends.control.pausing import lock_send
from console.sends.evidence.writing import lock_unknown
from console.sends.models import Delivery, DeliveryStatus, Send
from console.sends.plan.contact_budget import within_budget
from console.sends.plan.limits import (
    guarded,
    guards,
    hold_notice,
    hold_quota,
    require_quota,
    sent_alone,
)
from console.sends.plan.nicknames import require_still_approved
from console.sends.plan.planner import plan_retry, require_valid
from console.sends.plan.sending import new_send, send_write
from console.sends.plan.values import SendPlan
from console.text.sentences import counted
from console.text.wording import term_of


def send_retry_failed(actor: Actor, send: Send, *, undo_seconds: int = 0, seen: str = "") -> Send:
    """Retry the failed deliveries of a send, none of which was shown. Return the new send. `seen`
    is what `retry_seen` returned when the person was asked; newer failures are then left out.

    For the sender, and for administrators who may send. Raises Conflict if nothing is left to
    retry, more is left than `seen` says, no chat can be reached now, or for a test; Unprocessable
    if the notice is not valid any more; and TooManyRequests.
    """
    return _retry(actor, send, DeliveryStatus.FAILED, undo_seconds, {}, seen)


def send_retry_unknown(
    actor: Actor, send: Send, *, may_show_twice: bool, undo_seconds: int = 0, seen: str = ""
) -> Send:
    """Retry the unknown deliveries of a send, if the caller accepts that it `may_show_twice`.
    `seen` is as in `send_retry_failed`.

    Raises InvalidInput without that, and whatever `send_retry_failed` raises.
    """
    if not may_show_twice:
        raise InvalidInput(
            "confirmation_needed",
            "These customers may have seen it already, and may then see it twice. Confirm that "
            "this is all right to send it again.",
            {"field": "may_show_twice"},
        )
    facts = {"may_show_twice": True}
    return _retry(actor, send, DeliveryStatus.UNKNOWN, undo_seconds, facts, seen)


def retry_seen(send: Send, status: str) -> str:
    """Return a token of what can be retried now: how many, and when the last of them ended."""
    left = selectors.not_retried(send, status).order_by()
    found = left.aggregate(number=Count("pk"), end=Max("finished_at"))
    return f"{found['number']} {found['end'].isoformat()}" if found["number"] else ""


def _retry(
    actor: Actor,
    send: Send,
    status: DeliveryStatus,
    undo_seconds: int,
    facts: dict[str, Any],
    seen: str,
) -> Send:
    _require_retrier(actor, send)
    actor.require_notice(send.version.notice.key)
    with transaction.atomic():
        stages.hold(send)
        # Of two concurrent retries the second waits here, then finds nothing left to retry.
        original = lock_send(send)
        hold_quota(actor)
        if guards():
            hold_notice(original.version.notice)
        now = database_now()
        require_valid(original.version, at=now, now=now)
        require_still_approved(original)
        open_ = selectors.not_retried(original, status)
        if status == DeliveryStatus.UNKNOWN:
            # Evidence that comes at this moment is waited for, or finds the retry.
            open_ = open_.filter(pk__in=lock_unknown(list(open_.values_list("pk", flat=True))))
        left = _those_seen(list(open_), seen)
        if not left:
            raise Conflict(
                "nothing_to_retry",
                "Nothing of this send is {status:lower} that has not been tried again.",
                status=term_of(status.label),
            )
        line = _line_of(original)
        plan = guarded(plan_retry(actor, original, left), release_at=now, now=now, apart_from=line)
        plan = within_budget(plan, release_at=now, now=now)
        before = sent_alone(actor, original.version.notice, now, apart_from=line)
        plan = replace(plan, sent_before=before)
        _require_ready(plan)
        require_quota(actor, len(plan.ready), now)
        now = database_now()
        retry = new_send(
            actor,
            plan,
            now=now,
            undo_seconds=undo_seconds,
            target={"interactions": [target.interaction_id for target in plan.targets]},
            why=original.why,
            retry_of=original,
            incident_id=original.incident_id,
            stage_id=original.stage_id,
        )
        of_stage = {"incident": retry.incident_id, "stage": retry.stage_id}
        facts = {**facts, **(of_stage if retry.incident_id is not None else {})}
        send_write(actor, retry, plan, now=now, facts={"retry_of": original.pk, **facts})
        stages.note(retry)
    return retry


def _those_seen(left: Sequence[Delivery], seen: str) -> Sequence[Delivery]:
    """Return the deliveries that the person was shown before confirming. More may have failed
    since, as the send goes on. Raises Conflict if there are now more than shown."""
    if not seen:
        return left
    try:
        number, _space, end = seen.partition(" ")
        most, until = int(number), datetime.fromisoformat(end)
        told = [each for each in left if each.finished_at and each.finished_at <= until]
    except (ValueError, TypeError):
        most, told = -1, []
    if len(told) > most:
        raise Conflict(
            "retry_changed",
            "Nothing was tried again: meanwhile there are others than you were shown. "
            "Look at it again, then confirm.",
        )
    return told


def _require_retrier(actor: Actor, send: Send) -> None:
    actor.require(Permission.SEND)
    if send.is_test:
        raise Conflict("test_not_retried", "This was a test. Send the version to it once more.")
    if send.actor_ref != actor.ref and not actor.may(Permission.ADMINISTER):
        raise PermissionRefused(
            "not_sender", "Only {sender} may try this send again.", sender=send.actor_name
        )


def _line_of(send: Send) -> list[int]:
    """Return the ids of a send and of the sends that it retries. The person who retries knows what
    they delivered, so the resend guard ignores it."""
    line = [send.pk]
    while send.retry_of is not None:
        send = send.retry_of
        line.append(send.pk)
    return line


def _require_ready(plan: SendPlan) -> None:
    if not plan.ready:
        (detail, _number), *_others = Counter(t.detail for t in plan.targets).most_common(1)
        raise Conflict(
            "nothing_to_retry",
            counted(
                "This chat can't be sent to now. {detail}",
                "None of these {n:,} chats can be sent to now. {detail}",
                n=len(plan.targets),
                detail=detail,
            ),
            {"counts": plan.counts},
        )
