"""Writes a send that a person or a program asks for. Also previews it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from console.actors import Actor, Permission
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput
from console.interactions.selectors import InteractionFilter, interactions_visible
from console.sends.models import Send
from console.sends.plan.planner import SendPlan, plan_send
from console.sends.plan.promise import Promise
from console.sends.plan.quota import hold_quota, require_quota, sent_alone
from console.sends.plan.resend_guard import guarded, guards, hold_notice
from console.sends.plan.schedule import require_near_future, zone_named
from console.sends.plan.values import known_leave_out
from console.sends.plan.writing import digest, new_send, send_write
from console.text.inputs import read_line, require_given
from console.text.visible import is_blank

send_preview = plan_send

ONCE = "once "  # how the keys begin that stand for a notice in a chat


def send_create(
    actor: Actor,
    *,
    notice_key: str,
    interactions: Sequence[str] | None = None,
    filter: InteractionFilter | None = None,
    visibility: str | None = None,
    nickname: str | None = None,
    fields: Mapping[str, object] | None = None,
    why: str = "",
    scheduled_at: datetime | None = None,
    time_zone: str | None = None,
    ignore_recent: bool = False,
    leave_out: Collection[str] = (),
    idempotency_key: str | None = None,
    once: bool = False,
    undo_seconds: int = 0,
    expected_plan: str | None = None,
) -> Send:
    """Decide on a send: the row, its deliveries, their audit entries and the jobs, all or nothing.

    Nothing reaches a Chat Server here, and above CONSOLE_APPROVAL_ABOVE chats nothing will before
    somebody else approves. `fields` answers what the notice asks for. `leave_out` (LeaveOut) says
    who gets nothing because there is no text in their own language. `scheduled_at` has an offset;
    `time_zone` is the one that it was chosen in. With an `idempotency_key` that this actor used
    before, the send of then is the answer, or Conflict where it was for something else. `once` is
    for one chat: the same, with the notice and the chat as the key. With `expected_plan`, the
    promise of the preview that the person was shown (console.sends.plan.promise), no chat gets it
    that was not ready there, and Conflict where it would be another send. Raises what `plan_send`
    raises, InvalidInput for a `scheduled_at` out of range, and TooManyRequests over the person's
    quota.
    """
    actor.require(Permission.SEND)
    target = _describe_target(interactions, filter)
    leave_out = known_leave_out(leave_out)
    said = [notice_key, target, visibility, nickname, why]
    parts = [*said, scheduled_at, time_zone or "", ignore_recent]
    # What is not asked for is not in it: so older digests hold.
    asked = digest(*parts, *([dict(fields)] if fields else []), *([leave_out] if leave_out else []))
    require_given(time_zone, field="time_zone")
    if once:
        idempotency_key = _once_key(notice_key, target, idempotency_key)
    known = _known(actor, idempotency_key, asked)
    if known is not None:
        return known
    now = database_now()
    zone = zone_named(time_zone).key if time_zone else ""
    if scheduled_at is not None:
        require_near_future(scheduled_at, now)
    promise = None if expected_plan is None else Promise.read(expected_plan)
    matching = None
    if promise is not None and filter is not None:
        # Those chats, and none that match since then; what of them does not any more stays out.
        matching = set(interactions_visible(actor, filter).values_list("pk", flat=True))
        interactions, filter = promise.chats, None
    plan = plan_send(
        actor,
        notice_key=notice_key,
        interactions=interactions,
        filter=filter,
        visibility=visibility,
        nickname=nickname,
        fields=fields,
        scheduled_at=scheduled_at,
        leave_out=leave_out,
        ignore_recent=True,  # looked at by `_decide`, when nobody else can send the notice
        now=now,
    )
    plan = replace(plan, allows_repeat=ignore_recent)
    fields = {
        "scheduled_at": scheduled_at,
        "time_zone": zone if scheduled_at else "",
        "target": target,
        "why": read_line(why, what="The reason (why)", field="why"),
        "undo_seconds": undo_seconds,
        "idempotency_key": idempotency_key or "",
        "request_digest": asked,
    }
    try:
        facts = {"leave_out": list(leave_out)} if leave_out else {}
        return _decide(actor, plan, fields, promise, matching, now=now, facts=facts)
    except IntegrityError:
        # The same key, at the same moment, in another request: that one has won.
        known = _known(actor, idempotency_key, asked)
        if known is None:
            raise
        return known


def _decide(
    actor: Actor,
    plan: SendPlan,
    fields: dict[str, Any],
    promise: Promise | None,
    matching: set[str] | None,
    *,
    now: datetime,
    facts: dict[str, Any],
) -> Send:
    """Write the send, unless what others have done meanwhile speaks against it."""
    with transaction.atomic():
        hold_quota(actor)
        if guards():
            hold_notice(plan.version.notice)
        # While this waited for its turn, the same request may have been through.
        known = _known(actor, fields["idempotency_key"] or None, fields["request_digest"])
        if known is not None:
            return known
        release_at = fields["scheduled_at"] or now
        if not plan.allows_repeat:
            plan = guarded(plan, release_at=release_at, now=now)
        # Counted again: nobody else makes a send of this person's from here on.
        plan = replace(plan, sent_before=sent_alone(actor, plan.version.notice, release_at))
        if promise is not None:
            plan = promise.bound(plan, matching=matching)
            promise.require_kept(plan)
        require_quota(actor, len(plan.ready), now)
        # Asked again: the undo seconds are whole ones, however long the planning took.
        now = database_now()
        send = new_send(actor, plan, now=now, **fields)
        facts |= {"allow_repeat": True} if plan.allows_repeat else {}
        send_write(actor, send, plan, now=now, facts=facts)
        return send


def _describe_target(
    interactions: Sequence[str] | None, filter: InteractionFilter | None
) -> dict[str, Any]:
    if filter is not None:
        return {"filter": filter.to_mapping()}
    return {"interactions": list(dict.fromkeys(interactions or ()))}


def _once_key(notice_key: str, target: dict[str, Any], idempotency_key: str | None) -> str:
    """One that all requests for this notice in this chat share. Raises InvalidInput."""
    chats = target.get("interactions", ())
    if len(chats) != 1 or idempotency_key is not None:
        raise InvalidInput(
            "invalid_once",
            "once is for one chat, named in interactions, and needs no Idempotency-Key: "
            "the notice and the chat are the key. Leave one of them out.",
            {"field": "once"},
        )
    return ONCE + digest(notice_key, chats[0])


def require_key(idempotency_key: str) -> None:
    """Raise InvalidInput for one that is empty, over-long or not printable."""
    if len(idempotency_key) > 255 or not idempotency_key.isprintable() or is_blank(idempotency_key):
        raise InvalidInput(
            "invalid_idempotency_key",
            "Idempotency-Key is 1 to 255 printable characters. Give it a value, or leave it out.",
        )


def _known(actor: Actor, idempotency_key: str | None, asked: str) -> Send | None:
    """The send that this actor made with this key before; none without a key."""
    if idempotency_key is None:
        return None
    require_key(idempotency_key)
    send = (
        Send.objects.select_related("version__notice")
        .filter(actor_ref=actor.ref, idempotency_key=idempotency_key)
        .first()
    )
    if send is not None and send.request_digest != asked:
        told = (
            "This notice was sent into this chat once, and that request was not the same as this "
            "one. Ask without once to send it again."
            if idempotency_key.startswith(ONCE)
            else "This Idempotency-Key was used for another send. Use a new key for a new send."
        )
        raise Conflict("idempotency_key_reused", told, {"send": send.pk})
    if send is not None:
        send.is_replayed = True
    return send
