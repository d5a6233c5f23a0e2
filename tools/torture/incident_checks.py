"""Compares incidents with journals and deliveries: each chat has each stage at most once and in
order, nobody is missing without a reason, and the incident's file agrees. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.torture.evidence import (
    Came,
    DeliveryRow,
    Evidence,
    IncidentRow,
    Line,
    StageRow,
    TargetRow,
)
from tools.torture.standstills import less_outages, standstills

MATCHING = "matching"
# Whoever matches for longer is taken by the stage, unless nobody could go on with the work.
TAKEN_SECONDS = 10.0
# Its chat got the text, or may have got it.
GOT = {"delivered", "unknown"}
REACHED, MAY_HAVE_REACHED, FAILED = "reached", "may_have_reached", "failed"
# How a chat that can be reached may be skipped at a stage, since the console knows it no better.
OFFLINE = "offline"


@dataclass(slots=True)
class Stages:
    """Sentences by what is wrong with incidents. `waits` are the seconds that chats waited until a
    stage took them; `overtaken` counts older stages after newer ones whose outcome is unknown."""

    wrong: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    overtaken: int = 0


class _Facts:
    """The evidence by what it is looked up by."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.stages = {stage.id: stage for stage in evidence.stages}
        self.deliveries = {delivery.id: delivery for delivery in evidence.deliveries}
        self.targets = {(each.stage_id, each.interaction_id): each for each in evidence.targets}
        self.standstills = standstills(evidence)
        keys = {send.key: send.stage for send in evidence.sends if send.stage is not None}
        # By incident and chat, in the order in which Chat Servers took them.
        self.lines: dict[tuple[int, str], list[tuple[StageRow, Line]]] = defaultdict(list)
        for line in sorted(evidence.lines, key=lambda line: line.at):
            stage = self.stages.get(keys.get(line.key) or 0)
            if stage is not None:
                self.lines[stage.incident_id, line.interaction_id].append((stage, line))

    def got(self, stage: StageRow, chat: str) -> DeliveryRow | None:
        """The delivery that a chat has of a stage: the last, as only that may have left."""
        target = self.targets.get((stage.id, chat))
        return self.deliveries.get(target.delivery_id) if target else None


def check_incidents(evidence: Evidence, *, judges_time: bool = True) -> Stages:
    """All comparisons. Without `judges_time` it is only measured how long chats waited."""
    found, facts = Stages(), _Facts(evidence)
    _check_deliveries(facts, found)
    _check_order(facts, found)
    _check_missing(facts, found)
    if not judges_time:
        found.missing.clear()
    for incident in evidence.incidents:
        if incident.status != "closed":
            found.wrong.append(f"incident {incident.id} is {incident.status} to this day")
        _check_file(facts, incident, found)
    return found


def _check_deliveries(facts: _Facts, found: Stages) -> None:
    """A chat has one delivery of a stage, and more only if those before were skipped."""
    stage_of = {send.id: send.stage for send in facts.evidence.sends}
    had: dict[tuple[int, str], list[DeliveryRow]] = defaultdict(list)
    for delivery in facts.evidence.deliveries:
        stage = stage_of.get(delivery.send_id)
        if stage is not None:
            had[stage, delivery.interaction_id].append(delivery)
    for (stage, chat), deliveries in had.items():
        target = facts.targets.get((stage, chat))
        if target is None:
            found.wrong.append(f"{deliveries[0]}, but stage {stage} has no target {chat}")
        elif target.delivery_id != deliveries[-1].id:
            found.wrong.append(f"{deliveries[-1]}, but it is not the last of stage {stage}")
        before = [each for each in deliveries[:-1] if each.status != "skipped"]
        found.wrong += [f"{each}, but stage {stage} has another delivery to it" for each in before]


def _check_order(facts: _Facts, found: Stages) -> None:
    """In the journals. What is unknown may arrive at any time: nobody can call it back."""
    for (incident, chat), taken in facts.lines.items():
        for number, (stage, line) in enumerate(taken):
            before = [earlier for earlier, _line in taken[:number]]
            told = f"incident {incident}: {chat} has stage {stage.position} at {line.at:.3f}"
            if stage in before:
                found.wrong.append(f"{told}, and has had it")
            newer = [earlier for earlier in before if earlier.position > stage.position]
            delivery = facts.got(stage, chat)
            if newer and delivery is not None and delivery.status == "unknown":
                found.overtaken += 1
            elif newer:
                found.wrong.append(f"{told}, after stage {newer[0].position}")


# --- Who is missing ------------------------------------------------------------------------------


