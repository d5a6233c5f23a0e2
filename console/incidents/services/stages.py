"""Writes stages of incidents: ordinary sends, each chat at most once a stage.

Whoever writes a stage holds its incident's row until the transaction ends. So a stage is started
once, and no chat gets an older stage after a newer one was started.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from console.accounts.own_work import is_own, own_refs
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput, NotFound
from console.incidents.models import Incident, Reach, Stage, StageTarget
from console.incidents.playbook_content import StageContent, answers_for, stage_contents
from console.incidents.told import INCIDENT, STAGE
from console.interactions.audience.audience import Audience
from console.interactions.models import Interaction
from console.interactions.selectors import interactions_visible
from console.sends.control.pausing import end_send, lock_send
from console.sends.models import LIVE_STATUSES, Delivery, DeliveryStatus, Send, SendStatus
from console.sends.plan.planner import pinned_version, plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import Cover, OfStage, SendOrder, SendPlan
from console.text.sentences import Sentence, term

# Of a delivery whose chat got the text, or may have got it.
GOT = ("delivered", "unknown")
GOT_OR_WAITS = (*GOT, "waiting")
NO_TARGETS = "no_targets"
NOBODY = Audience.from_mapping({"online": True, "not": {"online": True}})
COPY_TARGETS = """
INSERT INTO incidents_stagetarget (stage_id, interaction_id, matched_at, tried_at, delivery_id)
SELECT %(stage)s, interaction_id, %(now)s, %(now)s, id FROM sends_delivery WHERE send_id = %(send)s
ON CONFLICT (stage_id, interaction_id)
    DO UPDATE SET tried_at = EXCLUDED.tried_at, delivery_id = EXCLUDED.delivery_id
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose beside the stage. `expected_plan` is the promise of the preview."""

    expected_plan: str | None = None
    undo_seconds: int = 0


NOTHING_CHOSEN = Choice()


def content_at(incident: Incident, position: int) -> StageContent:
    """Return a stage of the incident's playbook, from 1. Raises NotFound."""
    contents = stage_contents(incident.version)
    if not 1 <= position <= len(contents):
        raise NotFound(
            "stage_not_found",
            "Incident {incident} has no stage {stage}.",
            incident=incident.pk,
            stage=position,
        )
    return contents[position - 1]


def audience_of(incident: Incident, content: StageContent) -> Audience:
    """Return which chats a stage reaches."""
    own = incident.read_audience
    if content.reach == Reach.MATCHING:
        return own
    if not Send.objects.filter(incident_id=incident.pk).exists():  # nobody got anything yet
        return NOBODY if content.reach == Reach.GOT_EARLIER else own
    outcomes = list(GOT if content.reach == Reach.GOT_EARLIER else GOT_OR_WAITS)
    got: dict[str, Any] = {"received": {"incident": incident.pk, "outcome": outcomes}}
    if content.reach == Reach.GOT_EARLIER:
        return Audience.from_mapping(got)
    return own.and_also(Audience.from_mapping({"not": got}))


def stage_plan(actor: Actor, incident: Incident, position: int) -> SendPlan | None:
    """Return what starting this stage would do now; None if it would reach nobody yet. Raises what
    planning a send raises, and Conflict for a stage whose turn is over."""
    content = content_at(incident, position)
    require_next(incident, position)
    # No stage has this id: nothing is written.
    of_stage = OfStage(incident.pk, 0, content.version or 0, cover_of(actor, incident, None))
    return plan_unless_nobody(actor, incident, content, of_stage)


def plan_unless_nobody(
    actor: Actor, incident: Incident, content: StageContent, of_stage: OfStage
) -> SendPlan | None:
    """Return the plan of a stage's first send; None if no live chat matches."""
    audience = audience_of(incident, content)
    if not interactions_visible(actor, audience).exists():
        return None
    try:
        return plan_send(actor, order_of(actor, incident, content, of_stage, audience=audience))
    except InvalidInput as refusal:
        if refusal.code != NO_TARGETS:
            raise
        return None  # the last one went in between


