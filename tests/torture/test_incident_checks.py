"""What torture says of incidents: each doctored piece of evidence is named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tools.torture.checker import check
from tools.torture.evidence import (
    DATABASE,
    Came,
    DeliveryRow,
    Evidence,
    Fault,
    IncidentRow,
    Line,
    SendRow,
    StageRow,
    TargetRow,
)
from tools.torture.incident_checks import TAKEN_SECONDS, Stages, check_incidents
from tools.torture.report import report

BEGIN = 1_000_000.0
QUEUE = "outage"
KNOWN, SOLVED = 1, 2


def evidence_of(**got: str) -> Evidence:
    """An incident of two stages: each chat matched from the first moment, was taken by the first
    stage a second later and by the second at its start, with these outcomes. All agrees."""
    evidence = Evidence(
        stages=[
            StageRow(KNOWN, 1, 1, "matching", True, BEGIN, BEGIN + 60),
            StageRow(SOLVED, 1, 2, "got_earlier", False, BEGIN + 60, BEGIN + 120),
        ]
    )
    for chat, outcomes in got.items():
        evidence.came.append(Came(chat, QUEUE, matches_at=BEGIN))
        for stage, outcome in zip(evidence.stages, outcomes.split(), strict=False):
            add(evidence, stage, chat, outcome)
    write_file(evidence)
    return evidence


def add(evidence: Evidence, stage: StageRow, chat: str, outcome: str) -> DeliveryRow:
    """A delivery of a stage to a chat, in a send of its own."""
    number, at = len(evidence.deliveries) + 1, stage.started_at + 1
    place = (stage.id, chat)
    status, _, reason = outcome.partition("/")
    delivery = DeliveryRow(number, number, chat, "east", status, reason, at, at)
    key = f"{QUEUE} 1 {stage.position}"
    evidence.sends.append(SendRow(number, key, "finished", None, stage.id))
    evidence.deliveries.append(delivery)
    if status in ("delivered", "unknown"):
        evidence.lines.append(Line("east", chat, key, at, "response"))
    others = [each for each in evidence.targets if (each.stage_id, each.interaction_id) != place]
    evidence.targets = [*others, TargetRow(stage.id, chat, at, at, number)]
    return delivery


def write_file(evidence: Evidence) -> None:
    positions = {stage.id: stage.position for stage in evidence.stages}
    statuses = {delivery.id: delivery.status for delivery in evidence.deliveries}
    outcomes = {"delivered": "reached", "unknown": "may_have_reached"}
    chats: list[dict[str, Any]] = []
    for chat in evidence.came:
        stages = [
            {"stage": positions[target.stage_id], "outcome": outcomes.get(status, status)}
            for target in evidence.targets
            if target.interaction_id == chat.id
            for status in [statuses[target.delivery_id]]
        ]
        got_any = any(stage["outcome"] == "reached" for stage in stages)
        line = {"kind": "chat", "interaction": chat.id, "got_any": got_any, "stages": stages}
        chats.append(line if got_any else {**line, "reason": "some"})
    end = {"kind": "end", "chats": len(chats)}
    file = ({"kind": "incident"}, *chats, end)
    evidence.incidents = [IncidentRow(1, QUEUE, "closed", BEGIN, BEGIN + 120, file)]


def complaints(found: Stages) -> list[str]:
    return [*found.wrong, *found.missing, *found.files]


def test_where_all_agrees_nothing_is_said() -> None:
    evidence = evidence_of(
        both="delivered delivered",
        unclear="unknown delivered",
        gone="skipped/ended",
        failed="failed",
    )
    found = check_incidents(evidence)
    assert complaints(found) == []
    assert max(found.waits) == 1.0


def test_a_chat_that_was_skipped_and_tried_again_is_no_fault() -> None:
    evidence = evidence_of(chat="skipped/offline")
    add(evidence, evidence.stages[0], "chat", "delivered")
    add(evidence, evidence.stages[1], "chat", "delivered")
    write_file(evidence)
    assert complaints(check_incidents(evidence)) == []
    verdict = check(evidence)
    assert verdict.doubled == verdict.lost == verdict.wrong == []


def twice_in_a_journal(evidence: Evidence) -> None:
    evidence.lines.append(replace(evidence.lines[0], chat_server="west", at=BEGIN + 3))


def in_a_second_send(evidence: Evidence) -> None:
    add(evidence, evidence.stages[0], "chat", "delivered")


def an_older_one_last(evidence: Evidence) -> None:
    evidence.lines[0] = replace(evidence.lines[0], at=BEGIN + 70)


def without_a_target(evidence: Evidence) -> None:
    evidence.targets = [each for each in evidence.targets if each.stage_id != SOLVED]


def not_the_last_delivery(evidence: Evidence) -> None:
    evidence.targets[0] = replace(evidence.targets[0], delivery_id=9)


def still_running(evidence: Evidence) -> None:
    evidence.incidents[0] = replace(evidence.incidents[0], status="running")


def never_taken(evidence: Evidence) -> None:
    evidence.came.append(Came("late", QUEUE, matches_at=BEGIN + 5))


def taken_late(evidence: Evidence) -> None:
    evidence.targets[0] = replace(evidence.targets[0], tried_at=BEGIN + TAKEN_SECONDS + 1)


def not_followed_up(evidence: Evidence) -> None:
    evidence.came.append(Came("first", QUEUE, matches_at=BEGIN))
    add(evidence, evidence.stages[0], "first", "delivered")


def left_offline(evidence: Evidence) -> None:
    evidence.came.append(Came("offline", QUEUE, matches_at=BEGIN + 5))
    add(evidence, evidence.stages[0], "offline", "skipped/offline")


def left_out_of_the_file(evidence: Evidence) -> None:
    edit(evidence, lambda chats: [])


def without_a_reason(evidence: Evidence) -> None:
    edit(evidence, lambda chats: [{**chats[0], "got_any": False}])


def reached_by_the_file_alone(evidence: Evidence) -> None:
    del evidence.lines[1]


def reached_by_the_journals_alone(evidence: Evidence) -> None:
    skipped = [{"stage": 1, "outcome": "skipped"}, {"stage": 2, "outcome": "reached"}]
    edit(evidence, lambda chats: [{**chats[0], "stages": skipped}])


def a_stage_is_lacking(evidence: Evidence) -> None:
    edit(evidence, lambda chats: [{**chats[0], "stages": chats[0]["stages"][:1]}])


def two_lines_of_a_chat(evidence: Evidence) -> None:
    edit(evidence, lambda chats: [*chats, *chats])


def cut_short(evidence: Evidence) -> None:
    (incident,) = evidence.incidents
    evidence.incidents = [replace(incident, file=incident.file[:-1])]


def edit(evidence: Evidence, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change the chats of the file."""
    (incident,) = evidence.incidents
    chats = change([line for line in incident.file if line["kind"] == "chat"])
    file = (incident.file[0], *chats, {"kind": "end", "chats": len(chats)})
    evidence.incidents = [replace(incident, file=file)]


