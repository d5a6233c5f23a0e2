"""A worker's part in sending: it runs one drain for each Chat Server that has work.

A wake-up says that a Chat Server may have work (console.sends.engine.queue). The drain that follows
looks for itself, so a doubled wake-up does nothing.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self
from uuid import UUID, uuid4

import structlog
from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError
from msgspec import structs

from console.database.budget import DRAIN_CONNECTIONS
from console.database.notifications import LISTENING, LOST, listen
from console.database.sessions import QUEUE
from console.database.threads import DatabaseThread, DatabaseThreads, Together
from console.interactions.services import (
    Lease,
    LeaseLost,
    chat_server_lease_release,
    chat_server_leases_release,
    chat_server_leases_renew,
    chat_server_leases_take,
)
from console.interactions.services.wire import RENEW_SECONDS
from console.sends.engine import queue
from console.sends.engine.claim import plan_by_index
from console.sends.engine.drain import Drain
from console.sends.engine.gateway import Gateway
from console.sends.engine.kept_outcomes import outcomes_keep, outcomes_take_up
from console.sends.engine.late_answers import LateEnding, late_answers_record
from console.sends.engine.priority import Turns
from console.sends.engine.record import deliveries_recover
from console.sends.observe.worker_metrics import drain_failed
from console.site.kept_lines import KeptLines

logger = structlog.get_logger("console.sends")

LOCKED_ROWS_SECONDS = 0.2
# A connection that no drain has used for a while is closed.
IDLE_CONNECTION_SECONDS = 30.0
# How many drains may begin or end in one call of the database.
TOGETHER_MOST = 16
# How many late answers are held in memory while the database is away.
LATE_MOST = 50_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A drain's lease, and whether a drain before it has left claims."""

    lease: Lease
    has_left: bool


