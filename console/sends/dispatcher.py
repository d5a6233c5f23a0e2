"""Drains a Chat Server's due deliveries: claims, sends, records, until nothing is due.

One drain a Chat Server at a time, whatever number of workers there are. Never more than `window`
deliveries are claimed and not yet recorded, so that is also the most a crash can leave unknown.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Self
from uuid import uuid4

import structlog
from django.utils import timezone

from console.esp.errors import InvalidRequest
from console.esp.outcomes import Outcome, OutcomeKind
from console.esp.transports import Channel
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_reached, chat_server_unreachable
from console.sends import queue, selectors
from console.sends.database import DatabaseThread, DatabaseThreads, try_lock, unlock
from console.sends.gateway import Gateway, Unreachable, ending, esp_request, refused_here
from console.sends.services.deliveries import deliveries_recover, drain_step
from console.sends.services.endings import ClaimedDelivery, Ending, Postponement

logger = structlog.get_logger("console.sends")

BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MOST_SECONDS = 30.0
# Outcomes are recorded at the latest after this time, however slow the others are.
RECORD_AFTER_SECONDS = 0.2
LOCKED_ROWS_SECONDS = 0.2


def backoff_seconds(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the n-th failure in a row: doubling, capped, and 50 to 100% of that."""
    full: float = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(failures - 1, 10))
    return full * (0.5 + jitter() / 2)


@dataclass
class Dispatch:
    """What a worker's drains share: channels, database threads, and the wish to stop.

    An async context manager; to be used within one event loop.
    """

    gateway: Gateway = field(default_factory=Gateway)
    databases: DatabaseThreads = field(default_factory=DatabaseThreads)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.gateway.close()
        await self.databases.close()


async def drain_chat_server(name: str, dispatch: Dispatch) -> None:
    """Send all that is due to a Chat Server, unless somebody else is at it.

    Whoever gives the lock back looks once more: a job that came while it was held has gone away,
    trusting in this look.
    """
    async with dispatch.databases.thread() as database:
        server = await database.call(ChatServer.objects.filter(name=name).first)
        if server is None:
            logger.warning("chat server unknown", chat_server=name)
            return
        while not dispatch.stopping.is_set() and await database.call(try_lock, server.pk):
            drain = Drain(server, database, dispatch)
            try:
                await drain.run()
            finally:
                await database.call(unlock, server.pk)
            if not await database.call(_continue_or_wake, server.pk):
                return
            if not drain.has_claimed:
                # What is due is held by somebody else's transaction: it takes a moment.
                await asyncio.sleep(LOCKED_ROWS_SECONDS)


def _continue_or_wake(server_id: int) -> bool:
    """Whether there is more to do at once; what is due later gets a job for then."""
    server = ChatServer.objects.get(pk=server_id)
    due_at = selectors.next_due_at(server.name)
    if due_at is None:
        return False
    due_at = max(due_at, server.retry_at or due_at)
    if due_at <= timezone.now():
        return True
    queue.enqueue_wake(server.name, due_at)
    return False


