"""Compares what was asked for, the journals, the deliveries and the ledger. Pure."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.audit.chain import GENESIS, entry_hash
from tools.torture.evidence import (
    DATABASE,
    LATEST_TIMEOUTS,
    RECORDED_SECONDS,
    DeliveryRow,
    Evidence,
    Fault,
    Line,
)
from tools.torture.incident_checks import Stages, check_incidents
from tools.torture.standstills import all_away, less_outages

ENDED = "deliveries."  # how the actions of their entries begin
LATE = "deliveries.late_answer"
# What stands beside an ending, and ends nothing.
BESIDE = {LATE, "deliveries.resolved"}
OVER = {"delivered", "failed", "unknown", "skipped", "cancelled"}
TAKEOVER_SECONDS = 15.0
# How far beside a fault an unknown may lie: besides the request timeout, within which what was in
# flight when it began had been sent.
A_LITTLE = 1.0
# Samples of who has a lease are so far apart.
SAMPLED_SECONDS = 1.0
# A worker's last commit may still be under way in the database when it is killed or frozen.
LAST_COMMIT_SECONDS = 0.2
ANSWERED = {"response", "fault"}


@dataclass(slots=True)
class Takeover:
    """How long after it had stood still a Chat Server's work went on; None: it never did."""

    fault: Fault
    chat_server: str
    seconds: float | None


@dataclass(slots=True)
class Verdict:
    """Sentences by what is wrong. `blamed` are the unknown deliveries by fault and Chat Server."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    known_and_lost: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    stages: Stages = field(default_factory=Stages)
    blamed: Counter[tuple[int, str]] = field(default_factory=Counter)
    takeovers: list[Takeover] = field(default_factory=list)

    @property
    def complaints(self) -> dict[str, list[str]]:
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "wrong": self.wrong,
            "unexplained": self.unexplained,
            "known, lost": self.known_and_lost,
            "ledger": self.ledger,
            "late": self.late,
            "stages": self.stages.wrong,
            "missing": self.stages.missing,
            "files": self.stages.files,
        }

    @property
    def holds(self) -> bool:
        return not any(self.complaints.values())


def check(evidence: Evidence, *, takeover_seconds: float | None = TAKEOVER_SECONDS) -> Verdict:
    """All comparisons. With `takeover_seconds` None it is only measured how long takeovers and
    standing stages took."""
    verdict = Verdict(wrong=list(evidence.troubles))
    _check_sends(evidence, verdict)
    lines = _lines_by_delivery(evidence, verdict)
    _check_deliveries(evidence, lines, verdict)
    _check_unknown(evidence, verdict)
    _check_known_and_lost(evidence, lines, verdict)
    _check_ledger(evidence, verdict)
    _check_takeovers(evidence, verdict, takeover_seconds)
    verdict.stages = check_incidents(evidence, judges_time=takeover_seconds is not None)
    return verdict


# --- Sends -------------------------------------------------------------------------------------


def _check_sends(evidence: Evidence, verdict: Verdict) -> None:
    rows = defaultdict(list)
    for send in evidence.sends:
        if send.stage is None:
            rows[send.key].append(send)
        if send.status not in ("finished", "cancelled"):
            verdict.lost.append(f"send {send.id} is {send.status} to this day")
    targets = defaultdict(set)
    for delivery in evidence.deliveries:
        targets[delivery.send_id].add(delivery.interaction_id)
    for asked in evidence.asked:
        found = {send.id for send in rows.pop(asked.key, [])}
        if not asked.answers:
            verdict.lost.append(f"{asked.key} was never acknowledged")
        if asked.answers - found:
            verdict.lost.append(f"{asked.key} was acknowledged as {sorted(asked.answers - found)}")
        if len(found) > 1 or len(asked.answers) > 1:
            verdict.doubled.append(f"{asked.key} became the sends {sorted(found | asked.answers)}")
        for send_id in found:
            if missing := asked.targets - targets[send_id]:
                verdict.lost.append(f"send {send_id} has no delivery to {sorted(missing)[:5]}")
            if extra := targets[send_id] - asked.targets:
                verdict.wrong.append(f"send {send_id} goes also to {sorted(extra)[:5]}")
    verdict.wrong += [f"nobody asked for the sends of {key!r}" for key in rows]
    if evidence.outbox_left:
        verdict.lost.append(f"{evidence.outbox_left} deliveries are still in the outbox")
    if evidence.claims_left:
        verdict.lost.append(f"{evidence.claims_left} claims were never settled")
    if evidence.kept_left:
        verdict.lost.append(f"{evidence.kept_left} outcomes are still in the files of workers")
    verdict.wrong += evidence.counts_wrong


# --- Deliveries and journals -------------------------------------------------------------------


def _lines_by_delivery(evidence: Evidence, verdict: Verdict) -> dict[int, list[Line]]:
    """The journals' lines by the ids of their deliveries."""
    keys = {send.id: send.key for send in evidence.sends}
    lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in evidence.lines:
        lines[line.key, line.interaction_id].append(line)
    last = {(keys.get(d.send_id, ""), d.interaction_id): d.id for d in evidence.deliveries}
    found: dict[int, list[Line]] = {delivery.id: [] for delivery in evidence.deliveries}
    # A chat that a stage skipped may have another delivery of it: that one is journalled.
    found |= {last[place]: lines.pop(place) for place in [*lines] if place in last}
    verdict.wrong += [
        f"the journal of {left[0].chat_server} has {key!r} for {interaction_id}, of which there "
        "is no delivery"
        for (key, interaction_id), left in lines.items()
    ]
    return found


