"""The file of an incident as JSON Lines: what it was, and each chat of its audience with what it
got and when, or why it got nothing (docs/incidents.md)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from console.accounts.selectors import actor_by_ref
from console.actors import Actor, Permission
from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.incidents.models import Incident, Stage, StageTarget
from console.incidents.playbook_content import StageContent
from console.incidents.selectors import REACHED, stage_figures, stage_targets
from console.interactions.models import Interaction
from console.interactions.selectors import in_own_teams, interactions_visible
from console.sends.models import Delivery, Send
from console.sends.proof.ledger import ENDED

AT_ONCE = 500
# The reason of a chat that matched while no stage reached new chats.
NOT_FOLLOWED = "no_stage_followed"
Line = dict[str, Any]


def incident_lines(actor: Actor, incident: Incident) -> Iterator[Line]:
    """Yield the lines of the file, as far as the actor may know of the chats."""
    stages = list(incident.stages.order_by("position"))
    sends = Send.objects.filter(incident_id=incident.pk).order_by("pk")
    yield _head(actor, incident, stages)
    figures = stage_figures(stages)
    for stage in stages:
        yield {**_stage(stage), "counts": figures[stage.pk].by_outcome}
    positions = {stage.pk: stage.position for stage in stages}
    yield from (_send(send, positions) for send in sends.select_related("version__notice"))
    number = 0
    for line in _chats(actor, incident, sends):
        number += 1
        yield line
    yield {"kind": "end", "chats": number}


def _head(actor: Actor, incident: Incident, stages: list[Stage]) -> Line:
    shown = stage_targets(actor, incident).count()
    whole = StageTarget.objects.filter(stage__in=stages).count()
    missed = _missed(incident)
    is_whole = missed is not None and _own(actor, missed).count() == missed.count()
    return {
        "kind": "incident",
        "id": incident.pk,
        "title": incident.title,
        "playbook": incident.playbook.key,
        "version": incident.version.number,
        "status": incident.status,
        "why": incident.why,
        "audience": incident.audience,
        "answers": incident.answers,
        "started_by": incident.actor_name,
        "started_at": _time(incident.started_at),
        "is_emergency": incident.is_emergency,
        "confirmed_by": incident.confirmed_by_name,
        "confirmed_at": _time(incident.confirmed_at),
        "closed_by": incident.closed_by_name,
        "closed_at": _time(incident.closed_at),
        "closing_word": incident.closing_word,
        "entries": _entries("incident", incident.pk),
        "is_whole": is_whole and shown == whole,
    }


def _stage(stage: Stage) -> Line:
    content = StageContent.of(stage.content)
    return {
        "kind": "stage",
        "position": stage.position,
        "name": content.name,
        "notice": content.notice,
        "version": content.version,
        "reach": content.reach,
        "is_standing": content.is_standing,
        "started_by": stage.actor_name,
        "started_at": _time(stage.started_at),
        "ended_at": _time(stage.ended_at),
        "due_at": _time(stage.due_at),
        "overdue_at": _time(stage.overdue_at),
    }


def _send(send: Send, positions: dict[int, int]) -> Line:
    entries = _entries("send", send.pk, Action.SEND_CREATED, Action.SEND_FINISHED)
    proofs = AuditEntry.objects.filter(
        target_kind="send", target_ref=str(send.pk), action=Action.SEND_PROOF_MADE
    )
    return {
        "kind": "send",
        "id": send.pk,
        "stage": positions.get(send.stage_id or 0),
        "notice": send.version.notice.key,
        "version": send.version.number,
        "retry_of": send.retry_of_id,
        "visibility": send.visibility,
        "status": send.status,
        "sent_by": send.actor_name,
        "created_at": _time(send.created_at),
        "approved_by": send.approved_by_name,
        "is_emergency": send.is_emergency,
        "entries": entries,
        "proofs": [
            {"entry": entry.seq, "sha256": entry.data["sha256"]} for entry in proofs.order_by("seq")
        ],
    }


def _entries(kind: str, ref: int, *actions: str) -> list[Line]:
    found = AuditEntry.objects.filter(target_kind=kind, target_ref=str(ref)).order_by("seq")
    found = found.filter(action__in=actions) if actions else found
    found = found.exclude(action=Action.INCIDENT_EXPORTED)
    return [{"entry": entry.seq, "action": entry.action, "hash": entry.hash} for entry in found]


# --- Chats ---------------------------------------------------------------------------------------


def _chats(actor: Actor, incident: Incident, sends: QuerySet[Send]) -> Iterator[Line]:
    """Yield each chat once: those that were targets, then those that matched and were none."""
    ended = _ended_entries(sends)
    found = stage_targets(actor, incident).order_by("interaction_id", "stage__position")
    found = found.prefetch_related("delivery__resolution")
    for chat, targets in groupby(found.iterator(AT_ONCE), lambda target: target.interaction_id):
        yield _chat(chat, targets, ended)
    for chat in missed_chats(actor, incident).iterator(AT_ONCE):
        yield {
            "kind": "chat",
            "interaction": chat.pk,
            "received_at": _time(chat.received_at),
            "ended_at": _time(chat.ended_at),
            "got_any": False,
            "reason": NOT_FOLLOWED,
            "stages": [],
        }


def _chat(chat: str, targets: Iterable[StageTarget], ended: dict[int, int]) -> Line:
    got = [_got(target, ended) for target in targets]
    reached = any(each["outcome"] == REACHED for each in got)
    line: Line = {"kind": "chat", "interaction": chat, "got_any": reached}
    if not reached:
        line["reason"] = got[-1]["reason"] or got[-1]["outcome"]
    return {**line, "stages": got}


def _got(target: StageTarget, ended: dict[int, int]) -> Line:
    """Return what a chat got of one stage. The text is there for those who may read it."""
    delivery: Delivery = target.delivery
    resolution = getattr(delivery, "resolution", None)
    line: Line = {
        "stage": target.stage.position,
        "outcome": target.outcome,  # type: ignore[attr-defined]
        "status": delivery.status,
        "reason": delivery.reason,
        "detail": str(delivery.detail),
        "matched_at": _time(target.matched_at),
        "attempted_at": _time(delivery.attempted_at),
        "finished_at": _time(delivery.finished_at),
        "send": delivery.send_id,
        "delivery": delivery.pk,
        "entry": ended.get(delivery.pk),
        "locale": delivery.locale,
        "resolution": resolution.verdict if resolution else "",
        "retry_of": delivery.retry_of_id,
    }
    if target.is_readable:  # type: ignore[attr-defined]
        line["text"] = delivery.body
    else:
        line["detail"] = ""
    return line


def _ended_entries(sends: QuerySet[Send]) -> dict[int, int]:
    """Return the number of the ledger's entry that says how each delivery ended, by its id."""
    refs = [str(pk) for pk in sends.values_list("pk", flat=True)]
    found = AuditEntry.objects.filter(target_kind="send", target_ref__in=refs)
    rows = found.filter(action__in=list(ENDED)).order_by("seq").values_list("seq", "data")
    return {
        delivery["id"]: seq
        for seq, data in rows.iterator(AT_ONCE)
        for delivery in data["deliveries"]
    }


