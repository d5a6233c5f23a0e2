"""The limits that the console sets on its sessions, by sessions of its own kinds of processes."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any, TypeVar

import psycopg
import pytest
from django.db import DatabaseError, InternalError, OperationalError, connection, transaction
from psycopg.pq import TransactionStatus

from console.database import sessions
from console.database.sessions import (
    COMMAND,
    DRAIN,
    JOB,
    WEB,
    BoundedAsyncConnection,
    BoundedConnection,
    Limits,
    client_parameters,
    server_keepalives,
    session_settings,
    use_limits_in_thread,
)
from console.sends.engine.worker import worker_app
from tests.support.black_hole import Way, way_to_postgresql

pytestmark = pytest.mark.django_db(transaction=True)

R = TypeVar("R")
# What a site may have said for its database or for its role.
ODD = {
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "1234",
    "lock_timeout": "1234",
    "idle_in_transaction_session_timeout": "1234",
    "idle_session_timeout": "1234",
    "jit": "on",
}


def apart(function: Callable[[], R], limits: Limits | None = None) -> R:
    """Call a function in a thread with a new session, and return what it returns."""
    answers: list[R] = []
    errors: list[BaseException] = []

    def run() -> None:
        use_limits_in_thread(limits)
        try:
            answers.append(function())
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    if errors:
        raise errors[0]
    return answers[0]


def shown(*names: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
        return dict(zip(names, cursor.fetchone(), strict=True))


@pytest.fixture(params=["DATABASE", "ROLE"])
def odd_defaults(request: pytest.FixtureRequest) -> Iterator[None]:
    """What is new on this database, or of this role, has other settings than PostgreSQL's."""
    known = connection.settings_dict
    whose = f'{request.param} "{known["NAME" if request.param == "DATABASE" else "USER"]}"'
    with connection.cursor() as cursor:
        for name, value in ODD.items():
            cursor.execute(f"ALTER {whose} SET {name} = '{value}'")
    yield
    with connection.cursor() as cursor:
        for name in ODD:
            cursor.execute(f"ALTER {whose} RESET {name}")


@pytest.mark.parametrize("limits", [WEB, DRAIN, JOB, COMMAND])
def test_a_session_says_itself_what_it_is(odd_defaults: None, limits: Limits) -> None:
    wanted = session_settings(limits)
    with connection.cursor() as cursor:  # as PostgreSQL writes them
        cursor.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(ODD)])
        before = dict(cursor.fetchall())
    assert set(before) <= set(wanted)
    found = apart(lambda: shown(*ODD), limits)
    assert found["default_transaction_isolation"] == "read committed"
    assert found["idle_session_timeout"] == "0"
    assert found["jit"] == "off"
    assert "1234" not in "".join(found.values())
    assert found["idle_in_transaction_session_timeout"] == _words(limits.idle_in_transaction)
    assert found["statement_timeout"] == _words(limits.statement)
    assert found["lock_timeout"] == _words(limits.lock)


def _words(seconds: float) -> str:
    """A time as PostgreSQL shows it."""
    if not seconds:
        return "0"
    if seconds % 60 == 0:
        return f"{seconds / 60:.0f}min"
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds * 1000:.0f}ms"


def test_so_does_each_session_of_the_job_queue(odd_defaults: None) -> None:
    async def ask() -> list[dict[str, str]]:
        app = worker_app()
        names = ", ".join(f"current_setting('{name}') AS {name}" for name in ODD)
        async with app.open_async():
            pooled = await app.connector.execute_query_one_async(f"SELECT {names}")
            async with app.connector._get_standalone_connection() as listening:  # type: ignore[attr-defined]
                cursor = await listening.execute(f"SELECT {names}")
                alone = dict(zip(ODD, await cursor.fetchone(), strict=True))
        return [pooled, alone]

    for found in asyncio.run(ask()):
        assert found["default_transaction_isolation"] == "read committed"
        assert "1234" not in "".join(found.values())