def _check_deliveries(
    evidence: Evidence, lines: Mapping[int, list[Line]], verdict: Verdict
) -> None:
    released = {send.id: send.release_at for send in evidence.sends}
    for delivery in evidence.deliveries:
        found = lines[delivery.id]
        if len(found) > 1:
            places = ", ".join(f"{line.chat_server} at {line.at:.3f}" for line in found)
            verdict.doubled.append(f"{delivery}, but it is in the journals of {places}")
        _check_delivery(delivery, found, verdict)
        _check_late(delivery, found, verdict)
        release_at = released.get(delivery.send_id)
        if delivery.reason == "not_sent" and release_at and delivery.finished_at:
            waited = delivery.finished_at - release_at
            if waited < evidence.time_to_live - A_LITTLE:
                verdict.wrong.append(f"{delivery}, but it was given up after {waited:.1f} s")


def _check_late(delivery: DeliveryRow, lines: list[Line], verdict: Verdict) -> None:
    """What stands beside an unknown is what the journal says. A late "failed" without a line is one
    of which nothing had left."""
    answers = {line.answer for line in lines}
    told = f"{delivery}, with the late answers {list(delivery.late)}"
    if delivery.late and delivery.status != "unknown":
        verdict.wrong.append(told)
    if len(delivery.late) > 1:
        verdict.wrong.append(f"{told}, which are more than one")
    for status in delivery.late:
        if answers and {"delivered": "response", "failed": "fault"}.get(status) not in answers:
            verdict.wrong.append(f"{told}, but the journal has it with {sorted(answers)}")
        elif not answers and status != "failed":
            verdict.wrong.append(f"{told}, but it is in no journal")


def _check_delivery(delivery: DeliveryRow, lines: list[Line], verdict: Verdict) -> None:
    answers = [line.answer for line in lines]
    disagreement = f"{delivery}, but the journal has it with {answers}"
    if delivery.status not in OVER:
        verdict.lost.append(f"{delivery} to this day")
    if delivery.status == "delivered":
        if not lines:
            verdict.lost.append(f"{delivery}, but it is in no journal")
        elif "response" not in answers:
            verdict.wrong.append(disagreement)
        elif delivery.chat_server not in {line.chat_server for line in lines}:
            verdict.wrong.append(f"{delivery} by {delivery.chat_server}, whose journal lacks it")
    elif delivery.status == "failed" and delivery.reason == "refused":
        if "fault" not in answers:
            verdict.wrong.append(disagreement)
    elif delivery.status != "unknown" and lines:
        verdict.wrong.append(disagreement)