def require_next(incident: Incident, position: int) -> None:
    """Raise Conflict unless the incident runs, and this stage comes after those that were
    started."""
    if not incident.is_running:
        raise Conflict(
            "incident_closed", "Incident {incident} is closed already.", incident=incident.pk
        )
    newest = incident.stages.order_by("-position").first()
    if newest is not None and position <= newest.position:
        raise Conflict(
            "stage_started",
            "This stage was started already, or a later one was: {name} by {actor}. Load the page "
            "again.",
            {"position": newest.position},
            name=StageContent.of(newest.content).name,
            actor=newest.actor_name,
        )


def order_of(
    actor: Actor,
    incident: Incident,
    content: StageContent,
    of_stage: OfStage,
    *,
    audience: Audience | None = None,
    interactions: list[str] | None = None,
    chosen: Choice = NOTHING_CHOSEN,
) -> SendOrder:
    """Return the order of a stage's send: its first, to an audience, or a later one to these chats.
    The first has the stage's canary."""
    pinned = pinned_version(actor, content.notice, of_stage.version)
    return SendOrder(
        notice_key=content.notice,
        audience=audience,
        interactions=interactions,
        answers=answers_for(pinned, incident.answers),
        why=f"{incident.title}: {content.name}"[:500],
        undo_seconds=chosen.undo_seconds,
        expected_plan=chosen.expected_plan,
        of_stage=of_stage,
        canary=content.canary if audience is not None else None,
    )


def cover_of(actor: Actor, incident: Incident, stage: Stage | None) -> Cover | None:
    """Return what covers a send of this stage: the approval that one of its sends got, or the
    emergency path while it is confirmed or can still be."""
    if stage is not None:
        # A retry has an approval of its own, for its own chats.
        first_tries = Send.objects.filter(incident_id=incident.pk, stage_id=stage.pk, retry_of=None)
        approved = first_tries.exclude(approved_by_ref__in=["", *own_refs(actor)])
        given = approved.order_by("pk").first()
        if given is not None:
            return Cover(given.approved_by_ref, given.approved_by_name, given.approved_at)
    if incident.confirm_until is None or incident.paused_at is not None:
        return None
    if incident.confirmed_at is None:
        in_time = incident.confirm_until > database_now()
        return Cover(is_emergency=True) if in_time else None
    if is_own(actor, incident.confirmed_by_ref):
        return None
    return Cover(
        incident.confirmed_by_ref,
        incident.confirmed_by_name,
        incident.confirmed_at,
        is_emergency=True,
    )


def begin(
    actor: Actor, incident: Incident, position: int, chosen: Choice, now: datetime
) -> tuple[Stage, Send | None]:
    """Start a stage of a locked incident, in place of the one before. Returns its first send too;
    None if it stands and nobody matches yet. A stage whose preview showed somebody starts, even if
    all of these have gone. Raises InvalidInput if it would reach nobody at all.
    """
    actor.require(Permission.SEND)
    content = content_at(incident, position)
    require_next(incident, position)
    incident.stages.filter(ended_at=None).update(ended_at=now)
    called_off = _call_off_earlier(actor, incident)
    minutes = content.update_minutes
    stage = Stage.objects.create(
        incident=incident,
        position=position,
        content={name: getattr(content, name) for name in content.__dataclass_fields__},
        actor_ref=actor.ref,
        actor_name=actor.name,
        started_at=now,
        is_standing=content.is_standing,
        is_settled=content.reach != Reach.GOT_EARLIER,
        due_at=None if minutes is None else now + timedelta(minutes=minutes),
    )
    send = _first_send(actor, incident, stage, content, chosen)
    if send is not None:
        targets_write(stage, send, now)
    record_stage(actor, stage, content, send, called_off)
    notifications.publish(notifications.INCIDENTS, notifications.BOARD)
    return stage, send


