"""Fills an empty database with sends of years and their deliveries, all of which are over.

Skewed as a real site's: most sends go to one chat, some to 5,000; a few notices and people stand
for most of it; notices come and go; one Chat Server was there in the first year only, and another
has one delivery in two hundred; on some days a third fails. Nothing was ever cancelled. Rows are as
wide as those of texts of 170 bytes, and lie on their pages as the engine leaves them.
`packed` puts those that are over where workers move them (console.sends.history.resting).
"""

import random
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tools.scale.words import FIRST, LAST, OTHER_SCRIPTS, PEOPLE, RARE, TEXTS

YEARS = 3
SIZE_MOST = 5000
SIZE_SKEW = 0.8
NOTICES = 300
# Beyond the numbers of all notices and versions that are there.
NUMBERS_FROM = 1_000_000
# A client of the API sends three in ten.
CLIENT, CLIENT_SHARE = ("client:7", "Workflow"), 0.3
# The number of the first person.
PERSON = 1001
SERVERS = ("east", "west", "north", "south")
PAST_SERVER, RARE_SERVER = "past", "spare"
OUTAGE_DAYS = frozenset({100, 101, 400, 733, 900})
RARE_DELIVERIES = 40
# So many deliveries are written by one statement.
PIECE = 200_000
BEGIN = datetime(2023, 11, 30, tzinfo=UTC)


def fill(deliveries: int, *, seed: int = 17, packed: bool = False) -> None:
    """Write sends to so many deliveries. Nothing that watches the tables is asked: the rows are
    such as the console itself would have left."""
    from django.db import connection

    chance = random.Random(seed)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        versions = _notices(cursor)
        _sends(cursor, list(_planned(deliveries, versions, chance)))
        for first in range(0, deliveries, PIECE):
            _deliveries(cursor, first, first + PIECE, packed=packed)
        _add_rare_word(cursor)
        _outcomes(cursor)
        _let_workers_see(cursor, packed=packed)
        cursor.execute("DROP TABLE planned")
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE" if not connection.in_atomic_block else "ANALYZE")


def _copied(
    cursor: Any, table: str, changes: Mapping[str, str], source: str, order: str = ""
) -> None:
    """Insert rows: those of `source`, an alias `s` of the table among them, with changes."""
    names, values = _columns(cursor, table, changes)
    cursor.execute(f"INSERT INTO {table} ({names}) SELECT {values} FROM {source} {order}")


def _columns(cursor: Any, table: str, changes: Mapping[str, str]) -> tuple[str, str]:
    """Return a table's columns, and their values: those of the alias `s`, with changes."""
    cursor.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
        [table],
    )
    names = [name for (name,) in cursor.fetchall()]
    values = ", ".join(f"{changes.get(name, f's.{name}')} AS {name}" for name in names)
    return ", ".join(names), values


def _notices(cursor: Any) -> list[int]:
    """Make notices with one version each out of the first; return the versions' numbers."""
    _copied(
        cursor,
        "catalogue_cannednotice",
        {
            "id": f"{NUMBERS_FROM} + n",
            "key": "'years-' || n",
            "title": "'Notice number ' || n",
            "shortcut": "''",
        },
        f"(SELECT * FROM catalogue_cannednotice ORDER BY id LIMIT 1) s, "
        f"generate_series(1, {NOTICES}) n",
    )
    _copied(
        cursor,
        "catalogue_noticeversion",
        {"id": f"{NUMBERS_FROM} + n", "notice_id": f"{NUMBERS_FROM} + n"},
        f"(SELECT * FROM catalogue_noticeversion ORDER BY id LIMIT 1) s, "
        f"generate_series(1, {NOTICES}) n",
    )
    return [NUMBERS_FROM + number for number in range(1, NOTICES + 1)]


def _planned(
    deliveries: int, versions: list[int], chance: random.Random
) -> Iterator[tuple[Any, ...]]:
    """Yield sends in their order: time, version, person, size, first and last delivery."""
    left, number = deliveries, 0
    while left > 0:
        number += 1
        size = min(left, SIZE_MOST, int((1 - chance.random()) ** (-1 / SIZE_SKEW)))
        left -= size
        age = 1 - left / deliveries
        # Notices of the time come and go; the first ten stay. Those that come first are used most.
        rank = int(chance.random() ** 3 * 40)
        notice = rank if rank < 10 else int(age * (NOTICES - 60)) + rank
        if chance.random() < CLIENT_SHARE:
            ref, name = CLIENT
        else:
            person = int(chance.random() ** 2.5 * len(PEOPLE))
            ref, name = f"user:{PERSON + person}", PEOPLE[person]
        at = BEGIN + timedelta(days=365 * YEARS * age, seconds=chance.random())
        yield at, versions[notice], ref, name, size, deliveries - left - size, deliveries - left


def _sends(cursor: Any, planned: list[tuple[Any, ...]]) -> None:
    cursor.execute(
        "CREATE TEMP TABLE planned (n bigserial, at timestamptz, version_id bigint, ref text, "
        "name text, size int, first bigint, last bigint)"
    )
    with cursor.copy(
        "COPY planned (at, version_id, ref, name, size, first, last) FROM STDIN"
    ) as copy:
        for row in planned:
            copy.write_row(row)
    cursor.execute("ANALYZE planned")
    _copied(
        cursor,
        "sends_send",
        {
            "id": "nextval(pg_get_serial_sequence('sends_send', 'id'))",
            "actor_ref": "p.ref",
            "actor_name": "p.name",
            "version_id": "p.version_id",
            "target_count": "p.size",
            "ready_count": "p.size",
            "created_at": "p.at",
            "release_at": "p.at",
            "finished_at": "p.at + interval '1 minute'",
            "status": "'finished'",
            "idempotency_key": "''",
            "incident_id": "NULL",
            # Workers leave alone what is not whole yet.
            "is_searchable": "TRUE",
            "is_at_rest": "TRUE",
        },
        "(SELECT * FROM sends_send ORDER BY id LIMIT 1) s, planned p",
        "ORDER BY p.n",
    )