def test_two_writers_of_one_row_do_not_refuse_each_other(odd_defaults: None) -> None:
    """As under the isolation that the console is made for: the second sees what the first wrote."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE counted (n int)")
        cursor.execute("INSERT INTO counted VALUES (0)")
    both = threading.Barrier(2)

    def add() -> None:
        for _turn in range(20):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT n FROM counted")
                if not both.broken:
                    both.wait(30)
                cursor.execute("UPDATE counted SET n = n + 1")

    try:
        other = threading.Thread(target=lambda: apart(add))
        other.start()
        try:
            apart(add)
        except BaseException:
            both.abort()
            raise
        other.join(60)
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM counted")
            assert cursor.fetchone() == (40,)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE counted")


def test_an_idle_transaction_is_ended_and_its_locks_are_free() -> None:
    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(4711)")
            held.set()
            free.wait(30)
            cursor.execute("SELECT 1")

    held, free = threading.Event(), threading.Event()
    limits = Limits(statement=0, lock=0, idle_in_transaction=0.2)
    failed: list[BaseException] = []

    def holding() -> None:
        try:
            apart(hold, limits)
        except BaseException as error:
            failed.append(error)

    holder = threading.Thread(target=holding)
    holder.start()
    assert held.wait(30)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20s'")
        cursor.execute("SELECT pg_advisory_xact_lock(4711)")
    free.set()
    holder.join(30)
    assert isinstance(failed[0], (InternalError, OperationalError))


# --- Lost connections ----------------------------------------------------------------------------


def end_session(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def _pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_lost_connection_fails_once_and_is_replaced() -> None:

    def lose() -> tuple[int, int]:
        before = _pid()
        apart(lambda: end_session(before))
        with pytest.raises(DatabaseError):
            _pid()
        return before, _pid()

    before, after = apart(lose)
    assert before != after


def test_a_transaction_never_goes_on_in_another_session() -> None:
    def lose() -> None:
        with transaction.atomic():
            before = _pid()
            apart(lambda: end_session(before))
            with pytest.raises(DatabaseError):
                _pid()
            with pytest.raises(DatabaseError):  # and not in a new one
                _pid()
            raise KeyError

    with pytest.raises(KeyError):
        apart(lose)


# --- Keep-alives and answers that do not come ----------------------------------------------------


@pytest.mark.parametrize("seconds", [1, 3, 10, 60])
def test_a_vanished_machine_is_given_up_in_time(settings: Any, seconds: int) -> None:
    values = {name: int(value) for name, value in server_keepalives(seconds).items()}
    probing = values["tcp_keepalives_interval"] * values["tcp_keepalives_count"]
    assert values["tcp_keepalives_idle"] + probing <= max(seconds, 4)
    assert values["tcp_user_timeout"] == seconds * 1000
    settings.DATABASE_KEEPALIVE_SECONDS = seconds
    params = client_parameters({})
    probing = params["keepalives_interval"] * params["keepalives_count"]
    assert params["keepalives_idle"] + probing <= max(seconds, 4)
    assert params["tcp_user_timeout"] == seconds * 1000


def test_what_the_address_says_is_kept(settings: Any) -> None:
    given = {"keepalives_idle": 77, "connect_timeout": 99}
    assert {**client_parameters(given), **given} == client_parameters(given)
    settings.DATABASE_KEEPALIVE_SECONDS = 0
    assert set(client_parameters({})) == {"connect_timeout"}
    assert server_keepalives(0) == {}


def test_postgresql_takes_the_settings() -> None:
    """Over TCP it would show them; here it takes them, and shows that there is nothing to probe."""
    assert apart(lambda: shown(*server_keepalives(10)))


def _address() -> dict[str, Any]:
    return {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in ("dbname", "user", "host")
    }


def test_an_answer_that_does_not_come_ends_the_connection() -> None:
    with BoundedConnection.connect(**_address(), autocommit=True) as silent:
        silent.answer_seconds = 0.3
        with pytest.raises(sessions.NoAnswer):
            silent.execute("SELECT pg_sleep(1)")
        assert silent.closed
        with pytest.raises(psycopg.OperationalError):
            silent.execute("SELECT 1")


def test_nor_does_the_event_loop_wait_for_it() -> None:
    async def ask() -> None:
        async with await BoundedAsyncConnection.connect(**_address(), autocommit=True) as silent:
            await silent.execute("LISTEN nothing")
            silent.answer_seconds = 0.3
            # Listening has no bound.
            assert [each async for each in silent.notifies(timeout=0.6)] == []
            with pytest.raises(sessions.NoAnswer):
                await silent.execute("SELECT pg_sleep(1)")
            assert silent.closed

    asyncio.run(ask())


def test_a_cancelled_query_does_not_cost_the_connection() -> None:
    async def ask() -> None:
        async with await BoundedAsyncConnection.connect(**_address(), autocommit=True) as kept:
            kept.answer_seconds = 1000.0
            asking = asyncio.create_task(kept.execute("SELECT pg_sleep(1000)"))
            while kept.pgconn.transaction_status != TransactionStatus.ACTIVE:
                await asyncio.sleep(0.001)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await kept.execute("SELECT 1")

    asyncio.run(ask())


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions._Patience, "silent_since", 0.0)
    monkeypatch.setattr(sessions._Patience, "told_at", 0.0)
    monkeypatch.setattr(sessions, "SUSPECT_SECONDS", 0.2)


@contextmanager
def opened(way: Way, answer_seconds: float) -> Iterator[BoundedConnection]:
    with closing(BoundedConnection.connect(way.url, autocommit=True)) as found:
        found.answer_seconds = answer_seconds
        yield found


def test_one_silent_connection_makes_the_others_suspect(patience: None) -> None:
    """They are not waited for in turn, each for its whole time."""
    with way_to_postgresql() as way, opened(way, 0.2) as first, opened(way, 1000.0) as other:
        way.fall_silent()
        with pytest.raises(sessions.NoAnswer):
            first.execute("SELECT 1")
        other.rollback()  # of nothing: it asks nobody, so it proves nothing
        with pytest.raises(sessions.NoAnswer):
            other.execute("SELECT 1")


def test_also_those_that_wait_already(patience: None) -> None:
    with way_to_postgresql() as way, opened(way, 0.2) as first, opened(way, 1000.0) as other:
        way.fall_silent()
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(other.execute, "SELECT 1")
            with pytest.raises(sessions.NoAnswer):
                first.execute("SELECT 1")
            with pytest.raises(sessions.NoAnswer):
                waiting.result(30)


def test_a_suspect_that_answers_has_its_usual_time_again(
    patience: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "SUSPECT_SECONDS", 2.0)  # in which a busy machine answers
    with (
        way_to_postgresql() as silent,
        way_to_postgresql() as way,
        opened(silent, 0.2) as first,
        opened(way, 1000.0) as other,
    ):
        silent.fall_silent()
        with pytest.raises(sessions.NoAnswer):
            first.execute("SELECT 1")
        other.execute("SELECT 1")
        other.execute("SELECT pg_sleep(2.5)")


def test_a_suspect_of_the_event_loop_is_not_waited_for(patience: None) -> None:
    async def wait(way: Way) -> None:
        first, other = [
            await BoundedAsyncConnection.connect(way.url, autocommit=True) for _ in range(2)
        ]
        first.answer_seconds, other.answer_seconds = 0.2, 1000.0
        way.fall_silent()
        for each in (first, other):
            with pytest.raises(sessions.NoAnswer):
                await each.execute("SELECT 1")

    with way_to_postgresql() as way:
        asyncio.run(wait(way))
