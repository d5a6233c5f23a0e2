"""Writes a send that a person or a program orders."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from console.actors import Actor, Permission
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput
from console.interactions.selectors import interactions_visible
from console.sends.models import Send
from console.sends.plan.planner import plan_order, with_others
from console.sends.plan.promise import Promise
from console.sends.plan.quota import hold_quota, require_quota
from console.sends.plan.resend_guard import guards, hold_notice
from console.sends.plan.schedule import require_near_future
from console.sends.plan.values import ONCE, SendOrder, SendPlan
from console.sends.plan.writing import new_send, send_write
from console.text.inputs import read_line
from console.text.sentences import term
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
        if order.filter is None:
            return cls(order, promise)
        # Only the chats of the preview, none that match since. Those that no longer match are
        # skipped.
        matching = set(interactions_visible(actor, order.filter).values_list("pk", flat=True))
        return cls(replace(order, interactions=promise.chats, filter=None), promise, matching)

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
        )
        facts: dict[str, Any] = {"leave_out": list(order.leave_out)} if order.leave_out else {}
        facts |= {"allow_repeat": True} if plan.allows_repeat else {}
        send_write(actor, send, plan, now=now, facts=facts)
        return send


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
