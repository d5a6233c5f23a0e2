"""A drain's statements find their rows by index, also when they were prepared on empty tables; and
what is over is not read to find what is not."""

import itertools
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from console.database.connections import array
from console.sends.engine.claim import CLAIM, MARK_SENDING, SHARED, plan_by_index
from console.sends.engine.claim_budget import LOCK
from console.sends.engine.outcomes import END
from console.sends.engine.priority import Line, Turns
from console.sends.engine.record import OVER, PERHAPS_OVER
from console.sends.plan.contact_budget import CONTACTS, TAKEN, contact_values
from console.sends.selectors import sends_awaiting_approval, sends_running

pytestmark = pytest.mark.django_db

NOW = timezone.now()
STATEMENTS = {
    "claim": (
        CLAIM,
        {
            "server": "chat-east",
            "now": NOW,
            "on_the_wire": "{}",
            "room": 512,
            **Line(Turns({1: 1.5}, {"routine": 3}), 512).values(),
            "time_to_live": timedelta(seconds=120),
        },
    ),
    "what a send shares": (SHARED, {"ids": array([1, 2])}),
    "what a chat has had": (
        CONTACTS,
        contact_values(
            [f"c{number}" for number in range(32)], at=NOW, now=NOW, minutes=15, statuses=TAKEN
        ),
    ),
    "a chat's lock": (LOCK, {"ids": ["c1", "c2"], "now": NOW}),
    "mark": (MARK_SENDING, {"claim": uuid4(), "server": "e", "ids": array(range(9)), "now": NOW}),
    "end": (
        END,
        {
            "now": NOW,
            "from_status": "sending",
            "claim": uuid4(),
            "status": "delivered",
            "reason": "",
            "detail": "",
            "fault_code": "",
            "fault_text": "",
            "answers": "[null]",
            "which": array([0] * 9),
            "ids": array(range(9)),
            "reference_ids": array(range(9)),
            "settled": "{}",
        },
    ),
}
LARGE = {"sends_delivery", "sends_outbox", "interactions_interaction"}
# Joined to what is due, and locked, so that it can't be hidden from the planner; which way it takes
# depends on what it knows of the table in that moment.
LEFT_TO_POSTGRESQL = {"claim": {"sends_delivery"}}


def read_whole(statement: str, values: dict[str, object]) -> set[str]:
    """The large tables that a plan goes through from the beginning to the end."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", values)  # type: ignore[arg-type]
        lines = [line for (line,) in cursor.fetchall()]
    found = set()
    for number, line in enumerate(lines):
        scan = re.search(r"Scan (?:using \w+ )?on (\w+)", line)
        if scan and scan[1] in LARGE:
            rest = itertools.takewhile(lambda text: "->" not in text, lines[number + 1 :])
            if not any(word in text for text in rest for word in ("Index Cond", "Recheck Cond")):
                found.add(scan[1])
    return found


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_table_is_read_whole(name: str) -> None:
    statement, values = STATEMENTS[name]
    plan_by_index()
    try:
        assert read_whole(statement, values) <= LEFT_TO_POSTGRESQL.get(name, set())
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET enable_seqscan; RESET enable_hashjoin; RESET enable_mergejoin")


def test_a_step_does_not_look_through_the_outbox_for_what_is_over() -> None:
    """It has a row for each delivery that has ended, until PostgreSQL clears it away."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {PERHAPS_OVER}", {"ids": array([1, 2])})
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "sends_outbox" not in plan
    assert "sends_sendoutcome" in plan


OLD = """
INSERT INTO sends_send (actor_ref, actor_name, version_id, visibility, nickname, target, fields,
    why, status, created_at, time_zone, release_at, finished_at, target_count, ready_count,
    idempotency_key, request_digest, approved_by_ref, approved_by_name, ended_by_name, end_note)
SELECT actor_ref, actor_name, version_id, visibility, '', target, fields, '', 'finished', now(), '',
    now(), now(), 1, 1, '', '', '', '', '', '' FROM sends_send, generate_series(1, 5000);
ANALYZE sends_send
"""


def test_what_is_not_over_is_found_without_what_is(chat_server, send, supervisor, approver):
    awaiting = sends_awaiting_approval(approver.to_actor()).order_by().values("pk")
    running = sends_running(supervisor.to_actor()).order_by().values("pk")
    with connection.cursor() as cursor:
        cursor.execute(OLD)
        cursor.execute(f"EXPLAIN {OVER}", {"ids": array([send.pk])})
        over = "\n".join(line for (line,) in cursor.fetchall())
    for plan in (over, awaiting.explain(), running.explain()):
        assert "send_live" in plan
