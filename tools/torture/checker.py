"""Compares what was asked for, the journals, the deliveries and the ledger. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from console.audit.chain import GENESIS, entry_hash
from tools.torture.evidence import DeliveryRow, Evidence, Fault, Line

ENDED = "deliveries."  # how the actions of their entries begin
# What stands beside an ending, and ends nothing.
BESIDE = {"deliveries.late_answer", "deliveries.resolved"}
OVER = {"delivered", "failed", "unknown", "skipped", "cancelled"}
TAKEOVER_SECONDS = 15.0
# How far beside a fault an unknown may lie: besides the request timeout, within which what was in
# flight when it began had been sent.
A_LITTLE = 1.0


@dataclass(slots=True)
class Takeover:
    """How long after a worker's end its Chat Server's work went on; None: it never did."""

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
    ledger: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    blamed: Counter[tuple[int, str]] = field(default_factory=Counter)
    takeovers: list[Takeover] = field(default_factory=list)

    @property
    def complaints(self) -> dict[str, list[str]]:
        return {
            "lost": self.lost,
            "doubled": self.doubled,
            "wrong": self.wrong,
            "unexplained": self.unexplained,
            "ledger": self.ledger,
            "late": self.late,
        }

    @property
    def holds(self) -> bool:
        return not any(self.complaints.values())


def check(evidence: Evidence, *, takeover_seconds: float | None = TAKEOVER_SECONDS) -> Verdict:
    """All comparisons. With `takeover_seconds` None takeovers are measured and not judged."""
    verdict = Verdict(wrong=list(evidence.troubles))
    _check_sends(evidence, verdict)
    _check_deliveries(evidence, verdict)
    _check_unknown(evidence, verdict)
    _check_ledger(evidence, verdict)
    _check_takeovers(evidence, verdict, takeover_seconds)
    return verdict


# --- Sends -------------------------------------------------------------------------------------


def _check_sends(evidence: Evidence, verdict: Verdict) -> None:
    rows = defaultdict(list)
    for send in evidence.sends:
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
    verdict.wrong += evidence.counts_wrong


# --- Deliveries and journals -------------------------------------------------------------------


def _check_deliveries(evidence: Evidence, verdict: Verdict) -> None:
    keys = {send.id: send.key for send in evidence.sends}
    lines: dict[tuple[str, str], list[Line]] = defaultdict(list)
    for line in evidence.lines:
        lines[line.key, line.interaction_id].append(line)
    for delivery in evidence.deliveries:
        found = lines.pop((keys.get(delivery.send_id, ""), delivery.interaction_id), [])
        if len(found) > 1:
            places = ", ".join(f"{line.chat_server} at {line.at:.3f}" for line in found)
            verdict.doubled.append(f"{delivery}, but it is in the journals of {places}")
        _check_delivery(delivery, found, verdict)
    verdict.wrong += [
        f"the journal of {found[0].chat_server} has {key!r} for {interaction_id}, of which there "
        "is no delivery"
        for (key, interaction_id), found in lines.items()
    ]


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

    Of those that come into question the one that is over first: so the blame fits if it can.
    """
    unknown = [d for d in evidence.deliveries if d.status == "unknown"]
    reach = evidence.request_timeout + A_LITTLE
    faults = sorted(evidence.faults, key=lambda fault: fault.end)
    for delivery in sorted(unknown, key=lambda d: d.attempted_at or 0):
        at = delivery.attempted_at
        if at is None:
            verdict.wrong.append(f"{delivery}, but it was never tried")
            continue
        near = [
            fault
            for fault in faults
            if delivery.chat_server in fault.touched
            and fault.begin - reach <= at <= fault.end + reach
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


# --- Ledger ------------------------------------------------------------------------------------


def _ends(entry: Mapping[str, Any]) -> bool:
    return entry["action"].startswith(ENDED) and entry["action"] not in BESIDE


def _check_ledger(evidence: Evidence, verdict: Verdict) -> None:
    verdict.ledger += _broken_links(evidence.entries)
    told: dict[int, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    sends: Counter[tuple[str, str]] = Counter()
    for entry in evidence.entries:
        if _ends(entry):
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
    """From each end of a worker that had something claimed to the next entry of that Chat Server's
    work, less the time in which there was no database."""
    activity = defaultdict(list)
    for entry in evidence.entries:
        if _ends(entry) and entry["actor_ref"] == "system:worker":
            at = datetime.fromisoformat(entry["at"]).timestamp()
            activity[entry["data"]["chat_server"]].append(at)
    outages = [(f.begin, f.end) for f in evidence.faults if f.kind == "database stopped"]
    for fault in evidence.faults:
        for name in fault.mid_work:
            after = [at for at in activity[name] if at > fault.end]
            seconds = _less_outages(fault.end, min(after), outages) if after else None
            verdict.takeovers.append(Takeover(fault, name, seconds))
            if most is not None and (seconds is None or seconds > most):
                took = "was never taken over" if seconds is None else f"waited {seconds:.1f} s"
                verdict.late.append(f"after {fault} the work of {name} {took}")


def _less_outages(begin: float, end: float, outages: list[tuple[float, float]]) -> float:
    """Seconds since the last outage in between, as what was begun before it begins anew."""
    return end - max([begin, *(up for down, up in outages if down < end and begin < up < end)])