@dataclass
class Dispatch:
    """The drains of a worker, and what they share: channels, the stop signal, and a few
    connections to the database, however many drains there are.

    An async context manager, to be used within one event loop. `worker` identifies the holder of
    leases.
    """

    worker: UUID = field(default_factory=uuid4)
    gateway: Gateway = field(default_factory=Gateway)
    databases: DatabaseThreads = field(
        default_factory=lambda: DatabaseThreads(DRAIN_CONNECTIONS, plan_by_index)
    )
    # A connection that no drain waits for: leases are renewed on it.
    renewals: DatabaseThread = field(default_factory=lambda: DatabaseThread(QUEUE))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    drains: dict[str, Drain] = field(default_factory=dict)
    # The Chat Servers that have a drain of this worker, or whose drain is just beginning.
    begun: set[str] = field(default_factory=set)
    # Who had its turn at a Chat Server: the memory of fairness (claim_due).
    turns: dict[str, Turns] = field(default_factory=dict)
    # What became known of deliveries that had ended as unknown, and is not recorded yet.
    late: list[LateEnding] = field(default_factory=list)
    # What can't be recorded in time, and what workers before this one could not record.
    kept: KeptLines = field(init=False)
    # How drains begin and end, several of them in one call.
    beginning: Together[str, Begun | float | None] = field(init=False)
    ending: Together[Lease, bool | None] = field(init=False)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _woken: set[str] = field(default_factory=set)
    _beside: list[asyncio.Task[None]] = field(default_factory=list)
    _recording: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.kept = KeptLines(settings.OUTCOMES_TO, str(self.worker))
        share: dict[str, Any] = {"most": TOGETHER_MOST, "share": 1 / DRAIN_CONNECTIONS}
        self.beginning = Together(self.databases, partial(_begin, worker=self.worker), **share)
        self.ending = Together(self.databases, _end, **share)

    async def __aenter__(self) -> Self:
        try:
            self.kept.require_folder()
        except OSError as error:
            logger.error("no folder for outcomes", folder=str(self.kept.folder), error=str(error))
        # Before a drain calls unknown what a worker before this one knew.
        await self._take_up()
        self._beside = [
            asyncio.create_task(self._keep_leases(), name="leases"),
            asyncio.create_task(self._tidy_up(), name="late answers"),
        ]
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.settled()
        async with self._recording:
            for task in self._beside:
                task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.gateway.close()
        await self._record_late()
        self._keep_late()
        await self._take_up()
        if self.late:
            # The last place where they can stand.
            logger.error("outcomes not recorded", deliveries=_told(self.late))
        await self.databases.close()

    async def _record_late(self) -> None:
        """Record late answers, all together or, if the database refuses that, one by one. What
        can't be recorded because the database is away is tried again."""
        late, self.late[:] = list(self.late), []
        if not late:
            return
        try:
            await self.databases.call(late_answers_record, late)
        except (DataError, IntegrityError) as error:
            if len(late) == 1:
                _log_late(late, error)
            for each in late if len(late) > 1 else ():
                self.late[:0] = [each]
                await self._record_late()
        except (DatabaseError, InterfaceError) as error:
            self.late[:0] = late
            _log_late(late, error)

    def keep(self, known: Sequence[LateEnding]) -> None:
        """Keep in a file what can't be recorded in time, or in memory, if that fails."""
        known = [structs.replace(each, key=each.key or uuid4()) for each in known]
        try:
            outcomes_keep(self.kept, known)
        except OSError as error:
            logger.error("outcomes not kept", number=len(known), error=str(error))
            # Some may be in the file as well. Their keys tell.
            self.late[:0] = known

    def _keep_late(self) -> None:
        late, self.late[:] = list(self.late), []
        if late:
            self.keep(late)

    async def _take_up(self) -> None:
        """Record what is kept in files, if the database is there. What is left is tried again."""
        self.kept.let_go()
        if not self.kept.has_left():
            return
        try:
            await self.databases.call(outcomes_take_up, self.kept)
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.warning("outcomes not taken up", error=str(error))

    async def _tidy_up(self) -> None:
        """Record late answers and what is kept in files, and give idle connections back."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                async with self._recording:
                    await self._record_late()
                    if len(self.late) > LATE_MOST:
                        self._keep_late()
                    if not self.late:
                        await self._take_up()
                await self.databases.close(idle_seconds=IDLE_CONNECTION_SECONDS)
            except Exception:  # whatever it is, the next ones must be recorded
                logger.exception("late answers failed")

    async def _keep_leases(self) -> None:
        """Renew the leases of drains that only wait."""
        try:
            while True:
                await asyncio.sleep(RENEW_SECONDS)
                waiting = [drain for drain in self.drains.values() if not drain.is_superseded]
                if not waiting:
                    continue
                leases = {drain.server.pk: drain.lease.epoch for drain in waiting}
                try:
                    held = await self.renewals.call(chat_server_leases_renew, leases)
                except Exception as error:  # without this task, all drains would lose their leases
                    logger.warning("leases not renewed", error=str(error))
                    continue
                for drain in waiting:
                    if drain.server.pk not in held:
                        drain.supersede()
        finally:
            await self.renewals.close()

    def wake(self, name: str) -> None:
        """Start a drain of a Chat Server, or make the running one look again."""
        if self.stopping.is_set():
            return
        self._woken.add(name)
        if name in self.drains:
            self.drains[name].look_again()
        if name not in self._tasks:
            self._tasks[name] = asyncio.create_task(self._run(name), name=f"drain {name}")

    async def _run(self, name: str) -> None:
        try:
            while name in self._woken and not self.stopping.is_set():
                self._woken.discard(name)
                await drain_chat_server(name, self)
        # Whatever the error is, the deliveries are safe: the sweep starts another drain.
        except (DatabaseError, InterfaceError) as error:
            drain_failed(name)
            logger.warning("drain lost the database", chat_server=name, error=str(error))
        except Exception:
            drain_failed(name)
            logger.exception("drain failed", chat_server=name)
        finally:
            del self._tasks[name]

    async def settled(self) -> bool:
        """Wait until no drain runs. Return whether any did."""
        has_run = bool(self._tasks)
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))
        return has_run

    async def listen(self) -> None:
        """Wake drains as soon as the transaction that made work for them has committed."""
        async for name in listen(queue.CHANNEL):
            if name is not LOST and name != LISTENING:
                self.wake(name)


async def drain_chat_server(name: str, dispatch: Dispatch) -> None:
    """Send everything that is due to a Chat Server, unless another drain holds its lease.

    After releasing the lease it looks once more: a drain that gave up while the lease was held
    relies on this second check.
    """
    if name in dispatch.begun:
        return
    dispatch.begun.add(name)
    try:
        while not dispatch.stopping.is_set():
            begun = await dispatch.beginning.call(name)
            if isinstance(begun, float):  # the holder has gone silent
                await _pause(begun, dispatch)
            elif begun is None or not await _drain(begun, dispatch):
                return
    finally:
        dispatch.begun.discard(name)


def _log_late(late: Sequence[LateEnding], error: Exception) -> None:
    logger.warning("late answers not recorded", deliveries=_told(late), error=str(error))


def _told(late: Sequence[LateEnding]) -> list[tuple[int, str]]:
    return [(each.ending.delivery.id, each.ending.status.value) for each in late]


async def _pause(seconds: float, dispatch: Dispatch) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await dispatch.stopping.wait()


async def _drain(begun: Begun, dispatch: Dispatch) -> bool:
    """Run one drain as the holder of the lease, and release it. Return whether more is due."""
    lease, server = begun.lease, begun.lease.server
    drain = dispatch.drains[server.name] = Drain(
        lease,
        dispatch.databases,
        dispatch.gateway,
        dispatch.stopping,
        dispatch.turns.setdefault(server.name, Turns()),
        dispatch.late,
        dispatch.keep,
    )
    drain.record.start()
    is_more_due = False
    try:
        if begun.has_left:
            await dispatch.databases.call(_recover, lease)
        await drain.run()
    except LeaseLost:
        drain.supersede()
    finally:
        del dispatch.drains[server.name]
        drain.record.stop()
        if not drain.is_superseded:
            # If this fails, this worker can still take its lease again.
            ended = await dispatch.ending.call(lease)
            is_more_due = (
                await dispatch.databases.call(_end_alone, lease) if ended is None else ended
            )
    if is_more_due and not drain.has_claimed:
        # Another transaction has locked what is due. That takes only a moment.
        await asyncio.sleep(LOCKED_ROWS_SECONDS)
    return is_more_due


def _begin(names: Sequence[str], worker: UUID) -> list[Begun | float | None]:
    """Take the leases of those of these Chat Servers where something is to be done.

    Return of each how its drain begins, or the seconds to another try; None if nothing is to be
    done, or another drain does it.
    """
    work = queue.work_by_name(names)
    for name in set(names).difference(work):
        logger.warning("chat server unknown", chat_server=name)
    wanted = [name for name, each in work.items() if each.has_claims or _is_due_or_wake(each)]
    if not wanted:
        return [None] * len(names)
    taken = chat_server_leases_take(wanted, worker)
    # Read after the leases are taken, when the claims of lost drains are final.
    left = queue.with_claims(taken) if taken else set()
    begun: dict[str, Begun | float] = {
        name: Begun(lease, has_left=name in left) if isinstance(lease, Lease) else lease
        for name, lease in taken.items()
    }
    return [begun.get(name) for name in names]


def _recover(lease: Lease) -> None:
    lost = deliveries_recover(lease)
    logger.warning("lost deliveries are unknown", chat_server=lease.server.name, count=lost)


def _end(leases: Sequence[Lease]) -> list[bool | None]:
    """Release leases, and then return of each whether more is due at its Chat Server. Otherwise
    enqueue a job for when the next delivery is due. None: the Chat Server's row was locked."""
    released = chat_server_leases_release(leases)
    work = queue.work_by_id(released)
    is_due = {pk: pk in work and _is_due_or_wake(work[pk]) for pk in released}
    return [is_due.get(lease.server.pk) for lease in leases]


def _end_alone(lease: Lease) -> bool:
    """Do the same for one, and wait for its row."""
    chat_server_lease_release(lease)
    return any(map(_is_due_or_wake, queue.work_by_id([lease.server.pk]).values()))


def _is_due_or_wake(work: queue.Work) -> bool:
    if not work.is_due and work.next_try_at is not None:
        queue.enqueue_wake(work.server.name, work.next_try_at)
    return work.is_due
