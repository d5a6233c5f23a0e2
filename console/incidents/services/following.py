"""Writes what incidents do by themselves: a standing stage reaches chats that newly match, an
emergency that nobody confirms is paused, and an overdue update is recorded."""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef

from console.accounts.selectors import actor_by_ref
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database import notifications
from console.database.clock import database_now
from console.errors import ConsoleError
from console.incidents import troubles
from console.incidents.models import Incident, IncidentStatus, Stage, StageTarget
from console.incidents.playbook_content import StageContent
from console.incidents.services.incidents import FOLLOWER
from console.incidents.services.stages import (
    audience_of,
    cover_of,
    not_yet_reached,
    order_of,
    target_of,
    targets_write,
    told_of,
)
from console.interactions.selectors import interactions_visible
from console.sends.control.withholding import incident_sends_withhold
from console.sends.models import Delivery, DeliveryStatus, Reason, Send, SendStatus
from console.sends.plan.planner import plan_send
from console.sends.plan.sending import send_create
from console.sends.plan.values import OfStage, SendOrder
from console.sends.reasons import EMERGENCY_UNCONFIRMED

logger = structlog.get_logger("console.incidents")

# How many chats one step of one stage takes at most; no send has more than its own limit.
AT_ONCE = 500
# A chat that was skipped for one of these reasons may get the stage later: the reason can pass.
PASSING = (
    Reason.OFFLINE,
    Reason.UNRESOLVED_VARIABLE,
    Reason.UNKNOWN_CHAT_SERVER,
    Reason.CHAT_SERVER_DISABLED,
    Reason.CONTACT_BUDGET,
    # It moved while somebody read the preview. If it matches later, it is like one that is new.
    Reason.NOT_PREVIEWED,
    Reason.NO_LONGER_MATCHES,
    Reason.OTHER_LANGUAGE,
    Reason.NOT_ALLOWED,
)
TRIED_AGAIN_AFTER = timedelta(seconds=5)


def at_once() -> int:
    return min(AT_ONCE, settings.TARGET_LIMIT)


def incidents_follow() -> bool:
    """Take one step for each running incident. Return whether any stage still follows chats. An
    error is raised once all others have had their step: it must not keep them waiting."""
    running = Incident.objects.filter(status=IncidentStatus.RUNNING)
    stands, errors = False, []
    for pk in list(running.order_by("pk").values_list("pk", flat=True)):
        try:
            stands |= _follow_one(pk)
        except Exception as error:
            logger.exception("incident not followed", incident=pk)
            errors.append(error)
    if errors:
        raise errors[0]
    return stands


def _follow_one(pk: int) -> bool:
    """Take a step for one incident, unless somebody else is at it: then look again. A refusal stays
    with its stage."""
    try:
        with transaction.atomic():
            incident = _take(pk)
            if incident is None:
                return True
            now = database_now()
            _pause_unconfirmed(incident, now)
            stage = incident.stages.filter(ended_at=None).first()
            if stage is None:
                return False
            _note_overdue(stage, now)
            if not _follows(stage) or incident.paused_at is not None:
                return False
            _step(stage, now)
            return True
    except ConsoleError as refusal:
        Stage.objects.filter(incident=pk, ended_at=None).update(trouble=refusal.said)
        notifications.publish(notifications.INCIDENTS)
        logger.warning("incident not followed", incident=pk, code=refusal.code)
        return True


def _take(pk: int) -> Incident | None:
    free = Incident.objects.select_for_update(no_key=True, skip_locked=True, of=["self"])
    found = free.select_related("version", "playbook").filter(pk=pk)
    return found.filter(status=IncidentStatus.RUNNING).first()


def _follows(stage: Stage) -> bool:
    return not stage.is_settled or (stage.is_standing and not stage.is_paused)


def _step(stage: Stage, now: datetime) -> None:
    """Send the stage to chats that match now and have not had it."""
    content = StageContent.of(stage.content)
    actor = actor_by_ref(stage.actor_ref)
    if actor is None or not actor.may(Permission.SEND):
        _say(stage, troubles.SENDER_GONE(name=stage.actor_name))
        return
    trouble = _held_up(stage)
    if trouble:
        _say(stage, trouble)
        return
    if _can_be_undone(stage):
        return
    # Before the chats are read, so that none is missed that ends in between.
    settles = not stage.is_settled and not _is_under_way(stage)
    found = not_yet_reached(actor, stage, content)[: at_once()]
    fresh = list(found.values_list("pk", flat=True))
    if fresh:
        targets_write(stage, send_create(actor, _order(actor, stage, content, fresh)), now)
    said = ""
    if stage.is_standing and not stage.is_paused:
        said = _try_again_if_possible(actor, stage, content, now)
    if settles and len(fresh) < at_once():
        stage.is_settled = True
        stage.save(update_fields=["is_settled"])
    _say(stage, said)
    if fresh:
        notifications.publish(notifications.INCIDENTS)