def _first_send(
    actor: Actor, incident: Incident, stage: Stage, content: StageContent, chosen: Choice
) -> Send | None:
    audience = audience_of(incident, content)
    is_promised = chosen.expected_plan is not None
    if is_promised or interactions_visible(actor, audience).exists():
        of_stage = OfStage(
            incident.pk, stage.pk, content.version or 0, cover_of(actor, incident, stage)
        )
        order = order_of(actor, incident, content, of_stage, audience=audience, chosen=chosen)
        try:
            return send_create(actor, order)
        except InvalidInput as refusal:
            if refusal.code != NO_TARGETS:
                raise  # else the last one went in between
    if content.is_standing:
        return None
    raise InvalidInput(
        NO_TARGETS, "This stage would reach nobody: no live chat that you see matches."
    )


def _call_off_earlier(actor: Actor, incident: Incident) -> int:
    """Cancel what still waits of earlier stages: nobody gets an older text after a newer one. So is
    a send that has something on the wire: what comes back unsent must not leave later. Returns the
    number of chats that waited."""
    return call_off(actor, incident, LIVE_STATUSES, note=_newer(incident))


def call_off(
    actor: Actor, incident: Incident, statuses: Collection[SendStatus], *, note: Sentence
) -> int:
    """Cancel what waits of an incident's sends in one of these statuses. Return the number of chats
    that waited."""
    number = 0
    live = Send.objects.filter(incident_id=incident.pk, status__in=statuses).order_by("pk")
    for send in live:
        locked = lock_send(send)
        if locked.status not in statuses:
            continue
        waiting = Delivery.objects.filter(send=locked, status=DeliveryStatus.PENDING).count()
        on_the_wire = Delivery.objects.filter(send=locked, status=DeliveryStatus.SENDING).exists()
        if waiting or on_the_wire:
            end_send(actor, locked, Action.SEND_CANCELLED, note=str(note))
            number += waiting
    return number


def _newer(incident: Incident) -> Sentence:
    return term("A newer stage of incident {incident} was started.", incident=incident.pk)


def targets_write(stage: Stage, send: Send, now: datetime) -> None:
    """Note which chats got the stage by this send, each once."""
    with connection.cursor() as cursor:
        cursor.execute(COPY_TARGETS, {"stage": stage.pk, "send": send.pk, "now": now})


def record_stage(
    actor: Actor, stage: Stage, content: StageContent, send: Send | None, called_off: int
) -> None:
    data: dict[str, Any] = {
        "stage": stage.pk,
        "position": stage.position,
        "name": content.name,
        "notice": content.notice,
        "version": content.version,
        "reach": content.reach,
        "is_standing": content.is_standing,
        "due_at": stage.due_at.isoformat() if stage.due_at else None,
        "send": send.pk if send else None,
        "called_off": called_off,
        **told_of(stage.incident),
    }
    audit.record(actor, Action.INCIDENT_STAGE_STARTED, target=target_of(stage.incident), data=data)


def target_of(incident: Incident) -> audit.Target:
    return ("incident", incident.pk, incident.title)


def told_of(incident: Incident) -> dict[str, Any]:
    """Return, for an entry, what the database has of an incident and its stages now."""
    stages = list(incident.stages.order_by("pk").values_list("pk", flat=True))
    return told((INCIDENT, incident.pk), (STAGE, stages))


def not_yet_reached(actor: Actor, stage: Stage, content: StageContent) -> QuerySet[Interaction]:
    """Return the live chats that match a stage and were not among its targets before."""
    audience = audience_of(stage.incident, content)
    mine = StageTarget.objects.filter(stage=stage, interaction_id=OuterRef("pk"))
    return interactions_visible(actor, audience).filter(~Exists(mine))


def undo_seconds() -> int:
    """Return the undo seconds of a stage that is started on a page."""
    return int(settings.UNDO_SECONDS)
