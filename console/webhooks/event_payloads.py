"""Turns ledger entries into events: only ids, counts, statuses and names of Chat Servers.

The ledger is the outbox: an entry is committed with what it records, and the chain's lock makes
entries visible in the order of their numbers. So reading on from the last entry misses nothing, and
costs sending nothing.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from console.audit.actions import Action
from console.audit.models import AuditEntry
from console.interactions.models import Health, HealthChange
from console.notifications.kinds import KINDS, opening_kinds
from console.webhooks.models import EventType

SENDS: dict[str, tuple[EventType, str]] = {
    Action.SEND_FINISHED: (EventType.SEND_FINISHED, "finished"),
    Action.SEND_CANCELLED: (EventType.SEND_CANCELLED, "cancelled"),
    Action.SEND_REJECTED: (EventType.SEND_CANCELLED, "rejected"),
}
DELIVERIES: dict[str, tuple[EventType, str]] = {
    Action.DELIVERIES_FAILED: (EventType.DELIVERIES_FAILED, "failed"),
    Action.DELIVERIES_UNKNOWN: (EventType.DELIVERIES_UNKNOWN, "unknown"),
}
RESOLVED = Action.DELIVERIES_RESOLVED
# With what is told of the entry, besides the incident. Titles, reasons and the names of stages are
# people's words, and stay here.
INCIDENTS: dict[str, tuple[EventType, tuple[str, ...]]] = {
    Action.INCIDENT_STARTED: (EventType.INCIDENT_STARTED, ("playbook", "version", "confirm_until")),
    Action.INCIDENT_STAGE_STARTED: (
        EventType.INCIDENT_STAGE_STARTED,
        ("stage", "position", "send", "due_at"),
    ),
    Action.INCIDENT_UNCONFIRMED: (EventType.INCIDENT_UNCONFIRMED, ("confirm_until",)),
    Action.INCIDENT_CLOSED: (EventType.INCIDENT_CLOSED, ()),
}


def ledger_actions() -> set[str]:
    """Return the actions of entries that may be events."""
    waiting = {action for kind in KINDS.values() for action in kind.opened_by}
    return {*SENDS, *DELIVERIES, RESOLVED, *INCIDENTS, *waiting}


HEALTH = {
    Health.HEALTHY: EventType.CHAT_SERVER_HEALTHY,
    Health.UNHEALTHY: EventType.CHAT_SERVER_UNHEALTHY,
}
# An event lists the ids of at most this many deliveries; beyond that, only their number.
DELIVERIES_TOLD = 100


@dataclass(frozen=True, slots=True)
class Fact:
    """An event and its data."""

    type: str
    at: datetime
    data: dict[str, Any]

    @property
    def body(self) -> str:
        """The message's body, in the Standard Webhooks form."""
        said = {"type": self.type, "timestamp": timestamp(self.at), "data": self.data}
        return json.dumps(said, separators=(",", ":"))


def timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ledger_facts(entries: Iterable[AuditEntry]) -> Iterator[Fact]:
    """Yield the events of these entries, in order.

    Deliveries of one send with the same outcome give one event, however many entries have them:
    10,000 failures at once do not cause 10,000 calls.
    """
    together: dict[tuple[str, str], list[AuditEntry]] = {}
    for entry in entries:
        if entry.action in DELIVERIES or entry.action == RESOLVED:
            together.setdefault((entry.action, entry.target_ref), []).append(entry)
    told = {group[-1].seq: group for group in together.values()}
    for entry in entries:
        for kind in opening_kinds(entry):
            yield Fact(kind.name, entry.at, kind.event(entry))
        if entry.action in SENDS:
            yield _send_fact(entry)
        elif entry.action in INCIDENTS:
            yield _incident_fact(entry)
        elif entry.seq in told:
            group = told[entry.seq]
            yield _resolved_fact(group) if entry.action == RESOLVED else _deliveries_fact(group)


def _send_fact(entry: AuditEntry) -> Fact:
    type_, status = SENDS[entry.action]
    data: dict[str, Any] = {"send": int(entry.target_ref), "status": status}
    if "counts" in entry.data:
        data["counts"] = entry.data["counts"]
    return Fact(type_, entry.at, data)


def _incident_fact(entry: AuditEntry) -> Fact:
    type_, told = INCIDENTS[entry.action]
    data = {name: entry.data.get(name) for name in told}
    return Fact(type_, entry.at, {"incident": int(entry.target_ref), **data})


def _deliveries_fact(entries: list[AuditEntry]) -> Fact:
    type_, status = DELIVERIES[entries[0].action]
    servers: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    ended: list[dict[str, Any]] = []
    for entry in entries:
        deliveries = entry.data["deliveries"]
        servers[entry.data["chat_server"]] += len(deliveries)
        reasons += Counter(each["reason"] for each in deliveries if "reason" in each)
        ended += deliveries
    data = {
        "send": int(entries[0].target_ref),
        "status": status,
        "count": len(ended),
        "chat_servers": dict(servers),
        "reasons": dict(reasons),
        "deliveries": [
            {"id": delivery["id"], "interaction": delivery["interaction"]}
            for delivery in ended[:DELIVERIES_TOLD]
        ],
    }
    return Fact(type_, entries[-1].at, data)


def _resolved_fact(entries: list[AuditEntry]) -> Fact:
    """Return the event of evidence: of each delivery what stands now, "" if nothing does."""
    servers: Counter[str] = Counter()
    stands: dict[int, dict[str, Any]] = {}
    for entry in entries:
        for each in entry.data["deliveries"]:
            if each["id"] not in stands:
                servers[entry.data["chat_server"]] += 1
            stands[each["id"]] = {
                "id": each["id"],
                "interaction": each["interaction"],
                "resolution": each["resolution"],
                "contested": each.get("contested", False),
            }
    data = {
        "send": int(entries[0].target_ref),
        "count": len(stands),
        "chat_servers": dict(servers),
        "deliveries": list(stands.values())[:DELIVERIES_TOLD],
    }
    return Fact(EventType.DELIVERIES_RESOLVED, entries[-1].at, data)


def health_fact(change: HealthChange) -> Fact:
    data = {"chat_server": change.chat_server_name, "health": change.health}
    return Fact(HEALTH[Health(change.health)], change.at, data)