def _deliveries(cursor: Any, first: int, end: int, *, packed: bool) -> None:
    """Write the deliveries of the sends that are planned to begin here, in their order. Those that
    ended as unknown are never packed."""
    cursor.execute("SELECT setseed(%s)", [0.17 + first / 1e9])
    cursor.execute("SELECT max(id) - (SELECT max(n) FROM planned) FROM sends_send")
    (before,) = cursor.fetchone()
    day = f"extract(day from p.at - timestamptz '{BEGIN.isoformat()}')"
    outage = f"{day} IN ({', '.join(map(str, sorted(OUTAGE_DAYS)))})"
    names, values = _columns(
        cursor,
        "sends_delivery",
        {
            "id": "nextval(pg_get_serial_sequence('sends_delivery', 'id'))",
            "send_id": f"{before} + p.n",
            "interaction_id": "'00' || substr(md5(p.n || '/' || k), 1, 14)",
            "customer_name": "who.name",
            "locale": "'en'",
            "chat_locale": "'en'",
            "body": f"replace((ARRAY[{_texts()}])[1 + p.version_id % {len(TEXTS)}], '{{name}}', "
            "who.name)",
            "chat_server_name": f"CASE WHEN {day} < 365 AND luck.a < 0.2 THEN '{PAST_SERVER}' "
            f"WHEN luck.a > 0.995 THEN '{RARE_SERVER}' "
            f"ELSE ({_array(SERVERS)})[1 + (p.n % 10 >= 6)::int + (p.n % 10 >= 8)::int "
            "+ (luck.a > 0.9)::int * (p.n % 2)::int] END",
            "status": f"CASE WHEN {outage} AND luck.b < 0.3 THEN 'failed' "
            "WHEN luck.b < 0.93 THEN 'delivered' WHEN luck.b < 0.95 THEN 'failed' "
            "WHEN luck.b < 0.96 THEN 'unknown' ELSE 'skipped' END",
            "created_at": "p.at",
            "attempted_at": "p.at + interval '10 seconds'",
            "finished_at": "p.at + interval '11 seconds'",
            "claim": "NULL::uuid",
            "retry_of_id": "NULL::bigint",
        },
    )
    source = (
        "(SELECT * FROM sends_delivery ORDER BY id LIMIT 1) s, planned p "
        "CROSS JOIN LATERAL generate_series(1, p.size) k "
        "CROSS JOIN LATERAL (SELECT random() + 0 * k AS a, random() AS b, random() AS c, "
        "random() AS d) luck "
        f"CROSS JOIN LATERAL (SELECT CASE WHEN luck.c < 0.05 THEN "
        f"({_array(OTHER_SCRIPTS)})[1 + floor(luck.d * {len(OTHER_SCRIPTS)})::int] ELSE "
        f"({_array(FIRST)})[1 + floor(luck.d * {len(FIRST)})::int] || ' ' || "
        f"({_array(LAST)})[1 + floor(luck.c * luck.c * {len(LAST)})::int] END AS name) who "
        f"WHERE p.first >= {first} AND p.first < {end} ORDER BY p.n, k"
    )
    table = "sends_delivery_at_rest" if packed else "sends_delivery"
    cursor.execute(
        f"WITH made AS MATERIALIZED (SELECT {values} FROM {source}), unknown AS ("
        f"INSERT INTO sends_delivery ({names}) SELECT {names} FROM made WHERE status = 'unknown') "
        f"INSERT INTO {table} ({names}) SELECT {names} FROM made WHERE status <> 'unknown'"
    )


def _add_rare_word(cursor: Any) -> None:
    cursor.execute(
        "UPDATE sends_delivery SET body = body || ' ' || %s WHERE id IN (SELECT id "
        "FROM generate_series((SELECT min(id) FROM sends_delivery), "
        "(SELECT max(id) FROM sends_delivery), "
        "greatest((SELECT count(*) FROM sends_delivery) / %s, 1)) id)",
        [RARE, RARE_DELIVERIES],
    )


def _let_workers_see(cursor: Any, *, packed: bool) -> None:
    cursor.execute(
        "UPDATE sends_send SET is_searchable = FALSE, is_at_rest = %s WHERE id > "
        "(SELECT max(id) FROM sends_send) - (SELECT max(n) FROM planned)",
        [packed],
    )


def _outcomes(cursor: Any) -> None:
    cursor.execute("TRUNCATE sends_sendoutcome")
    cursor.execute(
        "INSERT INTO sends_sendoutcome (send_id, status, number) "
        "SELECT send_id, status, count(*) FROM sends_delivery GROUP BY send_id, status"
    )


def _array(words: Iterable[str]) -> str:
    return f"ARRAY[{', '.join(map(_quoted, words))}]"


def _texts() -> str:
    return ", ".join(map(_quoted, TEXTS))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def searchable() -> Iterator[int]:
    """Write what the search reads, and yield after each step how many sends that are."""
    from console.sends.history.filling import history_fill

    done = 0
    while number := history_fill():
        done += number
        yield done