def _check_missing(facts: _Facts, found: Stages) -> None:
    """Whoever is to have a stage is taken by it within TAKEN_SECONDS, in which it goes on."""
    incidents = {incident.id: incident for incident in facts.evidence.incidents}
    for stage in facts.evidence.stages:
        for chat in facts.evidence.came:
            due = _due(facts, incidents[stage.incident_id], stage, chat)
            if due is None:
                continue
            taken = _taken_at(facts, stage, chat)
            until = min(stage.ended_at or float("inf"), chat.ends_at or float("inf"))
            if taken is not None:
                until = min(until, taken)
            if until <= due or until == float("inf"):
                if until > due:
                    found.missing.append(_told(stage, chat, "was never taken"))
                continue
            waited = less_outages(due, until, facts.standstills)
            if taken is not None:
                found.waits.append(until - due)
            if waited > TAKEN_SECONDS:
                found.missing.append(_told(stage, chat, f"waited {waited:.1f} s, since {due:.3f}"))


def _due(facts: _Facts, incident: IncidentRow, stage: StageRow, chat: Came) -> float | None:
    """Since when the stage was to take a chat; None if it was not."""
    if chat.queue != incident.queue or chat.matches_at is None:
        return None
    if stage.reach == MATCHING:
        if not stage.is_standing and chat.matches_at > stage.started_at:
            return None
        return max(chat.matches_at, stage.started_at)
    earlier = [
        facts.got(other, chat.id)
        for other in facts.evidence.stages
        if other.incident_id == stage.incident_id and other.position < stage.position
    ]
    ends = [each.finished_at for each in earlier if each is not None and each.status in GOT]
    known = [at for at in ends if at is not None]
    return max(min(known), stage.started_at, chat.matches_at) if known else None


def _taken_at(facts: _Facts, stage: StageRow, chat: Came) -> float | None:
    """When the stage's delivery was made that did not find the chat offline."""
    target: TargetRow | None = facts.targets.get((stage.id, chat.id))
    delivery = facts.got(stage, chat.id)
    if target is None or delivery is None:
        return None
    if delivery.status == "skipped" and delivery.reason == OFFLINE:
        return None
    return target.tried_at


def _told(stage: StageRow, chat: Came, what: str) -> str:
    return f"{chat.id} of incident {stage.incident_id} {what}, for stage {stage.position}"


# --- The file ------------------------------------------------------------------------------------


def _check_file(facts: _Facts, incident: IncidentRow, found: Stages) -> None:
    chats = [line for line in incident.file if line["kind"] == "chat"]
    named = {line["interaction"]: line for line in chats}
    told = f"the file of incident {incident.id}"
    if len(named) != len(chats):
        found.files.append(f"{told} has {len(chats)} lines of {len(named)} chats")
    if [line.get("chats") for line in incident.file[-1:]] != [len(chats)]:
        found.files.append(f"{told} does not end with the number of its chats")
    for chat in _of_audience(facts, incident):
        if chat.id not in named:
            found.files.append(f"{told} lacks {chat.id}, which matched since {chat.matches_at:.3f}")
    for name, line in named.items():
        if not line["got_any"] and not line.get("reason"):
            found.files.append(f"{told} has no reason why {name} got nothing")
        found.files += [f"{told}: {name} {what}" for what in _differences(facts, incident, line)]
    in_journals = {chat for ref, chat in facts.lines if ref == incident.id}
    found.files += [
        f"{told} lacks {chat}, which is in a journal" for chat in sorted(in_journals - {*named})
    ]


def _of_audience(facts: _Facts, incident: IncidentRow) -> Iterator[Came]:
    """The chats that matched the incident's audience while it ran."""
    closed_at = incident.closed_at or float("inf")
    for chat in facts.evidence.came:
        if chat.queue == incident.queue and chat.matches_at is not None:
            ends_at = chat.ends_at or float("inf")
            if chat.matches_at < closed_at and ends_at > incident.started_at:
                yield chat


def _differences(facts: _Facts, incident: IncidentRow, line: Mapping[str, Any]) -> Iterator[str]:
    """Where the file says otherwise of a chat than the journals."""
    taken: dict[int, list[str]] = defaultdict(list)
    for stage, journalled in facts.lines.get((incident.id, line["interaction"]), []):
        taken[stage.position].append(journalled.answer)
    said = {got["stage"]: got["outcome"] for got in line["stages"]}
    for position, outcome in said.items():
        answers = taken.pop(position, [])
        if outcome == REACHED and "response" not in answers:
            yield f"was reached by stage {position}, but the journals have {answers or 'nothing'}"
        elif outcome == FAILED and "response" in answers:
            yield f"was not reached by stage {position}, but the journals have {answers}"
        elif outcome not in (REACHED, MAY_HAVE_REACHED, FAILED) and answers:
            yield f"is {outcome} at stage {position}, but the journals have {answers}"
    for position, answers in taken.items():
        yield f"has nothing of stage {position}, but the journals have {answers}"
