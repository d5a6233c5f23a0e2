"""The sessions of the console: what PostgreSQL may do with them, and how long anybody waits.

A site's database or role may have other defaults than PostgreSQL's, and a process, a machine or a
network may stop without a word. So each session says for itself how it is isolated and after which
time PostgreSQL ends it, its statements, and its waiting for locks. The settings are SET after
connecting, since poolers refuse them among the parameters of a connection.

The client does not trust TCP either: PostgreSQL ends each statement after a while, so an answer
that has not come a little later will never come.
"""

import threading
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import errors
from psycopg.sql import SQL, Composed, Literal

R = TypeVar("R")

# How long a client waits beyond the statement's own limit.
ANSWER_MARGIN_SECONDS = 2.0
CONNECT_SECONDS = 5
PROBES = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a kind of session in seconds. 0: none."""

    statement: float
    lock: float
    idle_in_transaction: float

    @property
    def answer_seconds(self) -> float | None:
        """How long a client waits for an answer. None: as long as the connection lives."""
        return self.statement + ANSWER_MARGIN_SECONDS if self.statement else None


# Pages and the API. Whoever can't get a lock learns it before five seconds are over.
WEB = Limits(statement=30.0, lock=4.0, idle_in_transaction=5.0)
# A worker's drains and its heartbeat: short statements of one thread, and nothing between them that
# waits. A worker that stands still must not stop others.
DRAIN = Limits(statement=8.0, lock=5.0, idle_in_transaction=1.5)
# A worker's other jobs, such as the sweep over a long history. Each has a session of its own.
JOB = Limits(statement=120.0, lock=10.0, idle_in_transaction=5.0)
# Commands, which a person watches: a restore, an export or a verification takes what it takes.
COMMAND = Limits(statement=0.0, lock=0.0, idle_in_transaction=60.0)
# The queue of a worker's jobs, and who listens: if they wait, everything waits.
QUEUE = Limits(statement=8.0, lock=5.0, idle_in_transaction=5.0)


class _Chosen(threading.local):
    limits: Limits | None = None


_process = [COMMAND]
_thread = _Chosen()


def use_limits(limits: Limits) -> None:
    """Give these limits to all sessions that this process opens from now on."""
    _process[:] = [limits]


def use_limits_in_thread(limits: Limits | None) -> None:
    """Give these limits to the sessions that this thread opens from now on. None: its process's."""
    _thread.limits = limits


@contextmanager
def patient() -> Iterator[None]:
    """Let statements of this thread's session take as long as those of jobs."""
    connection.ensure_connection()
    set_limits(connection.connection, JOB)
    try:
        yield
    finally:
        connection.close()


def set_limits(
    driver: "psycopg.Connection[Any]", limits: Limits, *, time_zone: str | None = None
) -> None:
    """Set up a session that is in autocommit mode."""
    if isinstance(driver, BoundedConnection):
        driver.answer_seconds = limits.answer_seconds
    with driver.cursor() as cursor:
        cursor.execute(session_query(limits, time_zone=time_zone))


def limits_here() -> Limits:
    """Return the limits for a session that this thread opens."""
    return _thread.limits or _process[0]


def session_settings(limits: Limits) -> dict[str, str]:
    """Return PostgreSQL's settings for a session, by name."""
    return {
        "default_transaction_isolation": "read committed",
        "default_transaction_deferrable": "off",
        "statement_timeout": _milliseconds(limits.statement),
        "lock_timeout": _milliseconds(limits.lock),
        "idle_in_transaction_session_timeout": _milliseconds(limits.idle_in_transaction),
        # An idle session is one that waits for work, and may hold a lock of its own.
        "idle_session_timeout": "0",
        **server_keepalives(settings.DATABASE_KEEPALIVE_SECONDS),
    }


def session_query(limits: Limits, *, time_zone: str | None = None) -> Composed:
    """Return the query that sets up a session."""
    wanted = session_settings(limits)
    if time_zone:
        wanted["TimeZone"] = time_zone
    parts = [
        SQL("set_config({}, {}, false)").format(Literal(name), Literal(value))
        for name, value in wanted.items()
    ]
    return SQL("SELECT ") + SQL(", ").join(parts)


def _milliseconds(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


# --- Keep-alives ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Keepalive:
    idle: int
    interval: int


def _keepalive(seconds: int) -> _Keepalive:
    interval = max(1, seconds // 5)
    return _Keepalive(max(1, seconds - PROBES * interval), interval)


def server_keepalives(seconds: int) -> dict[str, str]:
    """Return PostgreSQL's settings to end a vanished client's session after `seconds`. All are in
    seconds, except the last, in milliseconds. 0 seconds: the server's own."""
    if not seconds:
        return {}
    kept = _keepalive(seconds)
    return {
        "tcp_keepalives_idle": str(kept.idle),
        "tcp_keepalives_interval": str(kept.interval),
        "tcp_keepalives_count": str(PROBES),
        "tcp_user_timeout": str(seconds * 1000),
    }


def client_parameters(params: dict[str, Any]) -> dict[str, Any]:
    """Return connection parameters by which the client finds out that the server vanished. What the
    address itself says is kept."""
    wanted: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS}
    seconds = settings.DATABASE_KEEPALIVE_SECONDS
    if seconds:
        kept = _keepalive(seconds)
        wanted |= {
            "keepalives": 1,
            "keepalives_idle": kept.idle,
            "keepalives_interval": kept.interval,
            "keepalives_count": PROBES,
            "tcp_user_timeout": seconds * 1000,
        }
    return wanted | params


# --- Connections that do not wait for ever -------------------------------------------------------


class NoAnswer(errors.OperationalError):
    """The database did not answer in time, so the connection was given up."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the database has not answered for {seconds:g} s")


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed if an answer does not come within `answer_seconds`."""

    answer_seconds: float | None = None

    def wait(
        self,
        gen: Generator[Any, Any, R],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> R:
        seconds = self.answer_seconds
        if timeout is not None or seconds is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, seconds)
        except errors._WaitTimeout:
            self.pgconn.finish()
            raise NoAnswer(seconds) from None


class BoundedAsyncConnection(psycopg.AsyncConnection[Any]):
    """The same for the event loop. Waiting for notifications is not bounded."""

    answer_seconds: float | None = None
    _is_listening = False

    async def wait(
        self,
        gen: Generator[Any, Any, R],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> R:
        seconds = self.answer_seconds
        if timeout is not None or seconds is None or self._is_listening:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(gen, interval, seconds)
        except errors._WaitTimeout:
            self.pgconn.finish()
            raise NoAnswer(seconds) from None

    async def notifies(
        self, *, timeout: float | None = None, stop_after: int | None = None
    ) -> AsyncGenerator[psycopg.Notify]:
        self._is_listening = True
        try:
            async for each in super().notifies(timeout=timeout, stop_after=stop_after):
                yield each
        finally:
            self._is_listening = False


async def set_up(connection: psycopg.AsyncConnection[Any], limits: Limits = QUEUE) -> None:
    """Set up a session of the event loop's, in whatever mode it is."""
    if isinstance(connection, BoundedAsyncConnection):
        connection.answer_seconds = limits.answer_seconds
    was = connection.autocommit
    await connection.set_autocommit(True)
    await connection.execute(session_query(limits))
    await connection.set_autocommit(was)
