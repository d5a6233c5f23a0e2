"""Mistakes planted in the engine, or in what its SQL promises, which the simulation must find.

Each is a context manager by its name. `FOUND_BY` has a day that finds it quickly: the seed and how
many hours of that day it takes.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

from django.db import DatabaseError, InterfaceError

from console.esp.connection import EspConnection
from console.esp.errors import ProtocolError
from console.esp.outcomes import OutcomeKind
from console.esp.protocol import ClientProtocol
from console.interactions.services import LeaseLost
from console.sends.engine import dispatcher, drain, gateway, priority
from console.sends.engine.dispatcher import Dispatch
from console.sends.engine.drain import Drain
from console.sends.engine.late_answers import late_answers_record
from console.sends.engine.priority import ORDER
from tools.simulate import host as simulated_host
from tools.simulate.database import ModelDatabase

PLANTED: dict[str, Callable[[], AbstractContextManager[Any]]] = {}
FOUND_BY: dict[str, tuple[str, float]] = {
    "written_before_the_commit": ("15/0", 1.0),
    "unconfirmed_claims_are_lost": ("141824/0", 9.0),
    "epoch_ignored": ("141824/0", 12.0),
    "lock_ignored": ("15/0", 3.0),
    "lease_not_released": ("15/0", 3.0),
    "lease_never_contested": ("141824/0", 4.0),
    "renewals_end": ("15/1", 9.0),
    "unknown_is_retried": ("15/0", 2.0),
    "answers_dropped_on_database_error": ("141824/0", 4.0),
    "superseded_answers_dropped": ("15/0", 16.0),
    "late_answers_dropped": ("15/0", 5.0),
    "late_answers_forgotten": ("15/2", 2.0),
    "stray_answer_taken": ("15/0", 1.0),
    "stray_answer_ends_the_connection": ("15/0", 1.0),
    "deadline_ignored": ("141824/1", 11.0),
    "workers_clock_decides": ("15/0", 9.0),
    "pace_ignored": ("15/0", 1.0),
    "window_ignored": ("15/0", 2.0),
    "oldest_send_first": ("15/0", 4.0),
    "classes_starve": ("15/0", 12.0),
    "wake_lost": ("141824/0", 2.0),
    "recovery_gives_up": ("15/0", 7.0),
    "rest_for_ever": ("15/0", 3.0),
}


def planted(
    function: Callable[[], Iterator[None]],
) -> Callable[[], AbstractContextManager[None]]:
    made = contextmanager(function)
    PLANTED[function.__name__] = made
    return made


# The order of claim and wire


@planted
def written_before_the_commit() -> Iterator[None]:
    """A drain writes its claims to the wire although their commit failed."""

    real = simulated_host.Host._break

    def trust(self: Any, call: Any, error: Exception) -> None:
        lock = call.wants
        if call.name != "drain_step" or call.is_over or lock in self.locks:
            real(self, call, error)
            return
        tables, (is_over, step) = self.model.tables, self._carry_out(call)
        for claimed in getattr(step, "claimed", ()):  # the transaction is rolled back
            row = tables.deliveries[claimed.id]
            tables.claims.pop(row.claim, None)
            row.status, row.claim = "pending", None
            self.model.watch.lines[row.chat_server_name].sending -= 1
        self._fail(call, step if is_over else error)

    with patch.object(simulated_host.Host, "_break", trust):
        yield


@planted
def unconfirmed_claims_are_lost() -> Iterator[None]:
    """What was claimed in a transaction whose answer is lost counts as written."""

    async def call(self: Any, function: Any, *arguments: Any, **options: Any) -> Any:
        if getattr(function, "__name__", "") == "deliveries_recover":
            options.pop("unwritten", None)
        async with self._free:
            return await self.process.call(function, arguments, options)

    with patch.object(simulated_host.SimulatedThreads, "call", call):
        yield


# Leases


@planted
def epoch_ignored() -> Iterator[None]:
    """A drain that has lost its lease goes on recording and claiming."""

    def hold(self: ModelDatabase, lease: Any, *, progressed: bool = False) -> Any:
        return self.tables.servers[lease.server.pk]

    with (
        patch.object(ModelDatabase, "hold", hold),
        patch.object(ModelDatabase, "is_epoch", lambda *_: True),
    ):
        yield


@planted
def lock_ignored() -> Iterator[None]:
    """Whoever wants a lease gets it."""
    with patch.object(ModelDatabase, "is_free", staticmethod(lambda *_, **__: True)):
        yield


@planted
def lease_not_released() -> Iterator[None]:
    """A lease that was taken again is not given back, so nobody else gets it in time."""

    def release(self: ModelDatabase, lease: Any) -> None:
        row = self.tables.servers[lease.server.pk]
        if row.drain_epoch == lease.epoch:
            row.drain_renewed_at = self.now() + 1e9

    with patch.object(ModelDatabase, "release", release):
        yield


@planted
def lease_never_contested() -> Iterator[None]:
    """A worker that stands still keeps its leases."""

    def is_free(row: Any, worker: Any, *, is_stale: bool, now: float) -> bool:
        return row.drain_holder in (None, worker)

    with patch.object(ModelDatabase, "is_free", staticmethod(is_free)):
        yield


@planted
def renewals_end() -> Iterator[None]:
    """The task that renews leases ends with the first error of the database."""
    real = simulated_host.SimulatedThread.call

    async def call(self: Any, function: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return await real(self, function, *arguments, **options)
        except (DatabaseError, InterfaceError):
            await asyncio.Event().wait()

    with patch.object(simulated_host.SimulatedThread, "call", call):
        yield


# What is known


@planted
def unknown_is_retried() -> Iterator[None]:
    """A request without an answer waits for another try."""
    real = gateway.ending

    def ending(delivery: Any, outcome: Any) -> Any:
        return None if outcome.kind == OutcomeKind.UNKNOWN else real(delivery, outcome)

    with patch.object(drain, "ending", ending):
        yield


@planted
def answers_dropped_on_database_error() -> Iterator[None]:
    """Outcomes in hand are forgotten when a step fails."""
    with patch.object(Drain, "_put_back", lambda self, back: None):
        yield


@planted
def superseded_answers_dropped() -> Iterator[None]:
    """A drain that has lost its lease says nothing of what it knows."""

    def supersede(self: Drain) -> None:
        self.is_superseded = True
        self.endings, self.unsent = [], []
        self.progress.set()

    with patch.object(Drain, "supersede", supersede):
        yield


@planted
def late_answers_dropped() -> Iterator[None]:
    """An answer after the time of its request is dropped."""
    with patch.object(Drain, "_settle_late", lambda self, delivery, outcome: None):
        yield


@planted
def late_answers_forgotten() -> Iterator[None]:
    """Late answers that can't be recorded at once are forgotten."""

    async def record(self: Dispatch) -> None:
        late, self.late[:] = list(self.late), []
        if late:
            try:
                await self.databases.call(late_answers_record, late)
            except (DatabaseError, InterfaceError):
                return

    with patch.object(Dispatch, "_record_late", record):
        yield