# --- Unknown -----------------------------------------------------------------------------------


def _check_unknown(evidence: Evidence, verdict: Verdict) -> None:
    """Blame a fault for each unknown delivery, none for more than it may cost.

    Of those that come into question the one that is over first: so the blame fits if it can. It
    need not be the one that did it: faults at the same time on the same Chat Server can't be told
    apart.
    """
    unknown = [d for d in evidence.deliveries if d.status == "unknown"]
    reach = evidence.request_timeout + A_LITTLE
    faults = sorted(evidence.faults, key=lambda fault: fault.end)
    for delivery in sorted(unknown, key=lambda d: d.attempted_at or 0):
        at = delivery.attempted_at
        if at is None:
            verdict.wrong.append(f"{delivery}, but it was never tried")
            continue
        until = (delivery.finished_at or at + evidence.request_timeout) + A_LITTLE
        near = [
            fault
            for fault in faults
            if delivery.chat_server in fault.touched and _overlaps(fault, at - reach, until)
        ]
        free = [f for f in near if verdict.blamed[f.number, delivery.chat_server] < f.unknown_most]
        if free:
            verdict.blamed[free[0].number, delivery.chat_server] += 1
        elif near:
            names = ", ".join(map(str, near))
            verdict.unexplained.append(f"{delivery}, and {names} cost their window already")
        else:
            moment = datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")
            verdict.unexplained.append(
                f"{delivery}, tried at {moment} on {delivery.chat_server}, where there was no fault"
            )


def _overlaps(fault: Fault, begin: float, end: float) -> bool:
    return fault.begin <= end and fault.end >= begin


def _check_known_and_lost(
    evidence: Evidence, lines: Mapping[int, list[Line]], verdict: Verdict
) -> None:
    """An answer that was sent is recorded, or stands beside the unknown, unless a fault could lose
    it: on its way, or with the memory of the worker that had asked.

    Which worker asked is known from samples of the leases. Where there is none near, as while there
    is no database, it may have been any. And a fault near in time is taken for the one that lost
    the answer; whether it came before or after is not known.
    """
    reach = evidence.request_timeout + A_LITTLE
    for delivery in evidence.deliveries:
        at = delivery.attempted_at
        answers = [line for line in lines[delivery.id] if line.answer in ANSWERED]
        if delivery.status != "unknown" or delivery.late or at is None or not answers:
            continue
        latest = answers[0].at + LATEST_TIMEOUTS * evidence.request_timeout
        until = max(latest, delivery.finished_at or 0.0) + RECORDED_SECONDS
        asked = _asked_by(evidence, delivery.chat_server, at)
        near = [fault for fault in evidence.faults if _overlaps(fault, at - reach, until)]
        may_be_late = delivery.reason == "no_answer" or any(
            fault.subject == delivery.chat_server for fault in near
        )
        could = (
            fault
            for fault in near
            if delivery.chat_server in fault.loses
            and (fault.subject not in evidence.workers or fault.subject in asked)
            and (may_be_late or not fault.late_only)
        )
        if not any(could):
            moment = datetime.fromtimestamp(at).strftime("%H:%M:%S.%f")
            verdict.known_and_lost.append(
                f"{delivery}, tried at {moment} by {' or '.join(sorted(asked))}, but "
                f"{answers[0].chat_server} answered it with a {answers[0].answer}"
            )


def _asked_by(evidence: Evidence, chat_server: str, at: float) -> set[str]:
    """The workers that may have had the lease at that moment: as the samples around it say."""
    samples = evidence.holders
    first = bisect_left(samples, at - SAMPLED_SECONDS, key=lambda holder: holder.at)
    found = set()
    for holder in samples[first:]:
        if holder.at > at + SAMPLED_SECONDS:
            break
        if holder.chat_server == chat_server:
            found.add(holder.worker)
    return found or set(evidence.workers)


# --- Ledger ------------------------------------------------------------------------------------


def _ends(entry: Mapping[str, Any]) -> bool:
    return entry["action"].startswith(ENDED) and entry["action"] not in BESIDE


