"""Writes incidents: their start, their stages, confirmations and their end."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count

from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.catalogue.states import VersionStatus
from console.database import notifications
from console.database.clock import database_now
from console.errors import Conflict, InvalidInput, PermissionRefused, Unprocessable
from console.incidents.models import Incident, IncidentStatus, Playbook, PlaybookVersion, Stage
from console.incidents.playbook_content import (
    StageContent,
    notice_versions,
    require_answered,
    stage_contents,
)
from console.incidents.selectors import has_a_hand_in
from console.incidents.services.stages import (
    NOTHING_CHOSEN,
    Choice,
    begin,
    call_off,
    cover_of,
    plan_unless_nobody,
    target_of,
    told_of,
)
from console.sends.control.withholding import incident_sends_let_go
from console.sends.models import Send, SendStatus
from console.sends.plan.values import OfStage, SendPlan
from console.text.inputs import read_line
from console.text.sentences import term
from console.text.visible import is_blank

FOLLOWER = system_actor("incidents")
# Of a send that does not leave unless somebody decides, or not before a time.
NOT_UNDER_WAY = (SendStatus.AWAITING_APPROVAL, SendStatus.SCHEDULED, SendStatus.PAUSED)
WORD_LENGTH = 2000
WHY_LENGTH = 500


def start_version(playbook: Playbook) -> PlaybookVersion:
    """Return the version by which a playbook is started. Raises Unprocessable without one."""
    version = playbook.versions.filter(status=VersionStatus.PUBLISHED).first()
    if version is None or playbook.retired_at is not None:
        raise Unprocessable(
            "playbook_not_published",
            "The playbook {playbook} has no published version. An approver has to publish one.",
            playbook=playbook.key,
        )
    return version


def start_plan(
    actor: Actor,
    version: PlaybookVersion,
    *,
    answers: Mapping[str, Any],
    is_emergency: bool = False,
) -> SendPlan | None:
    """Return what starting the playbook would do now with its first stage; None if it would reach
    nobody yet. Raises what `incident_start` raises for the answers."""
    require_answered(notice_versions(actor, version), answers)
    incident = _incident(actor, version, "", answers)
    content = stage_contents(version)[0]
    if is_emergency:
        incident.confirm_until = incident.started_at + _time_to_confirm(version)
    of_stage = OfStage(0, 0, content.version or 0, cover_of(actor, incident, None))
    return plan_unless_nobody(actor, incident, content, of_stage)


def incident_start(
    actor: Actor,
    playbook: Playbook,
    *,
    why: str,
    answers: Mapping[str, Any] | None = None,
    chosen: Choice = NOTHING_CHOSEN,
    is_emergency: bool = False,
) -> Incident:
    """Start a playbook: the incident, and its first stage.

    `answers` are to the questions of all stages' notices. `is_emergency` takes the emergency path:
    the stage leaves without approval, and somebody else must confirm within
    CONSOLE_EMERGENCY_CONFIRM_MINUTES. Raises InvalidInput without a reason or if the stage would
    reach nobody, Conflict if the playbook runs already, Unprocessable if it has no published
    version, and what `send_create` raises.
    """
    actor.require(Permission.SEND)
    said = read_line(why, what=term("The reason (why)"), field="why")
    if not said or len(said) > WHY_LENGTH:
        raise InvalidInput(
            "reason_missing",
            "Say what happened, in at most {most} characters.",
            {"field": "why"},
            most=WHY_LENGTH,
        )
    version = start_version(playbook)
    given = dict(answers or {})
    require_answered(notice_versions(actor, version), given)
    with transaction.atomic():
        incident = _incident(actor, version, said, given)
        if is_emergency:
            incident.confirm_until = incident.started_at + _time_to_confirm(version)
        _write_once(incident)
        _record_start(actor, incident)
        begin(actor, incident, 1, chosen, incident.started_at)
    return incident


def _write_once(incident: Incident) -> None:
    try:
        with transaction.atomic():
            incident.save(force_insert=True)
    except IntegrityError as error:
        running = Incident.objects.filter(
            playbook=incident.playbook, status=IncidentStatus.RUNNING
        ).first()
        raise Conflict(
            "incident_running",
            "{name} started this playbook already. Go on with incident {incident}.",
            {"incident": running.pk if running else None},
            name=running.actor_name if running else term("Somebody"),
            incident=running.pk if running else "",
        ) from error


def _incident(
    actor: Actor, version: PlaybookVersion, why: str, answers: Mapping[str, Any]
) -> Incident:
    return Incident(
        version=version,
        playbook=version.playbook,
        title=version.playbook.title,
        why=why,
        audience=version.audience,
        answers=dict(answers),
        actor_ref=actor.ref,
        actor_name=actor.name,
        started_at=database_now(),
    )


def _time_to_confirm(version: PlaybookVersion) -> timedelta:
    if not settings.EMERGENCY_CONFIRM_MINUTES or not version.is_for_emergency:
        raise Unprocessable(
            "emergency_not_allowed",
            "The playbook {playbook} can't be started by the emergency path: it was not approved "
            "for that, or the site has it switched off.",
            playbook=version.playbook.key,
        )
    return timedelta(minutes=settings.EMERGENCY_CONFIRM_MINUTES)


def _record_start(actor: Actor, incident: Incident) -> None:
    data: dict[str, Any] = {
        "playbook": incident.playbook.key,
        "version": incident.version.number,
        "why": incident.why,
        "audience": incident.audience,
        **told_of(incident),
    }
    if incident.confirm_until is not None:
        data["confirm_until"] = incident.confirm_until.isoformat()
    audit.record(actor, Action.INCIDENT_STARTED, target=target_of(incident), data=data)


def stage_start(
    actor: Actor, incident: Incident, position: int, *, chosen: Choice = NOTHING_CHOSEN
) -> tuple[Stage, Send | None]:
    """Start a later stage. What waits of earlier stages is called off, and these follow no new
    chats any more. Raises Conflict if this or a later stage was started, or the incident is closed
    or paused, and what `send_create` raises."""
    actor.require(Permission.SEND)
    with transaction.atomic():
        locked = lock_incident(incident)
        if locked.paused_at is not None:
            raise Conflict(
                "incident_paused",
                "This emergency is paused: somebody else has to confirm it first.",
            )
        return begin(actor, locked, position, chosen, database_now())


def stage_pause(actor: Actor, incident: Incident) -> Stage:
    """Let the standing stage follow no new chats until it is resumed. Its sends go on."""
    return _switch(actor, incident, pauses=True)


def stage_resume(actor: Actor, incident: Incident) -> Stage:
    """Let a paused stage follow new chats again."""
    return _switch(actor, incident, pauses=False)


def _switch(actor: Actor, incident: Incident, *, pauses: bool) -> Stage:
    actor.require(Permission.SEND, Permission.ADMINISTER)
    with transaction.atomic():
        locked = lock_incident(incident)
        stage = locked.stages.filter(ended_at=None).first()
        if not locked.is_running or stage is None or not stage.is_standing:
            raise Conflict("stage_not_standing", "No stage of this incident follows new chats.")
        if stage.is_paused != pauses:
            stage.is_paused = pauses
            stage.save(update_fields=["is_paused"])
            action = Action.INCIDENT_STAGE_PAUSED if pauses else Action.INCIDENT_STAGE_RESUMED
            data = {"stage": stage.pk, "position": stage.position, **told_of(locked)}
            audit.record(actor, action, target=target_of(locked), data=data)
            notifications.publish(notifications.INCIDENTS, notifications.BOARD)
    return stage


def incident_confirm(actor: Actor, incident: Incident) -> Incident:
    """Confirm somebody else's emergency. What was paused for want of it goes on.

    Raises PermissionRefused for one's own, also if only a stage of it is; and Conflict if there is
    nothing to confirm.
    """
    actor.require(Permission.APPROVE_SENDS)
    with transaction.atomic():
        locked = lock_incident(incident)
        if has_a_hand_in(actor, locked):
            raise PermissionRefused(
                "own_work",
                "You started this emergency, or a stage of it: somebody else has to confirm it.",
            )
        if not locked.is_running or not locked.is_emergency or locked.confirmed_at is not None:
            raise Conflict("nothing_to_confirm", "This incident does not await a confirmation.")
        locked.confirmed_by_ref, locked.confirmed_by_name = actor.ref, actor.name
        locked.confirmed_at, locked.paused_at = database_now(), None
        locked.save()
        data = {"started_by": locked.actor_name, **told_of(locked)}
        audit.record(actor, Action.INCIDENT_CONFIRMED, target=target_of(locked), data=data)
        notifications.publish(notifications.INCIDENTS, notifications.BOARD)
        incident_sends_let_go(FOLLOWER, locked.pk)
    return locked


def incident_close(actor: Actor, incident: Incident, *, word: str) -> Incident:
    """Close an incident with a closing word. No new chats get a text of it from now on. What is on
    its way still arrives; what waits for somebody's decision, or for a time, is called off. Raises
    InvalidInput without a word, Conflict if it is closed."""
    actor.require(Permission.SEND, Permission.ADMINISTER)
    if is_blank(word) or len(word) > WORD_LENGTH:
        raise InvalidInput(
            "closing_word_missing",
            "Say how it ended, in at most {most:,} characters.",
            {"field": "word"},
            most=WORD_LENGTH,
        )
    with transaction.atomic():
        locked = lock_incident(incident)
        if not locked.is_running:
            raise Conflict(
                "incident_closed", "Incident {incident} is closed already.", incident=locked.pk
            )
        now = database_now()
        locked.stages.filter(ended_at=None).update(ended_at=now)
        locked.status, locked.closed_at = IncidentStatus.CLOSED, now
        locked.closed_by_name, locked.closing_word = actor.name, word.strip()
        locked.save()
        over = term("Incident {incident} was closed.", incident=locked.pk)
        called_off = call_off(actor, locked, NOT_UNDER_WAY, note=over)
        data = {
            "word": locked.closing_word,
            "counts": _counts(locked),
            **({"called_off": called_off} if called_off else {}),
            **told_of(locked),
        }
        audit.record(actor, Action.INCIDENT_CLOSED, target=target_of(locked), data=data)
        notifications.publish(notifications.INCIDENTS, notifications.BOARD)
    return locked


def _counts(incident: Incident) -> dict[str, int]:
    """Return how many chats each stage has had, by its name."""
    stages = incident.stages.annotate(number=Count("targets")).order_by("position")
    return {StageContent.of(stage.content).name: stage.number for stage in stages}


def lock_incident(incident: Incident) -> Incident:
    """Return the incident as it is now, locked until the transaction ends."""
    locked = Incident.objects.select_for_update(no_key=True, of=["self"])
    return locked.select_related("version", "playbook").get(pk=incident.pk)