class Drain:
    """One drain of one Chat Server, by the holder of its lock."""

    def __init__(
        self,
        server: ChatServer,
        database: DatabaseThread,
        dispatch: Dispatch,
    ) -> None:
        self.server = server
        self.database = database
        self.gateway = dispatch.gateway
        self.stopping = dispatch.stopping
        self.claim = uuid4()
        self.in_flight = 0
        self.failed = ""
        self.failure_noted = False
        self.answered = False
        self.has_claimed = False
        self.endings: list[Ending] = []
        self.unsent: list[tuple[ClaimedDelivery, str]] = []
        self.progress = asyncio.Event()

    async def run(self) -> None:
        """Until nothing is due, the Chat Server fails, or the worker stops: then what is in flight
        still gets its true outcome."""
        await self.database.call(self.server.refresh_from_db)
        lost = await self.database.call(deliveries_recover, self.server.name)
        if lost:
            logger.warning("lost deliveries are unknown", chat_server=self.server.name, count=lost)
        while True:
            wait_seconds = await self._step()
            if self.in_flight == 0 and not self.endings and not self.unsent:
                if wait_seconds is None or self._is_over():
                    return
                await self._sleep(wait_seconds)
            elif self.in_flight:
                await self._await_progress(wait_seconds)

    def _is_over(self) -> bool:
        return self.stopping.is_set() or bool(self.failed) or self._is_resting()

    def _is_resting(self) -> bool:
        retry_at = self.server.retry_at
        return retry_at is not None and retry_at > timezone.now()

    def _room(self) -> int:
        if self._is_over():
            return 0
        # A Chat Server that failed before gets one delivery to prove itself with.
        window = 1 if self.server.failures_in_a_row else self.server.window
        return max(0, window - self.in_flight)

    async def _step(self) -> float | None:
        """Record what has come back, claim what there is room for, and write that to the wire.

        Answers the seconds until more may go out by the pace, None where nothing more is due.
        """
        await self._note_health()
        endings, self.endings = self.endings, []
        unsent, self.unsent = self.unsent, []
        room = self._room()
        if not (endings or unsent or room):
            return None if self._is_over() else 0.0
        step = await self.database.call(
            drain_step,
            self.server.pk,
            claim=self.claim,
            endings=endings,
            postponements=self._postponements(unsent),
            room=room,
        )
        self.server = step.server or self.server
        if step.claimed:
            self.has_claimed = True
            await self._write(step.claimed)
        return step.wait_seconds

    def _postponements(self, unsent: list[tuple[ClaimedDelivery, str]]) -> list[Postponement]:
        due_at = self.server.retry_at or timezone.now()
        return [Postponement(delivery, due_at, detail) for delivery, detail in unsent]

    async def _write(self, claimed: list[ClaimedDelivery]) -> None:
        try:
            channel = await self.gateway.channel(self.server)
        except Unreachable as error:
            self.failed = str(error)
        except Exception as error:  # whatever it is: nothing was written, and that must be kept
            logger.exception("no channel", chat_server=self.server.name)
            self.failed = f"The console failed to open a connection: {error}"
        if self.failed:
            self.unsent += [(delivery, self.failed) for delivery in claimed]
            return
        for delivery in claimed:
            self._submit(channel, delivery)

    def _submit(self, channel: Channel, delivery: ClaimedDelivery) -> None:
        try:
            request = esp_request(delivery)
        except InvalidRequest as error:
            self.endings.append(refused_here(delivery, str(error)))
            return
        self.in_flight += 1
        channel.submit(request).add_done_callback(partial(self._settle, delivery))

    def _settle(self, delivery: ClaimedDelivery, future: "asyncio.Future[Outcome]") -> None:
        outcome = future.result()
        self.in_flight -= 1
        ended = ending(delivery, outcome)
        if ended is None:
            self.unsent.append((delivery, outcome.detail))
        else:
            self.endings.append(ended)
        if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED):
            self.answered = True
        elif outcome.kind == OutcomeKind.UNKNOWN or outcome.retryable:
            self.failed = self.failed or outcome.detail
        if self.in_flight == 0 or self.in_flight <= self.server.window // 2:
            self.progress.set()

    async def _note_health(self) -> None:
        """A fault rests the Chat Server for a while; an answer makes it healthy."""
        server = self.server
        if self.failed and not self.failure_noted:
            self.failure_noted = True
            wait = backoff_seconds(server.failures_in_a_row + 1)
            retry_at: datetime = timezone.now() + timedelta(seconds=wait)
            logger.warning("chat server fails", chat_server=server.name, detail=self.failed)
            await self.database.call(
                chat_server_unreachable, server, detail=self.failed, retry_at=retry_at
            )
        elif self.answered and not self.failed and not _is_healthy(server):
            logger.info("chat server answers", chat_server=server.name)
            await self.database.call(chat_server_reached, server)

    async def _await_progress(self, wait_seconds: float | None) -> None:
        """Until half the window is back, or it is time to record or to send more."""
        if self.in_flight > self.server.window // 2 or self._room() == 0 or wait_seconds is None:
            self.progress.clear()
            await self._sleep_or_progress(RECORD_AFTER_SECONDS)
        elif wait_seconds:
            self.progress.clear()
            await self._sleep_or_progress(wait_seconds)

    async def _sleep_or_progress(self, seconds: float) -> None:
        if self.in_flight == 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.progress.wait()
        except TimeoutError:
            return

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self.stopping.wait()
        except TimeoutError:
            return


def _is_healthy(server: ChatServer) -> bool:
    return server.health == "healthy" and not server.failures_in_a_row
