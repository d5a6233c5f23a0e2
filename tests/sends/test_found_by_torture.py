"""What `make torture` found once, and must not come back."""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, DataError, connection, transaction
from psycopg import sql

from console.audit import services as audit
from console.audit.actions import Action
from console.interactions.models import ChatServer
from console.interactions.services import (
    Lease,
    chat_server_lease_release,
    chat_server_update,
)
from console.sends.engine import queue, record
from console.sends.engine.dispatcher import Dispatch, drain_chat_server
from console.sends.engine.record import deliveries_recover, drain_step, sends_finish
from console.sends.engine.worker import run_worker
from console.sends.models import Claim, Delivery
from console.sends.plan.sending import _copy, send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT
from tests.support.working import assert_ledger_agrees, lease_take

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE_SECONDS = 60


def somebody_waits_for_us() -> bool:
    """Whether another connection waits for a lock of this one. Not by pg_stat_activity, which
    stays the same within a transaction and never knows who came in after its start."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks "
            "WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def test_what_somebody_holds_in_the_moment_of_recovery_is_recovered_too(
    chat_server, supervisor, make_notice, make_interaction
):
    """Cancelling locks also what has just been claimed. A recovery passed over it and forgot its
    claim, and so it was on its way for ever."""
    ids = [make_interaction(f"t{index}").pk for index in range(2)]
    send = send_create(
        supervisor.to_actor(), SendOrder(notice_key=make_notice().notice.key, interactions=ids)
    )
    lease = lease_take(chat_server.name, uuid4())
    assert isinstance(lease, Lease)
    held, _free = drain_step(lease, claim=uuid4(), room=2).claimed
    counts = []

    def recover() -> None:
        counts.append(deliveries_recover(lease))
        connection.close()

    recovery = threading.Thread(target=recover)
    with transaction.atomic():
        Delivery.objects.select_for_update().get(pk=held.id)
        recovery.start()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while recovery.is_alive() and not somebody_waits_for_us():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    recovery.join(DEADLINE_SECONDS)
    assert counts == [2]
    assert set(send.deliveries.values_list("status", flat=True)) == {"unknown"}
    assert not Claim.objects.exists()
    assert_ledger_agrees()


@contextmanager
def database_away() -> Iterator[None]:
    """Ends every connection to the tests' database and lets nobody in."""
    parameters = connection.get_connection_params()
    name = parameters.pop("dbname")
    kept = {key: parameters[key] for key in {"host", "port", "user", "password"} & {*parameters}}
    connection.close()
    with psycopg.connect(**kept, dbname="postgres", autocommit=True) as other:
        let_in = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
        other.execute(let_in.format(sql.Identifier(name), sql.Literal(False)))
        try:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            other.execute(let_in.format(sql.Identifier(name), sql.Literal(True)))


class WorkerThread(threading.Thread):
    """A worker that can be asked to end."""

    def run(self) -> None:
        asyncio.run(self._work())

    async def _work(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        await run_worker(stop=self.stop)

    def ask_to_end(self) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def job_queue_runs() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM procrastinate_workers)")
        return bool(cursor.fetchone()[0])


def test_a_worker_ends_when_asked_though_its_job_queue_is_failing(caplog):
    """Without a database procrastinate can't sign off, and its error hides the cancellation."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
    worker = WorkerThread(daemon=True)
    worker.start()
    until(job_queue_runs)
    with database_away():
        until(lambda: "error connecting in 'pool" in caplog.text)
        worker.ask_to_end()
        worker.join(DEADLINE_SECONDS * 2)
    assert not worker.is_alive()


def test_what_fails_in_copy_is_an_error_of_djangos():
    """A database that went away then was an unknown error: the drain gave up with its outcomes
    unrecorded, and the API answered 500."""
    # Entries are written with the commit.
    with pytest.raises(DataError), transaction.atomic():
        audit.record(ROOT, Action.USER_CHANGED, target=("thing", "x" * 1000, "a thing"))
    with transaction.atomic(), pytest.raises(DataError):
        _copy("COPY sends_outbox (delivery_id) FROM STDIN", iter([("no number",)]))


def test_what_fails_in_procrastinate_is_an_error_of_djangos_too():
    with transaction.atomic():
        with connection.cursor() as cursor, pytest.raises(DatabaseError):
            cursor.execute("SELECT 1 / 0")
        with pytest.raises(DatabaseError, match="transaction is aborted"):
            queue.enqueue_drains(["chat-east"])
        transaction.set_rollback(True)


def lose_connection() -> None:
    """As by a database that restarts; Django drops a connection on which a rollback fails."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def is_held(server_id: int) -> bool:
    """Whether a drain has the Chat Server's lease."""
    return ChatServer.objects.get(pk=server_id).drain_holder is not None


def test_a_drain_never_goes_on_without_its_lease(
    simulator, supervisor, make_notice, make_interaction, monkeypatch
):
    """A connection that was lost where that is of no concern was replaced without a word, and two
    drains worked for one Chat Server: each took for lost what the other had on the wire."""
    server = ChatServer.objects.get()
    chat_server_update(ROOT, server, window=1)
    key = make_notice().notice.key
    for index in range(6):
        chat = make_interaction(f"t{index}").pk
        send_create(supervisor.to_actor(), SendOrder(notice_key=key, interactions=[chat]))
    seen = []

    def finish(send_ids: Collection[int] | None = None) -> list[int]:
        if send_ids:
            seen.append(is_held(server.pk))
            if len(seen) == 2:
                lose_connection()
        return sends_finish(send_ids)

    monkeypatch.setattr(record, "sends_finish", finish)

    async def drain() -> None:
        async with Dispatch() as dispatch, asyncio.timeout(DEADLINE_SECONDS):
            await drain_chat_server(server.name, dispatch)

    asyncio.run(drain())
    assert len(seen) >= 5
    assert all(seen)
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert len(simulator.journalled()) == 6


def test_a_lease_taken_again_is_free_when_it_is_given_back(chat_server):
    """After a failure that left the connection as it was, the lock of before was taken a second
    time, given back once, and so kept for ever by a worker that did nothing with it."""
    worker = uuid4()
    first = lease_take(chat_server.name, worker)
    second = lease_take(chat_server.name, worker)
    assert isinstance(first, Lease)
    assert isinstance(second, Lease)
    chat_server_lease_release(first)
    assert is_held(chat_server.pk)
    chat_server_lease_release(second)
    assert not is_held(chat_server.pk)