def _order(actor: Actor, stage: Stage, content: StageContent, chats: list[str]) -> SendOrder:
    incident = stage.incident
    cover = cover_of(actor, incident, stage)
    of_stage = OfStage(incident.pk, stage.pk, content.version or 0, cover)
    return order_of(actor, incident, content, of_stage, interactions=chats)


def _try_again_if_possible(actor: Actor, stage: Stage, content: StageContent, now: datetime) -> str:
    """Do that, and return why it can't be done; "" if it can. The new chats must not wait for it,
    as when a quota is left for them alone."""
    try:
        with transaction.atomic():
            _try_again(actor, stage, content, now)
    except ConsoleError as refusal:
        return refusal.said
    return ""


def _try_again(actor: Actor, stage: Stage, content: StageContent, now: datetime) -> None:
    """Send a standing stage to chats that were skipped for a reason that has passed."""
    skipped = Delivery.objects.filter(
        pk=OuterRef("delivery_id"), status=DeliveryStatus.SKIPPED, reason__in=PASSING
    )
    tried = StageTarget.objects.filter(
        Exists(skipped), stage=stage, tried_at__lt=now - TRIED_AGAIN_AFTER
    )
    chats = list(tried.order_by("tried_at").values_list("interaction_id", flat=True)[: at_once()])
    if not chats:
        return
    audience = audience_of(stage.incident, content)
    matching = interactions_visible(actor, audience).filter(pk__in=chats)
    still = list(matching.values_list("pk", flat=True))
    StageTarget.objects.filter(stage=stage, interaction_id__in=chats).update(tried_at=now)
    if not still:
        return
    plan = plan_send(actor, _order(actor, stage, content, still))
    ready = [target.interaction_id for target in plan.ready]
    if ready:
        targets_write(stage, send_create(actor, _order(actor, stage, content, ready)), now)


def _is_under_way(stage: Stage) -> bool:
    """Return whether a delivery of an earlier stage is on the wire."""
    earlier = Send.objects.filter(incident_id=stage.incident_id).exclude(stage_id=stage.pk)
    under_way = Delivery.objects.filter(send__in=earlier, status=DeliveryStatus.SENDING)
    return under_way.exists()


def _held_up(stage: Stage) -> str:
    """Return why new chats have to wait for somebody's decision; "" if they don't."""
    sends = Send.objects.filter(
        incident_id=stage.incident_id, stage_id=stage.pk, retry_of=None
    ).order_by("pk")
    waiting = sends.filter(status=SendStatus.AWAITING_APPROVAL).first()
    if waiting is not None:
        return troubles.AWAITS_APPROVAL(send=waiting.pk)
    paused = sends.filter(status=SendStatus.PAUSED).first()
    if paused is not None:
        return troubles.PAUSED(send=paused.pk)
    stopped = sends.filter(status=SendStatus.CANCELLED).last()
    return troubles.NOT_APPROVED(send=stopped.pk) if stopped else ""


def _can_be_undone(stage: Stage) -> bool:
    """Return whether the stage's first send is still in its undo seconds, when nothing leaves."""
    sends = Send.objects.filter(incident_id=stage.incident_id, stage_id=stage.pk)
    return sends.filter(status=SendStatus.HOLDING).exists()


def _say(stage: Stage, trouble: str) -> None:
    if str(stage.trouble) != str(trouble):
        Stage.objects.filter(pk=stage.pk).update(trouble=trouble)
        notifications.publish(notifications.INCIDENTS)


def _note_overdue(stage: Stage, now: datetime) -> None:
    """Record once that the next update is overdue."""
    if stage.due_at is None or stage.due_at > now or stage.overdue_at is not None:
        return
    stage.overdue_at = now
    stage.save(update_fields=["overdue_at"])
    data = {
        "stage": stage.pk,
        "position": stage.position,
        "due_at": stage.due_at.isoformat(),
        **told_of(stage.incident),
    }
    target = target_of(stage.incident)
    audit.record(FOLLOWER, Action.INCIDENT_OVERDUE, target=target, data=data)
    notifications.publish(notifications.INCIDENTS, notifications.BOARD)


def _pause_unconfirmed(incident: Incident, now: datetime) -> None:
    """Pause an emergency that nobody has confirmed in time, with its sends."""
    until = incident.confirm_until
    if until is None or until > now or incident.confirmed_at or incident.paused_at:
        return
    incident.paused_at = now
    incident.save(update_fields=["paused_at"])
    paused = incident_sends_withhold(FOLLOWER, incident.pk)
    incident.stages.filter(ended_at=None).update(trouble=EMERGENCY_UNCONFIRMED())
    data = {"confirm_until": until.isoformat(), "sends": paused, **told_of(incident)}
    audit.record(FOLLOWER, Action.INCIDENT_UNCONFIRMED, target=target_of(incident), data=data)
    notifications.publish(notifications.INCIDENTS, notifications.BOARD)
