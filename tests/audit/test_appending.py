"""Entries are chained by PostgreSQL, with the commit of what they record."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from console.accounts.models import Team
from console.actors import Actor, system_actor
from console.audit.chain import canonical, canonical_data, canonical_parts
from console.audit.models import AuditEntry
from console.audit.services import Record, entries_write, record, record_many
from console.database.committing import add_to_commit
from tests.audit.test_ledger import verified
from tests.database.test_sessions import apart
from tests.support.demos import until

ROOT = system_actor("tests")
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
real = pytest.mark.django_db(transaction=True)


def counted(number: int) -> Record:
    return Record("counted", ("thing", number, "T"), {"n": number})


@given(
    texts=st.tuples(*[TEXTS] * 6),
    seq=st.integers(1, 2**62),
    data=st.dictionaries(TEXTS, TEXTS | st.integers(-(2**53), 2**53) | st.none(), max_size=4),
)
def test_the_parts_make_the_canonical_form(
    texts: tuple[str, ...], seq: int, data: dict[str, Any]
) -> None:
    action, name, ref, kind, target_name, target_ref = texts
    at, previous = "2026-11-22T15:50:00.000000Z", "5a" * 32
    head, tail = canonical_parts(
        action=action,
        actor_name=name,
        actor_ref=ref,
        at=at,
        target=(kind, target_name, target_ref),
    )
    entry = {
        "seq": seq,
        "at": at,
        "actor_ref": ref,
        "actor_name": name,
        "action": action,
        "target_kind": kind,
        "target_ref": target_ref,
        "target_name": target_name,
        "data": data,
        "prev_hash": previous,
    }
    middle = f',"prev_hash":"{previous}","seq":{seq}'
    made = head.encode() + canonical_data(data) + middle.encode() + tail.encode()
    assert made == canonical(entry)


@real
@pytest.mark.parametrize("number", [1, 500, 501, 1203])
def test_many_are_one_chain(number: int) -> None:
    with transaction.atomic():
        record_many(ROOT, map(counted, range(number)))
        record(ROOT, "last", target=("thing", "x", "Quote's \"\\ \n %s {} \u2028 ü"))
    entries = verified()
    assert [entry.data.get("n") for entry in entries] == [*range(number), None]


def holds_a_lock(pid: int) -> bool:
    """Whether this session has any advisory lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE pid = %s AND locktype = 'advisory'", [pid]
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def frozen_before_its_commit() -> Iterator[int]:
    """A session that has recorded something, and stands still in its transaction."""
    recorded, go_on = threading.Event(), threading.Event()
    pids: list[int] = []

    def freeze() -> None:
        with transaction.atomic():
            Team.objects.create(name="of the frozen one")
            record(ROOT, "frozen", target=("thing", 1, "T"))
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pids.append(cursor.fetchone()[0])
            recorded.set()
            go_on.wait(60)

    frozen = threading.Thread(target=lambda: apart(freeze))
    frozen.start()
    try:
        assert recorded.wait(30)
        yield pids[0]
    finally:
        go_on.set()
        frozen.join(30)


@real
def test_who_stands_still_in_a_transaction_holds_nobody_up() -> None:
    with frozen_before_its_commit() as pid:
        assert not holds_a_lock(pid)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            record(ROOT, "lively", target=("thing", 2, "T"))
        assert [entry.action for entry in verified()] == ["lively"]
    assert [entry.action for entry in verified()] == ["lively", "frozen"]


@real
def test_nothing_is_recorded_of_what_is_rolled_back() -> None:
    def failing(action: str) -> None:
        with transaction.atomic():
            record(ROOT, action, target=("thing", 1, "T"))
            raise KeyError(action)

    with transaction.atomic():
        record(ROOT, "first", target=("thing", 1, "T"))
        with pytest.raises(KeyError):
            failing("in a savepoint")
        with transaction.atomic():
            record(ROOT, "second", target=("thing", 1, "T"))
    with pytest.raises(KeyError):
        failing("as a whole")
    with transaction.atomic():
        record(ROOT, "third", target=("thing", 1, "T"))
    assert [entry.action for entry in verified()] == ["first", "second", "third"]


@real
def test_what_is_recorded_when_the_connection_is_lost_is_forgotten() -> None:
    def lose() -> None:
        with transaction.atomic():
            record(ROOT, "lost", target=("thing", 1, "T"))
            connection.close()

    def lose_and_go_on() -> None:
        lose()
        with transaction.atomic():
            record(ROOT, "after", target=("thing", 1, "T"))

    apart(lose_and_go_on)
    assert [entry.action for entry in verified()] == ["after"]


@real
def test_what_cannot_be_recorded_does_not_happen() -> None:
    def unrecordable() -> None:
        with transaction.atomic():
            Team.objects.create(name="nobody")
            record(Actor("tests", "x" * 500), "long", target=("thing", 1, "T"))

    with pytest.raises(DatabaseError):
        unrecordable()
    assert not Team.objects.filter(name="nobody").exists()
    assert verified() == []
    with transaction.atomic():
        record(ROOT, "next", target=("thing", 1, "T"))
    assert len(verified()) == 1


@real
def test_a_transaction_sees_its_entries_once_they_are_written() -> None:
    with transaction.atomic():
        record(ROOT, "one", target=("thing", 1, "T"))
        assert not AuditEntry.objects.exists()
        entries_write()
        assert AuditEntry.objects.get().action == "one"
        record(ROOT, "two", target=("thing", 1, "T"))
    assert [entry.action for entry in verified()] == ["one", "two"]


@real
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_no_entry_follows_one_that_is_not_the_newest(level: str) -> None:
    """A transaction that sees an old state would chain to an old entry."""

    def isolated() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
            record(ROOT, "isolated", target=("thing", 1, "T"))

    with pytest.raises(DatabaseError, match="sees the newest one"):
        isolated()


def test_outside_of_a_transaction_there_is_no_commit_to_add_to(db: None) -> None:
    def add() -> None:
        add_to_commit("SELECT 1", [])

    with pytest.raises(RuntimeError):
        apart(add)


@real
def test_an_entry_waits_in_one_message_with_its_commit() -> None:
    """Nothing of the client's is between the chain's lock and the commit."""

    def append() -> None:
        with transaction.atomic():
            record(ROOT, "one", target=("thing", 1, "T"))

    def waiting() -> list[tuple[str]]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT query FROM pg_stat_activity WHERE datname = current_database() "
                "AND wait_event_type = 'Lock' AND wait_event = 'advisory' "
                "AND query LIKE '%audit_append%'"  # what it does is told after what it waits for
            )
            return list(cursor.fetchall())

    with transaction.atomic():
        record(ROOT, "first", target=("thing", 1, "T"))  # with the certificate of the key
    with transaction.atomic():
        record(ROOT, "zero", target=("thing", 1, "T"))
        entries_write()
        appending = threading.Thread(target=lambda: apart(append))
        appending.start()
        # In another transaction, since one sees the state of its beginning.
        ((query,),) = until(lambda: apart(waiting))
    appending.join(30)
    assert "audit_append" in query
    assert query.endswith("; COMMIT")
    assert [entry.action for entry in verified()] == ["first", "zero", "one"]
