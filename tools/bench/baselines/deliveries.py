"""What a job or a task does for its one delivery; the queue around it is the only difference.

It is spared much that the engine does: there is no claim that is committed before a byte is
written, no pace, no last check, and its table has no index but the key. Nor are its audit records
chained: extending a chain takes turns, and with a transaction a delivery all would wait for that.
"""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from console.audit.chain import text_digest
from console.esp.messages import KVList
from console.esp.outcomes import Outcome
from console.esp.requests import EspRequest, build_message
from tools.bench.world import RENDERED, SERVER, user_data

TABLE = """
CREATE TABLE IF NOT EXISTS bench_delivery (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    interaction_id text NOT NULL,
    chat_server_name text NOT NULL,
    body text NOT NULL,
    body_salt text NOT NULL,
    user_data jsonb NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    reference_id integer,
    finished_at timestamptz
)
"""
AUDIT_TABLE = """
CREATE TABLE IF NOT EXISTS bench_audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor_ref text NOT NULL,
    action text NOT NULL,
    target_kind text NOT NULL,
    target_ref text NOT NULL,
    target_name text NOT NULL,
    data jsonb NOT NULL
)
"""
INSERT = """
INSERT INTO bench_delivery (interaction_id, chat_server_name, body, body_salt, user_data)
VALUES (%s, %s, %s, %s, %s)
RETURNING id
"""
READ = """
SELECT chat_server_name, body, user_data::text FROM bench_delivery
WHERE id = %s AND status = 'pending'
"""
RECORD = """
UPDATE bench_delivery
SET status = 'delivered', reference_id = %s, finished_at = clock_timestamp()
WHERE id = %s AND status = 'pending'
RETURNING interaction_id, chat_server_name, body, body_salt
"""


AUDIT = """
INSERT INTO bench_audit (actor_ref, action, target_kind, target_ref, target_name, data)
VALUES ('system:baseline', 'delivery.delivered', 'delivery', %s, %s, %s)
"""


def make(ids: Sequence[str]) -> list[int]:
    """Pending deliveries to these chats; answers their keys."""
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.execute(AUDIT_TABLE)
        for interaction_id in ids:
            data: Any = Jsonb(user_data(SERVER, interaction_id))
            cursor.execute(INSERT, [interaction_id, SERVER, RENDERED, secrets.token_hex(16), data])
            made.append(cursor.fetchone()[0])
    return made


def read(key: int) -> EspRequest:
    """The request of one delivery."""
    with connection.cursor() as cursor:
        cursor.execute(READ, [key])
        app_name, text, data = cursor.fetchone()
    return build_message(app_name=app_name, text=text, user_data=KVList.of(json.loads(data)))


def record(key: int, outcome: Outcome) -> None:
    """Its outcome, with an audit record, in one transaction."""
    if outcome.kind != "accepted":
        raise RuntimeError(f"delivery {key} got {outcome}")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RECORD, [outcome.reference_id, key])
        interaction_id, server, body, salt = cursor.fetchone()
        data = {
            "interaction": interaction_id,
            "chat_server": server,
            "reference_id": outcome.reference_id,
            "text_sha256": text_digest(body, salt),
        }
        told: Any = Jsonb(data)
        cursor.execute(AUDIT, [str(key), f"baseline to {interaction_id}", told])


def pending(keys: Sequence[int]) -> int:
    """How many of these have no outcome yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM bench_delivery WHERE id = ANY(%s) AND status = 'pending'",
            [list(keys)],
        )
        return int(cursor.fetchone()[0])


def last_finished_at(keys: Sequence[int]) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(finished_at) FROM bench_delivery WHERE id = ANY(%s)", [list(keys)]
        )
        newest: datetime = cursor.fetchone()[0]
    return newest