def _check_ledger(evidence: Evidence, verdict: Verdict) -> None:
    verdict.ledger += _broken_links(evidence.entries)
    told: dict[int, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    sends: Counter[tuple[str, str]] = Counter()
    late: defaultdict[int, list[str]] = defaultdict(list)
    for entry in evidence.entries:
        if entry["action"] == LATE:
            for said in entry["data"]["deliveries"]:
                late[said["id"]].append(said["status"])
        elif _ends(entry):
            for said in entry["data"]["deliveries"]:
                told[said["id"]].append((entry["action"], said))
        elif entry["target_kind"] == "send":
            sends[entry["target_ref"], entry["action"]] += 1
    for delivery in evidence.deliveries:
        entries = told.pop(delivery.id, [])
        actions = [action for action, _said in entries]
        expected = [f"{ENDED}{delivery.status}"] if delivery.status in OVER else []
        if actions != expected:
            verdict.ledger.append(f"{delivery}, but the ledger has {actions or 'nothing'}")
        elif entries and _facts(entries[0][1]) != (delivery.interaction_id, delivery.reason):
            verdict.ledger.append(f"{delivery}, but the ledger says {_facts(entries[0][1])}")
        if (said_late := late.pop(delivery.id, [])) != list(delivery.late):
            verdict.ledger.append(
                f"{delivery}, with the late answers {list(delivery.late)}, but the ledger has "
                f"{said_late}"
            )
    verdict.ledger += [f"the ledger has a delivery {ref}, which is not there" for ref in told]
    for send in evidence.sends:
        for action in ("send.created", f"send.{send.status}"):
            count = sends[str(send.id), action]
            if count != 1:
                verdict.ledger.append(f"send {send.id}: the ledger has {action} {count} times")


def _facts(said: Mapping[str, Any]) -> tuple[str, str]:
    return said["interaction"], said.get("reason", "")


def _broken_links(entries: list[Mapping[str, Any]]) -> Iterator[str]:
    previous = GENESIS
    for seq, entry in enumerate(entries, start=1):
        if entry["seq"] != seq:
            yield f"entry {seq} is missing: there is {entry['seq']}"
            return
        if entry["prev_hash"] != previous or entry["hash"] != entry_hash(entry):
            yield f"the chain breaks at entry {seq}"
            return
        previous = entry["hash"]


# --- Takeover ----------------------------------------------------------------------------------


def _check_takeovers(evidence: Evidence, verdict: Verdict, most: float | None) -> None:
    """From the moment at which a Chat Server's work stood still to the next entry of that work,
    less the time in which nobody could go on."""
    activity = defaultdict(list)
    for entry in evidence.entries:
        if _ends(entry) and entry["actor_ref"] == "system:worker":
            at = datetime.fromisoformat(entry["at"]).timestamp()
            activity[entry["data"]["chat_server"]].append(at)
    for fault in evidence.faults:
        begin = fault.begin if fault.waits_from is None else fault.waits_from
        for name in fault.mid_work:
            after = [at for at in activity[name] if at > begin + LAST_COMMIT_SECONDS]
            outages = list(_outages(evidence, fault, name))
            seconds = less_outages(begin, min(after), outages) if after else None
            verdict.takeovers.append(Takeover(fault, name, seconds))
            if most is not None and (seconds is None or seconds > most):
                took = "was never taken over" if seconds is None else f"waited {seconds:.1f} s"
                verdict.late.append(f"after {fault} the work of {name} {took}")


def _outages(evidence: Evidence, fault: Fault, name: str) -> Iterator[tuple[float, float]]:
    """When the work of a Chat Server could not go on, besides the fault: without the database,
    while all workers were disturbed, and after a fault of the database while the Chat Server failed
    or rested. After the end of a worker, what it left is recorded without the Chat Server."""
    others = [other for other in evidence.faults if other.number != fault.number]
    for other in others:
        if other.subject == DATABASE:
            yield other.begin, other.end
        elif other.subject == name and fault.subject == DATABASE:
            yield other.begin, other.end + (other.end - other.begin) + A_LITTLE
    yield from all_away(evidence)