def missed_chats(actor: Actor, incident: Incident) -> QuerySet[Interaction]:
    """Return the chats that were live during the incident, match its audience by what is known of
    them now, and were no stage's target: those that came while no stage followed new chats.

    They are of the chats that the incident's person sees. The actor gets those of their own teams;
    who reads the history gets all."""
    missed = _missed(incident)
    return Interaction.objects.none() if missed is None else _own(actor, missed)


def _missed(incident: Incident) -> QuerySet[Interaction] | None:
    """Return all missed chats; None if nobody knows, as the incident's person may see no chats any
    more."""
    starter = actor_by_ref(incident.actor_ref)
    if starter is None or not starter.may(Permission.VIEW_INTERACTIONS):
        return None
    mine = StageTarget.objects.filter(stage__incident=incident, interaction_id=OuterRef("pk"))
    found = interactions_visible(starter, incident.read_audience, live_only=False)
    lived = Q(ended_at=None) | Q(ended_at__gte=incident.started_at)
    if incident.closed_at is not None:
        lived &= Q(received_at=None) | Q(received_at__lte=incident.closed_at)
    found = found.filter(lived, ~Exists(mine))
    return found.order_by(F("received_at").asc(nulls_last=True), "pk")


def _own(actor: Actor, missed: QuerySet[Interaction]) -> QuerySet[Interaction]:
    if actor.may(Permission.VIEW_HISTORY):
        return missed
    if not actor.may(Permission.VIEW_INTERACTIONS):
        return missed.none()
    return missed.filter(in_own_teams(actor))


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