@planted
def stray_answer_taken() -> Iterator[None]:
    """An answer that nobody awaits is taken for that of the oldest request."""
    real = ClientProtocol._paired

    def paired(self: ClientProtocol, answer: Any) -> Any:
        known = answer.reference_id in self._pending or answer.reference_id in self._given_up
        if self._pending and not known:
            answer = type(answer)(min(self._pending), answer.request)
        return real(self, answer)

    with patch.object(ClientProtocol, "_paired", paired):
        yield


@planted
def stray_answer_ends_the_connection() -> Iterator[None]:
    """An answer that nobody awaits counts as an error of the protocol."""
    real = ClientProtocol._paired

    def paired(self: ClientProtocol, answer: Any) -> Any:
        known = answer.reference_id in self._pending or answer.reference_id in self._given_up
        if not known:
            raise ProtocolError("an answer that nobody awaits")
        return real(self, answer)

    with patch.object(ClientProtocol, "_paired", paired):
        yield


# Time, pace and turns


@planted
def deadline_ignored() -> Iterator[None]:
    """A request's time begins when it is written, not before its claim."""
    real = EspConnection.send

    def send(self: EspConnection, request: Any, settle: Any, *, since: Any, late: Any) -> None:
        real(self, request, settle, late=late)

    with patch.object(EspConnection, "send", send):
        yield


@planted
def workers_clock_decides() -> Iterator[None]:
    """Whether the time to live is over is judged by a worker's clock, which is wrong."""

    def is_late(self: ModelDatabase, outbox: Any, now: float) -> bool:
        return bool(outbox.expires_at <= now + self.wall_ahead)

    with patch.object(ModelDatabase, "is_late", is_late):
        yield


@planted
def pace_ignored() -> Iterator[None]:
    """Tokens are counted and not asked for."""
    real = ModelDatabase.take_tokens

    def take_tokens(self: ModelDatabase, lease: Any, most: int, *, progressed: bool) -> Any:
        row, _granted, _wait = real(self, lease, most, progressed=progressed)
        return row, most, 0.0

    with patch.object(ModelDatabase, "take_tokens", take_tokens):
        yield


@planted
def window_ignored() -> Iterator[None]:
    """What is on the wire does not count."""
    with patch.object(Drain, "_room", lambda self: self.server.window):
        yield


@planted
def oldest_send_first() -> Iterator[None]:
    """Sends take no turns."""

    def order(found: Any) -> Any:
        return found[1].due_at, found[1].delivery_id

    with patch.object(ModelDatabase, "order", staticmethod(order)):
        yield


@planted
def classes_starve() -> Iterator[None]:
    """A class waits until the more urgent ones have nothing due."""
    with patch.object(priority, "reserved", lambda _waited, _room: dict.fromkeys(ORDER, 0)):
        yield


# Progress


@planted
def wake_lost() -> Iterator[None]:
    """After an error of the database a Chat Server counts as drained for ever."""

    async def run(self: Dispatch, name: str) -> None:
        try:
            while name in self._woken and not self.stopping.is_set():
                self._woken.discard(name)
                await dispatcher.drain_chat_server(name, self)
        except (DatabaseError, InterfaceError):
            self._tasks[name] = asyncio.create_task(self.stopping.wait())  # type: ignore[arg-type]
            return
        except LeaseLost:
            pass
        self._tasks.pop(name, None)

    with patch.object(Dispatch, "_run", run):
        yield


@planted
def recovery_gives_up() -> Iterator[None]:
    """A drain whose database is away ends with the first error, and its outcomes with it."""

    async def regain(self: Drain, error: Exception, *, unwritten: Any) -> None:
        raise error

    with patch.object(Drain, "_regain_database", regain):
        yield


@planted
def rest_for_ever() -> Iterator[None]:
    """A Chat Server that failed is never tried again."""
    real = ModelDatabase._set_health

    def set_health(self: ModelDatabase, server: Any, health: str, *rest: Any) -> Any:
        yield from real(self, server, health, *rest)
        if health == "unhealthy":
            self.tables.servers[server.pk].retry_at = self.now() + 1e9

    with patch.object(ModelDatabase, "_set_health", set_health):
        yield
