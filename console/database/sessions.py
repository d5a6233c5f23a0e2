"""The sessions of the console: what PostgreSQL may do with them, and how long anybody waits.

A site's database or role may have other defaults than PostgreSQL's, and a process, a machine or a
network may stop without a word. So each session says for itself how it is isolated and after which
time PostgreSQL ends it, its statements, and its waiting for locks. The settings are SET after
connecting, since poolers refuse them among the parameters of a connection.

The client does not trust TCP either: PostgreSQL ends each statement after a while, so an answer
that has not come a little later will never come.
"""

import threading
import time
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import psycopg
from django.conf import settings
from psycopg import errors
from psycopg.sql import SQL, Composed, Literal
from psycopg.waiting import Ready

R = TypeVar("R")

# How long a client waits beyond the statement's own limit.
ANSWER_MARGIN_SECONDS = 2.0
# How long it waits for a connection that may be one of several that fell silent.
SUSPECT_SECONDS = 1.0
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
# A worker's drains: short statements of one thread, and nothing between them that waits. A worker
# that stands still must not stop others.
DRAIN = Limits(statement=8.0, lock=5.0, idle_in_transaction=1.5)
# A worker's other jobs, such as the sweep over a long history. Each has a session of its own.
JOB = Limits(statement=120.0, lock=10.0, idle_in_transaction=5.0)
# Commands, which a person watches: a restore, an export or a verification takes what it takes.
COMMAND = Limits(statement=0.0, lock=0.0, idle_in_transaction=60.0)
# A worker's heartbeat and leases, the queue of its jobs, and who listens: one row each, and if they
# wait, everything waits.
QUEUE = Limits(statement=4.0, lock=3.0, idle_in_transaction=1.5)


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
        # Compiling a statement takes longer than any statement of a page or a drain.
        "jit": "off",
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
        super().__init__(f"the database has not answered for {seconds:.3g} s")


class _Patience:
    """How long a connection waits for an answer.

    Whoever gave up waiting tells the others of the process, since a network falls silent for all: a
    connection that has read nothing since then is given little time to prove that it lives. All
    times are in seconds of the monotonic clock.
    """

    silent_since = 0.0
    told_at = 0.0

    def __init__(self) -> None:
        self.proven_at = time.monotonic()

    def watched(self, gen: Generator[Any, Any, R], usual: float) -> Generator[Any, Any, R]:
        """Go through the waits of `gen`. The driver also comes here when nothing happened for a
        moment, and begins anew, with None, after it has cancelled a query. What is read from the
        network is proof; that a call has returned is none, as some ask nobody. Raises NoAnswer."""
        began = time.monotonic()
        ready = None
        try:
            while True:
                ready = yield gen.send(ready)
                if not ready:
                    self._check(began, usual)
                elif ready & Ready.R:
                    self.proven_at = time.monotonic()
        except StopIteration as done:
            return cast(R, done.value)

    def _check(self, began: float, usual: float) -> None:
        now = time.monotonic()
        if now >= began + usual:
            _Patience.silent_since = max(self.silent_since, began)
            _Patience.told_at = now
            raise NoAnswer(usual)
        is_suspect = self.proven_at < self.silent_since
        if is_suspect and now >= max(began, self.told_at) + SUSPECT_SECONDS:
            raise NoAnswer(now - began)


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed if an answer does not come within `answer_seconds`."""

    answer_seconds: float | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = _Patience()

    def wait(
        self,
        gen: Generator[Any, Any, R],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> R:
        if timeout is not None or self.answer_seconds is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(self._patience.watched(gen, self.answer_seconds), interval)
        except NoAnswer:
            self.pgconn.finish()
            raise


class BoundedAsyncConnection(psycopg.AsyncConnection[Any]):
    """The same for the event loop. Waiting for notifications is not bounded."""

    answer_seconds: float | None = None
    _is_listening = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._patience = _Patience()

    async def wait(
        self,
        gen: Generator[Any, Any, R],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> R:
        if timeout is not None or self.answer_seconds is None or self._is_listening:
            return await super().wait(gen, interval, timeout)
        try:
            return await super().wait(self._patience.watched(gen, self.answer_seconds), interval)
        except NoAnswer:
            self.pgconn.finish()
            raise

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
