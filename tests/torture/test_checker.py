"""The checker can fail: each doctored piece of evidence is named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from console.audit.chain import GENESIS, canonical_time, entry_hash
from tools.torture.checker import Verdict, check
from tools.torture.evidence import (
    WINDOW,
    Asked,
    DeliveryRow,
    Evidence,
    Fault,
    Holder,
    Line,
    SendRow,
)
from tools.torture.report import report

BEGIN = 1_000_000.0
KEY = "send 000001"
UNTIL_LATE = 60


def evidence_of(*statuses: str) -> Evidence:
    """One send with a delivery of each status, of which everything agrees."""
    evidence = Evidence(sends=[SendRow(1, KEY, "finished")])
    for number, status in enumerate(statuses, start=1):
        kind, _, reason = status.partition(" ")
        delivery = DeliveryRow(number, 1, f"chat{number}", "east", kind, reason, BEGIN)
        evidence.deliveries.append(delivery)
        answer = {"delivered": "response", "failed refused": "fault"}.get(status)
        if answer:
            evidence.lines.append(a_line(delivery, answer))
    targets = frozenset(delivery.interaction_id for delivery in evidence.deliveries)
    evidence.asked.append(Asked(KEY, targets, frozenset({1})))
    chain(
        evidence,
        an_entry("send.created", "send", 1),
        *(an_ending(d) for d in evidence.deliveries if d.status not in ("pending", "sending")),
        an_entry("send.finished", "send", 1),
    )
    return evidence


def a_line(delivery: DeliveryRow, answer: str = "response") -> Line:
    return Line("east", delivery.interaction_id, KEY, BEGIN, answer)


def an_entry(action: str, kind: str, ref: int, at: float = BEGIN, **data: Any) -> dict[str, Any]:
    return {
        "at": canonical_time(datetime.fromtimestamp(at, UTC)),
        "actor_ref": "system:worker",
        "actor_name": "worker",
        "action": action,
        "target_kind": kind,
        "target_ref": str(ref),
        "target_name": "",
        "data": data,
    }


def an_ending(delivery: DeliveryRow, at: float = BEGIN) -> dict[str, Any]:
    said = {"id": delivery.id, "interaction": delivery.interaction_id, "reason": delivery.reason}
    return an_entry(
        f"deliveries.{delivery.status}",
        "send",
        delivery.send_id,
        at,
        deliveries=[said],
        chat_server=delivery.chat_server,
    )


def chain(evidence: Evidence, *entries: Mapping[str, Any]) -> None:
    """Put them at the end of the ledger."""
    for entry in entries:
        previous = evidence.entries[-1]["hash"] if evidence.entries else GENESIS
        linked = {**entry, "seq": len(evidence.entries) + 1, "prev_hash": previous}
        evidence.entries.append({**linked, "hash": entry_hash(linked)})


def a_fault(number: int = 1, at: float = BEGIN, **more: Any) -> Fault:
    return Fault(number, "worker killed", "worker-1", at, at, touched=("east",), **more)


def named(verdict: Verdict) -> dict[str, list[str]]:
    """Those lists that have something in them."""
    return {name: sentences for name, sentences in verdict.complaints.items() if sentences}


def test_where_all_agrees_nothing_is_said() -> None:
    evidence = evidence_of("delivered", "failed refused", "failed not_sent", "skipped", "cancelled")
    verdict = check(evidence)
    assert named(verdict) == {}
    assert verdict.holds


def test_a_doubled_line_is_named() -> None:
    evidence = evidence_of("delivered", "delivered")
    evidence.lines.append(replace(evidence.lines[1], chat_server="west", at=BEGIN + 2))
    assert named(check(evidence)) == {
        "doubled": [
            "delivery 2 of send 1 to chat2: delivered, but it is in the journals of "
            "east at 1000000.000, west at 1000002.000"
        ]
    }


def test_a_lost_line_is_named() -> None:
    evidence = evidence_of("delivered", "delivered")
    del evidence.lines[0]
    assert named(check(evidence)) == {
        "lost": ["delivery 1 of send 1 to chat1: delivered, but it is in no journal"]
    }


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("delivered", "fault"),
        ("delivered", "none"),
        ("failed refused", "response"),
        ("failed refused", "none"),
        ("failed not_sent", "response"),
        ("failed not_sent", "none"),
        ("skipped offline", "response"),
        ("cancelled", "response"),
    ],
)
def test_a_wrong_outcome_is_named(status: str, answer: str) -> None:
    evidence = evidence_of(status)
    evidence.lines[:] = [a_line(evidence.deliveries[0], answer)]
    (wrong,) = check(evidence).wrong
    assert wrong.startswith("delivery 1 of send 1 to chat1: ")
    assert wrong.endswith(f"the journal has it with ['{answer}']")


def test_a_line_in_the_journal_of_another_chat_server_is_wrong() -> None:
    evidence = evidence_of("delivered")
    evidence.lines[0] = replace(evidence.lines[0], chat_server="west")
    assert check(evidence).wrong == [
        "delivery 1 of send 1 to chat1: delivered by east, whose journal lacks it"
    ]


def test_refused_without_a_journal_line_is_wrong() -> None:
    evidence = evidence_of("failed refused")
    evidence.lines.clear()
    assert list(named(check(evidence))) == ["wrong"]


@pytest.mark.parametrize("status", ["pending", "sending"])
def test_what_is_not_over_is_lost_and_wrong_if_it_was_shown(status: str) -> None:
    evidence = evidence_of(status)
    assert list(named(check(evidence))) == ["lost"]
    evidence.lines.append(a_line(evidence.deliveries[0]))
    assert list(named(check(evidence))) == ["lost", "wrong"]


def test_a_line_of_no_delivery_is_wrong() -> None:
    evidence = evidence_of("delivered")
    evidence.lines.append(Line("east", "chat9", "send 000007", BEGIN, "response"))
    assert list(named(check(evidence))) == ["wrong"]


def test_sends_that_are_lost_or_doubled_are_named() -> None:
    evidence = evidence_of("delivered")
    asked = evidence.asked[0]
    evidence.asked[:] = [
        replace(asked, answers=frozenset({1, 5})),
        Asked("send 000002", frozenset({"chat1"}), frozenset()),
    ]
    verdict = check(evidence)
    assert verdict.lost == [
        "send 000001 was acknowledged as [5]",
        "send 000002 was never acknowledged",
    ]
    assert verdict.doubled == ["send 000001 became the sends [1, 5]"]


def test_two_sends_for_one_key_are_doubled() -> None:
    evidence = evidence_of("delivered")
    evidence.sends.append(SendRow(2, KEY, "finished"))
    assert check(evidence).doubled == ["send 000001 became the sends [1, 2]"]


def test_targets_that_are_missing_or_too_many_are_named() -> None:
    evidence = evidence_of("delivered")
    evidence.asked[0] = replace(evidence.asked[0], targets=frozenset({"chat7"}))
    verdict = check(evidence)
    assert verdict.lost == ["send 1 has no delivery to ['chat7']"]
    assert verdict.wrong == ["send 1 goes also to ['chat1']"]


def test_leftovers_are_lost() -> None:
    evidence = evidence_of("delivered")
    evidence.claims_left, evidence.outbox_left, evidence.kept_left = 2, 3, 4
    assert len(check(evidence).lost) == 3


def test_what_the_harness_met_is_wrong() -> None:
    evidence = evidence_of("delivered")
    evidence.troubles.append("the API answered 400")
    assert check(evidence).wrong == ["the API answered 400"]


# --- Unknown -------------------------------------------------------------------------------------


def test_an_unknown_needs_a_fault_near_it_on_its_chat_server() -> None:
    evidence = evidence_of("unknown no_answer")
    assert len(check(evidence).unexplained) == 1
    evidence.faults[:] = [a_fault()]
    assert check(evidence).holds
    evidence.faults[:] = [replace(a_fault(), touched=("west",))]
    assert len(check(evidence).unexplained) == 1
    evidence.faults[:] = [a_fault(at=BEGIN + UNTIL_LATE)]
    assert len(check(evidence).unexplained) == 1


def test_a_fault_costs_one_window_and_no_more() -> None:
    evidence = evidence_of(*["unknown worker_lost"] * (WINDOW + 1))
    evidence.faults[:] = [a_fault()]
    (sentence,) = check(evidence).unexplained
    assert sentence.endswith("fault 1 (worker killed, worker-1) cost their window already")
    evidence.faults.append(a_fault(2))
    verdict = check(evidence)
    assert verdict.holds
    assert sorted(verdict.blamed.values()) == [1, WINDOW]


def test_the_blame_goes_where_it_leaves_room_for_others() -> None:
    """One of two faults explains the later ones too: the other has to take the earlier ones."""
    evidence = evidence_of(*["unknown worker_lost"] * (2 * WINDOW))
    for place in range(WINDOW, 2 * WINDOW):
        late = replace(evidence.deliveries[place], attempted_at=BEGIN + 5)
        evidence.deliveries[place] = late
    evidence.faults[:] = [a_fault(1, BEGIN + 3), a_fault(2, BEGIN)]
    assert check(evidence).holds


def test_a_lasting_fault_costs_one_more_for_each_try() -> None:
    assert replace(a_fault(), lasts=True).unknown_most == WINDOW + 1
    # Tries after 0.25, 0.75 and 1.75 seconds, with the shortest rests.
    assert replace(a_fault(), end=BEGIN + 2.0, lasts=True).unknown_most == WINDOW + 4


def test_an_unknown_that_was_never_tried_is_wrong() -> None:
    evidence = evidence_of("unknown no_answer")
    evidence.deliveries[0] = replace(evidence.deliveries[0], attempted_at=None)
    assert list(named(check(evidence))) == ["wrong"]


def test_a_fault_that_hits_some_requests_costs_no_more_than_those() -> None:
    evidence = evidence_of("unknown no_answer", "unknown no_answer")
    evidence.faults[:] = [a_fault(most=1)]
    assert len(check(evidence).unexplained) == 1
    evidence.faults[:] = [a_fault(most=2)]
    assert check(evidence).holds


def test_a_fault_of_several_channels_costs_a_window_of_each() -> None:
    assert a_fault(channels=3).unknown_most == 3 * WINDOW


def test_a_fault_explains_what_it_met_before_its_unknown_was_recorded() -> None:
    """A worker is killed some time after the attempt: the next one records what it finds."""
    evidence = evidence_of("unknown worker_lost")
    evidence.faults[:] = [a_fault(at=BEGIN + UNTIL_LATE)]
    evidence.deliveries[0] = replace(evidence.deliveries[0], finished_at=BEGIN + UNTIL_LATE + 5)
    assert check(evidence).holds


# --- Known and lost ------------------------------------------------------------------------------


def answered_and_unknown(answer: str = "response", **fault: Any) -> Evidence:
    """The journal says that it was answered. The fault explains that it is unknown."""
    evidence = evidence_of("unknown worker_lost")
    evidence.workers = ("worker-1", "worker-2")
    evidence.lines.append(a_line(evidence.deliveries[0], answer))
    evidence.faults[:] = [a_fault(**fault)]
    return evidence


def with_late(evidence: Evidence, *statuses: str) -> Evidence:
    """It has these late answers, and the ledger says so."""
    delivery = evidence.deliveries[0] = replace(evidence.deliveries[0], late=statuses)
    for status in statuses:
        said = {"id": delivery.id, "interaction": delivery.interaction_id, "status": status}
        chain(evidence, an_entry("deliveries.late_answer", "send", 1, deliveries=[said]))
    return evidence


@pytest.mark.parametrize("answer", ["response", "fault"])
def test_an_answer_that_nobody_could_lose_is_known_and_lost(answer: str) -> None:
    (sentence,) = check(answered_and_unknown(answer)).known_and_lost
    assert sentence.startswith("delivery 1 of send 1 to chat1: unknown (worker_lost), tried at ")
    assert sentence.endswith(f" by worker-1 or worker-2, but east answered it with a {answer}")
    assert list(named(check(answered_and_unknown(answer)))) == ["known, lost"]


def test_one_that_stands_beside_the_unknown_is_not_lost() -> None:
    assert check(with_late(answered_and_unknown(), "delivered")).holds
    assert check(with_late(answered_and_unknown("fault"), "failed")).holds


def test_nor_is_one_that_was_never_sent() -> None:
    assert check(answered_and_unknown("none")).holds


def test_nor_one_that_a_fault_could_lose() -> None:
    assert check(answered_and_unknown(loses=("east",))).holds
    assert not check(answered_and_unknown(loses=("west",))).holds


def test_a_fault_after_the_answer_should_have_been_recorded_explains_nothing() -> None:
    evidence = answered_and_unknown()
    evidence.faults.append(a_fault(2, BEGIN + UNTIL_LATE, loses=("east",)))
    assert list(named(check(evidence))) == ["known, lost"]


def test_the_memory_of_a_worker_that_had_not_asked_explains_nothing() -> None:
    evidence = answered_and_unknown(loses=("east",))
    evidence.holders[:] = [
        Holder(BEGIN - 5, "east", "worker-1"),
        Holder(BEGIN - 0.1, "west", "worker-1"),
        Holder(BEGIN + 0.1, "east", "worker-2"),
        Holder(BEGIN + 5, "east", "worker-1"),
    ]
    assert list(named(check(evidence))) == ["known, lost"]
    evidence.holders.insert(1, Holder(BEGIN - 0.3, "east", "worker-1"))
    assert check(evidence).holds  # it may have been either


def test_a_worker_that_is_asked_to_end_loses_no_answer_that_came_in_time() -> None:
    evidence = answered_and_unknown(loses=("east",), late_only=True)
    assert list(named(check(evidence))) == ["known, lost"]
    evidence.faults.append(Fault(2, "hangs long", "east", BEGIN, BEGIN + 3))
    assert check(evidence).holds
    del evidence.faults[1]
    evidence.deliveries[0] = replace(evidence.deliveries[0], reason="no_answer")
    evidence.entries.clear()
    chain(
        evidence,
        an_entry("send.created", "send", 1),
        an_ending(evidence.deliveries[0]),
        an_entry("send.finished", "send", 1),
    )
    assert check(evidence).holds


# --- Late answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "late", "said"),
    [
        ("fault", ["delivered"], "but the journal has it with ['fault']"),
        ("response", ["failed"], "but the journal has it with ['response']"),
        ("none", ["delivered"], "but the journal has it with ['none']"),
        ("none", ["failed"], "but the journal has it with ['none']"),
        ("response", ["delivered", "delivered"], "which are more than one"),
    ],
)
def test_a_late_answer_that_is_not_the_journals_is_wrong(
    answer: str, late: list[str], said: str
) -> None:
    (sentence,) = check(with_late(answered_and_unknown(answer), *late)).wrong
    assert sentence.endswith(f"with the late answers {late}, {said}")


def test_of_what_is_in_no_journal_nothing_may_have_left() -> None:
    evidence = with_late(answered_and_unknown(), "failed")
    evidence.lines.clear()
    assert check(evidence).holds
    evidence = with_late(answered_and_unknown(), "delivered")
    evidence.lines.clear()
    assert check(evidence).wrong[0].endswith("but it is in no journal")


def test_a_late_answer_beside_a_known_end_is_wrong() -> None:
    assert list(named(check(with_late(evidence_of("delivered"), "delivered")))) == ["wrong"]


def test_a_late_answer_that_the_ledger_lacks_is_named() -> None:
    evidence = answered_and_unknown()
    evidence.deliveries[0] = replace(evidence.deliveries[0], late=("delivered",))
    (sentence,) = check(evidence).ledger
    assert sentence.endswith("with the late answers ['delivered'], but the ledger has []")


def test_what_was_given_up_before_its_time_is_wrong() -> None:
    """As by a worker whose clock is ahead."""
    evidence = evidence_of("failed not_sent")
    evidence.sends[0] = replace(evidence.sends[0], release_at=BEGIN)
    evidence.deliveries[0] = replace(evidence.deliveries[0], finished_at=BEGIN + 121)
    assert check(evidence).holds
    evidence.deliveries[0] = replace(evidence.deliveries[0], finished_at=BEGIN + 2)
    assert check(evidence).wrong == [
        "delivery 1 of send 1 to chat1: failed (not_sent), but it was given up after 2.0 s"
    ]


# --- Ledger --------------------------------------------------------------------------------------


def test_a_missing_a_doubled_and_another_entry_are_named() -> None:
    evidence = evidence_of("delivered", "delivered", "skipped")
    first, second, third = evidence.deliveries
    evidence.entries.clear()
    chain(
        evidence,
        an_entry("send.created", "send", 1),
        an_ending(second),
        an_ending(second),
        an_ending(replace(third, status="failed")),
        an_ending(replace(first, id=9)),
        an_entry("send.finished", "send", 1),
        an_entry("send.finished", "send", 1),
    )
    assert check(evidence).ledger == [
        "delivery 1 of send 1 to chat1: delivered, but the ledger has nothing",
        "delivery 2 of send 1 to chat2: delivered, but the ledger has "
        "['deliveries.delivered', 'deliveries.delivered']",
        "delivery 3 of send 1 to chat3: skipped, but the ledger has ['deliveries.failed']",
        "the ledger has a delivery 9, which is not there",
        "send 1: the ledger has send.finished 2 times",
    ]


def test_an_entry_that_says_something_else_is_named() -> None:
    evidence = evidence_of("failed refused")
    evidence.deliveries[0] = replace(evidence.deliveries[0], reason="not_sent")
    evidence.lines.clear()
    (sentence,) = check(evidence).ledger
    assert sentence.endswith("but the ledger says ('chat1', 'refused')")


def test_an_entry_for_what_is_not_over_is_named() -> None:
    evidence = evidence_of("pending")
    chain(evidence, an_ending(replace(evidence.deliveries[0], status="delivered")))
    assert len(check(evidence).ledger) == 1


def test_a_send_that_reaches_nobody_finishes_too() -> None:
    evidence = evidence_of("skipped")
    assert check(evidence).holds
    del evidence.entries[-1]
    assert check(evidence).ledger == ["send 1: the ledger has send.finished 0 times"]


@pytest.mark.parametrize("change", [{"at": "2026-01-01T00:00:00.000000Z"}, {"prev_hash": "0" * 64}])
def test_a_changed_entry_breaks_the_chain(change: dict[str, Any]) -> None:
    evidence = evidence_of("delivered")
    evidence.entries[1] = {**evidence.entries[1], **change}
    assert check(evidence).ledger == ["the chain breaks at entry 2"]


def test_a_missing_entry_breaks_the_chain() -> None:
    evidence = evidence_of("delivered", "delivered")
    del evidence.entries[1]
    assert "entry 2 is missing: there is 3" in check(evidence).ledger


# --- Takeover ------------------------------------------------------------------------------------


def taken_over_after(seconds: float) -> Evidence:
    evidence = evidence_of("delivered")
    second = replace(evidence.deliveries[0], id=2, interaction_id="chat2")
    evidence.deliveries.append(second)
    evidence.lines.append(a_line(second))
    evidence.asked[0] = replace(evidence.asked[0], targets=frozenset({"chat1", "chat2"}))
    chain(evidence, an_ending(second, BEGIN + seconds))
    evidence.faults[:] = [a_fault(mid_work=("east",))]
    return evidence


def test_a_takeover_is_measured_and_judged() -> None:
    verdict = check(taken_over_after(14.0))
    assert verdict.holds
    assert [takeover.seconds for takeover in verdict.takeovers] == [14.0]
    assert check(taken_over_after(16.0)).late == [
        "after fault 1 (worker killed, worker-1) the work of east waited 16.0 s"
    ]
    assert check(taken_over_after(16.0), takeover_seconds=None).holds


def test_work_that_is_never_taken_over_is_late() -> None:
    evidence = taken_over_after(1.0)
    evidence.faults[:] = [a_fault(at=BEGIN + UNTIL_LATE, mid_work=("east",))]
    assert check(evidence).late[0].endswith("the work of east was never taken over")


def test_the_time_without_a_database_does_not_count() -> None:
    evidence = taken_over_after(30.0)
    outage = Fault(2, "database stopped", "database", BEGIN + 1, BEGIN + 20, touched=("east",))
    evidence.faults.append(outage)
    (takeover,) = check(evidence).takeovers
    assert takeover.seconds == 10.0


@pytest.mark.parametrize("kind", ["database full", "database read-only", "all sessions ended"])
def test_nor_does_that_in_which_it_takes_no_writes(kind: str) -> None:
    evidence = taken_over_after(30.0)
    evidence.faults.append(Fault(2, kind, "database", BEGIN + 1, BEGIN + 20))
    (takeover,) = check(evidence).takeovers
    assert takeover.seconds == 10.0


def test_nor_does_that_in_which_all_workers_were_disturbed() -> None:
    evidence = taken_over_after(30.0)
    evidence.workers = ("worker-1", "worker-2")
    evidence.faults.append(Fault(2, "worker frozen long", "worker-2", BEGIN - 1, BEGIN + 20))
    assert not check(evidence).holds
    evidence.faults.append(Fault(3, "database silent", "worker-1", BEGIN + 2, BEGIN + 18))
    (takeover,) = check(evidence).takeovers
    assert takeover.seconds == 12.0


def test_what_was_under_way_is_no_takeover() -> None:
    """The database may still commit what a worker sent before it was killed or frozen."""
    evidence = taken_over_after(16.0)
    chain(evidence, an_ending(evidence.deliveries[0], BEGIN + 0.1))
    (sentence,) = check(evidence).late
    assert sentence.endswith("the work of east waited 16.0 s")


def after_a_database_fault(seconds: float) -> Evidence:
    """It ended 5 s after BEGIN, and there was work at that moment."""
    evidence = taken_over_after(5.0 + seconds)
    evidence.faults[:] = [
        Fault(
            1,
            "database full",
            "database",
            BEGIN,
            BEGIN + 5,
            mid_work=("east",),
            waits_from=BEGIN + 5,
        )
    ]
    return evidence


def test_the_work_goes_on_soon_after_a_fault_of_the_database() -> None:
    assert check(after_a_database_fault(14.0)).holds
    assert check(after_a_database_fault(16.0)).late == [
        "after fault 1 (database full, database) the work of east waited 16.0 s"
    ]


def test_less_the_time_in_which_its_chat_server_failed_and_rested() -> None:
    evidence = after_a_database_fault(16.0)
    evidence.faults.append(Fault(2, "hangs long", "east", BEGIN + 6, BEGIN + 10))
    (takeover,) = check(evidence).takeovers
    assert takeover.seconds == 6.0


# --- The report ----------------------------------------------------------------------------------


def test_the_report_has_the_faults_the_counts_and_the_complaints() -> None:
    evidence = evidence_of("delivered", *["unknown no_answer"] * 3)
    evidence.faults[:] = [a_fault(mid_work=("east",)), replace(a_fault(2), touched=())]
    evidence.troubles += [f"trouble {number}" for number in range(12)]
    text = "\n".join(report(evidence, check(evidence)))
    assert "worker killed               2        3      3" in text
    assert "4 deliveries in 1 sends: 3 unknown, 1 delivered" in text
    assert "wrong            12\n    trouble 0\n" in text
    assert "… and 2 more" in text
