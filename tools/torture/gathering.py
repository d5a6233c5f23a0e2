"""Reads a run's evidence from journals and database."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from console.audit.chain import FIELDS, canonical_time
from tools.torture.evidence import (
    Asked,
    Came,
    DeliveryRow,
    Evidence,
    Fault,
    Holder,
    IncidentRow,
    Line,
    SendRow,
    StageRow,
    TargetRow,
)
from tools.torture.world import TIME_TO_LIVE_SECONDS, World

SENDS = """
SELECT s.id, CASE WHEN g.id IS NULL THEN s.idempotency_key
        ELSE concat(i.answers ->> 'outage', ' ', g.position) END,
    s.status, extract(epoch FROM s.release_at)::float, s.stage_id
FROM sends_send s LEFT JOIN incidents_stage g ON g.id = s.stage_id
LEFT JOIN incidents_incident i ON i.id = g.incident_id ORDER BY s.id
"""
DELIVERIES = """
SELECT id, send_id, interaction_id, chat_server_name, status, reason,
    extract(epoch FROM attempted_at)::float, extract(epoch FROM finished_at)::float,
    ARRAY(SELECT status FROM sends_lateanswer WHERE delivery_id = d.id ORDER BY id)
FROM sends_delivery d ORDER BY id
"""
MISCOUNTED = """
SELECT concat('send ', coalesce(c.send_id, k.send_id), ' counts ', coalesce(k.number, 0), ' ',
    coalesce(c.status, k.status), ' and has ', coalesce(c.number, 0))
FROM (SELECT send_id, status, count(*) AS number FROM sends_delivery
      WHERE status NOT IN ('pending', 'sending') GROUP BY send_id, status) AS c
FULL JOIN sends_sendoutcome k ON k.send_id = c.send_id AND k.status = c.status
WHERE c.number IS DISTINCT FROM k.number
"""
STAGES = """
SELECT id, incident_id, position, content ->> 'reach', is_standing,
    extract(epoch FROM started_at)::float, extract(epoch FROM ended_at)::float
FROM incidents_stage ORDER BY id
"""
TARGETS = """
SELECT stage_id, interaction_id, extract(epoch FROM matched_at)::float,
    extract(epoch FROM tried_at)::float, delivery_id
FROM incidents_stagetarget ORDER BY id
"""
ENTRIES = f"SELECT {', '.join(FIELDS)}, hash FROM audit_auditentry ORDER BY seq"


def gather(
    world: World,
    *,
    asked: list[Asked],
    faults: list[Fault],
    holders: list[Holder],
    came: list[Came],
    troubles: list[str],
) -> Evidence:
    """Call it when the processes have ended."""
    return Evidence(
        asked=asked,
        sends=[SendRow(*row) for row in world.ask(SENDS)],
        deliveries=[_delivery(row) for row in world.ask(DELIVERIES)],
        lines=[
            line
            for simulator in world.simulators
            for line in journalled(simulator.name, simulator.journal)
        ],
        entries=[_entry(row) for row in world.ask(ENTRIES)],
        faults=sorted(faults, key=lambda fault: fault.begin),
        troubles=troubles,
        claims_left=world.ask("SELECT count(*) FROM sends_claim")[0][0],
        outbox_left=world.ask("SELECT count(*) FROM sends_outbox")[0][0],
        kept_left=sum(
            len(path.read_bytes().splitlines()) for path in (world.folder / "outcomes").glob("*")
        ),
        counts_wrong=[text for (text,) in world.ask(MISCOUNTED)],
        request_timeout=world.request_timeout,
        time_to_live=TIME_TO_LIVE_SECONDS,
        holders=holders,
        workers=tuple(worker.name for worker in world.workers),
        came=came,
        incidents=list(_incidents()),
        stages=[StageRow(*row) for row in world.ask(STAGES)],
        targets=[TargetRow(*row) for row in world.ask(TARGETS)],
    )


def _incidents() -> Iterator[IncidentRow]:
    """The incidents with their files, as the console makes them."""
    from django.db import connection

    from console.actors import system_actor
    from console.incidents.incident_file import incident_lines
    from console.incidents.models import Incident

    for incident in Incident.objects.select_related("playbook", "version").order_by("pk"):
        closed_at = incident.closed_at
        yield IncidentRow(
            incident.pk,
            incident.playbook.key,
            incident.status,
            incident.started_at.timestamp(),
            closed_at.timestamp() if closed_at else None,
            tuple(incident_lines(system_actor("torture"), incident)),
        )
    connection.close()


def _delivery(row: tuple[Any, ...]) -> DeliveryRow:
    return replace(DeliveryRow(*row[:-1]), late=tuple(row[-1]))


def journalled(chat_server: str, journal: Path) -> Iterator[Line]:
    """A journal's lines, without those that the simulator's death cut short: they were never
    answered."""
    for text in journal.read_text("utf-8", errors="replace").splitlines():
        try:
            taken = json.loads(text)
        except ValueError:
            continue
        yield Line(
            chat_server=chat_server,
            interaction_id=taken["interaction_id"],
            key=_key(taken["request"]),
            at=taken["at"],
            answer=taken["answer"],
        )


def _key(request: list[dict[str, Any]]) -> str:
    """The key of the send, with which each of its texts ends."""
    (parameters,) = (pair["value"] for pair in request if pair["key"] == "Parameters")
    text = next((pair["value"] for pair in parameters if pair["key"] == "MessageText"), "")
    return text.rpartition("#")[2]


def _entry(row: tuple[Any, ...]) -> Mapping[str, Any]:
    entry = dict(zip((*FIELDS, "hash"), row, strict=True))
    return {**entry, "at": canonical_time(entry["at"])}