@pytest.mark.parametrize(
    ("doctor", "said"),
    [
        (twice_in_a_journal, "and has had it"),
        (in_a_second_send, "but stage 1 has another delivery to it"),
        (an_older_one_last, "chat has stage 1 at 1000070.000, after stage 2"),
        (without_a_target, "but stage 2 has no target chat"),
        (not_the_last_delivery, "but it is not the last of stage 1"),
        (still_running, "incident 1 is running to this day"),
        (never_taken, "late of incident 1 waited 55.0 s, since 1000005.000, for stage 1"),
        (taken_late, "chat of incident 1 waited 11.0 s"),
        (not_followed_up, "first of incident 1 waited 60.0 s, since 1000060.000, for stage 2"),
        (left_offline, "offline of incident 1 waited 55.0 s"),
        (left_out_of_the_file, "the file of incident 1 lacks chat, which matched"),
        (without_a_reason, "has no reason why chat got nothing"),
        (reached_by_the_file_alone, "chat was reached by stage 2, but the journals have nothing"),
        (reached_by_the_journals_alone, "chat is skipped at stage 1, but the journals have"),
        (a_stage_is_lacking, "chat has nothing of stage 2, but the journals have"),
        (two_lines_of_a_chat, "the file of incident 1 has 2 lines of 1 chats"),
        (cut_short, "does not end with the number of its chats"),
    ],
)
def test_what_is_wrong_is_named(doctor: Callable[[Evidence], None], said: str) -> None:
    evidence = evidence_of(chat="delivered delivered")
    doctor(evidence)
    found = complaints(check_incidents(evidence))
    assert any(said in sentence for sentence in found), found
    assert not check(evidence).holds


def test_an_unknown_that_arrives_late_is_counted_and_no_fault() -> None:
    """It had left before the newer stage began, and nobody can call it back."""
    evidence = evidence_of(chat="unknown delivered")
    evidence.lines[0] = replace(evidence.lines[0], at=BEGIN + 70)
    found = check_incidents(evidence)
    assert complaints(found) == []
    assert found.overtaken == 1


def test_time_without_a_database_does_not_count() -> None:
    evidence = evidence_of(chat="delivered delivered")
    taken_late(evidence)
    evidence.faults.append(Fault(1, "database stopped", DATABASE, BEGIN + 2, BEGIN + 4))
    assert complaints(check_incidents(evidence)) == []


def test_time_can_be_measured_alone() -> None:
    """For machines that may be slower than any limit."""
    evidence = evidence_of(chat="delivered delivered")
    taken_late(evidence)
    verdict = check(evidence, takeover_seconds=None)
    assert verdict.stages.missing == []
    assert max(verdict.stages.waits) == TAKEN_SECONDS + 1


def test_a_chat_that_does_not_match_or_has_ended_is_not_missing() -> None:
    evidence = evidence_of(chat="delivered delivered")
    evidence.came += [
        Came("elsewhere", "another", matches_at=BEGIN),
        Came("never", QUEUE),
        Came("short", "another", matches_at=BEGIN + 1, ends_at=BEGIN + 5),
        Came("after", QUEUE, matches_at=BEGIN + 121),
    ]
    assert complaints(check_incidents(evidence)) == []


def test_the_report_tells_of_incidents() -> None:
    evidence = evidence_of(chat="delivered delivered")
    lines = list(report(evidence, check(evidence)))
    assert any("1 incidents with 2 stages, which had 2 chats of 1 that came" in s for s in lines)
