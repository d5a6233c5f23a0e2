"""Drains a Chat Server's due deliveries: claims, sends, records, until nothing is due.

One drain a Chat Server at a time, whatever number of workers there are. Never more than `window`
deliveries are claimed and not yet recorded, so that is also the most a crash can leave unknown.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, InterfaceError

from console.esp.errors import InvalidRequest
from console.esp.outcomes import Outcome, OutcomeKind
from console.esp.transports import Channel
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_reached, chat_server_unreachable
from console.sends.engine.database import DatabaseThread, reconnect, try_lock
from console.sends.engine.gateway import (
    WORDLESS_SENTENCE,
    Gateway,
    Unreachable,
    ending,
    esp_request,
    refused_here,
    storable,
    storable_outcome,
    wordless,
)
from console.sends.engine.outcomes import ClaimedDelivery, Ending, Postponement
from console.sends.engine.record import deliveries_recover, drain_step
from console.sends.observe.worker_metrics import DrainRecord
from console.text.sentences import sentence_of, term

logger = structlog.get_logger("console.sends")

BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MOST_SECONDS = 30.0
# A window has so many parts that go their ways one after the other.
PARTS = 4
# How many requests go into one write to the wire.
SUBMIT_AT_ONCE = 128
# Outcomes are recorded at the latest after this time, however slow the others are.
RECORD_AFTER_SECONDS = 0.2
# How long outcomes are kept for a database that is away, and how often it is tried.
DATABASE_PATIENCE_SECONDS = 120.0
DATABASE_RETRY_SECONDS = 0.5
DATABASE_FAILURES_MOST = 5


def backoff_seconds(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the n-th failure in a row: doubling, capped, and 50 to 100% of that."""
    full: float = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(failures - 1, 10))
    return full * (0.5 + jitter() / 2)


class Drain:
    """One drain of one Chat Server, by the holder of its lock.

    `is_superseded` says that the lock was lost with the database and is another's now, who has
    recorded as unknown what was on the wire here; `is_wordless`, that the database refused each
    time what had come back, and is to have it without what was said of it.
    """

    def __init__(
        self,
        server: ChatServer,
        database: DatabaseThread,
        gateway: Gateway,
        stopping: asyncio.Event,
    ) -> None:
        self.server = server
        self.database = database
        self.gateway = gateway
        self.stopping = stopping
        self.channel: Channel | None = None
        self.failed = ""
        self.failure_noted = False
        self.answered = False
        self.has_claimed = False
        self.is_superseded = False
        self.database_failures = 0
        self.is_wordless = False
        self.writing: set[asyncio.Task[None]] = set()
        self.broken: BaseException | None = None
        # Claimed, and without an outcome.
        self.on_the_wire: set[int] = set()
        self.endings: list[Ending] = []
        self.unsent: list[tuple[ClaimedDelivery, str]] = []
        self.open_claims: Counter[UUID] = Counter()
        self.settled: list[UUID] = []
        self.progress = asyncio.Event()
        self.record = DrainRecord(server.name)

    def look_again(self) -> None:
        """There may be more to send than there was a moment ago."""
        self.progress.set()

    async def run(self) -> None:
        """Until nothing is due, the Chat Server fails, or the worker stops: then what is in flight
        still gets its true outcome."""
        while not self.is_superseded:
            if self.broken is not None:
                raise self.broken
            wait_seconds = await self._step()
            if self.is_superseded:
                return
            if not (self.on_the_wire or self.endings or self.unsent):
                if wait_seconds is None or self._is_over():
                    return
                await self._sleep(wait_seconds)
            elif not self._is_worth_a_step(wait_seconds):
                await self._await_progress(wait_seconds)

    def _is_over(self) -> bool:
        return self.stopping.is_set() or bool(self.failed)

    def _room(self) -> int:
        if self._is_over():
            return 0
        # A Chat Server that failed before gets one delivery to prove itself with.
        window = 1 if self.server.failures_in_a_row else self.server.window
        return max(0, window - len(self.on_the_wire))

    def _is_worth_a_step(self, wait_seconds: float | None) -> bool:
        """A part of the window is, so that the rest is on the wire while the database is at it; and
        the last one that is out."""
        part = max(1, self.server.window // PARTS)
        return (
            len(self.endings) + len(self.unsent) >= part
            or not self.on_the_wire
            or (wait_seconds == 0.0 and self._room() >= part)
        )

    # Steps

    async def _step(self) -> float | None:
        """Record what has come back, claim what there is room for, and have that written to the
        wire, while the next step begins.

        Answers the seconds until more may go out by the pace, None where nothing more is due.
        """
        await self._connect()
        await self._note_health()
        if self.is_superseded:
            return None
        endings, self.endings = self.endings, []
        unsent, self.unsent = self.unsent, []
        settled, self.settled = self.settled, []
        # In the last tries only what has come back, which nothing else must cost its record.
        is_last = self.database_failures >= DATABASE_FAILURES_MOST and bool(endings or unsent)
        room = 0 if is_last else self._room()
        if self.is_wordless:
            endings = [wordless(item) for item in endings]
            unsent = [(delivery, WORDLESS_SENTENCE) for delivery, _why in unsent]
        if not (endings or unsent or room):
            self.settled = settled
            return None if self._is_over() else 0.0
        claim = uuid4()
        try:
            step = await self.database.call_with_lock(
                self.server.pk,
                drain_step,
                self.server.pk,
                claim=claim,
                endings=endings,
                postponements=self._postponements(unsent),
                room=room,
                on_the_wire=tuple(self.on_the_wire),
                settled=settled,
            )
        except (DatabaseError, InterfaceError) as error:
            self.endings, self.unsent = endings + self.endings, unsent + self.unsent
            self.settled = settled + self.settled
            await self._regain_database(error, unwritten=claim)
            return 0.0
        self.database_failures, self.is_wordless = 0, False
        self.record.step(step.claimed, endings, unsent)
        has_moved = step.server is not None and step.server.url != self.server.url
        self.server = step.server or self.server
        if step.claimed:
            self.has_claimed = True
            self.open_claims[claim] = len(step.claimed)
            self.on_the_wire |= {delivery.id for delivery in step.claimed}
            channel = None if has_moved else self.channel
            writing = asyncio.create_task(self._write(step.claimed, channel))
            self.writing.add(writing)
            writing.add_done_callback(self._is_written)
        return step.wait_seconds

    def _postponements(self, unsent: list[tuple[ClaimedDelivery, str]]) -> list[Postponement]:
        due_at = self.server.retry_at
        return [Postponement(delivery, due_at, detail) for delivery, detail in unsent]

    async def _regain_database(self, error: Exception, *, unwritten: UUID) -> None:
        """Take the lock again after the database failed, and go on with what is in flight.

        What the failed step would have claimed was not written to the wire, committed or not: it
        waits for its turn again. Raises the error when the database stays away, or fails each time.
        """
        self.database_failures += 1
        if self.database_failures > DATABASE_FAILURES_MOST and not self._give_up_words():
            raise error
        logger.warning(
            "database failed while sending", chat_server=self.server.name, error=str(error)
        )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DATABASE_PATIENCE_SECONDS
        while True:
            try:
                await self.database.call(reconnect)
                if not await self.database.call(try_lock, self.server.pk):
                    self._supersede()
                    return
                lost = await self.database.call(
                    deliveries_recover,
                    self.server.name,
                    ours=set(self.open_claims) | set(self.settled),
                    unwritten={unwritten},
                )
            except (DatabaseError, InterfaceError):
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
            else:
                logger.info("database is back", chat_server=self.server.name, lost=lost)
                return

    def _give_up_words(self) -> bool:
        """That it was delivered is worth more than what was said of it; answers whether that leaves
        something to try."""
        if self.is_wordless or not (self.endings or self.unsent):
            return False
        self.is_wordless = True
        ids = [item.delivery.id for item in self.endings] + [item.id for item, _why in self.unsent]
        logger.error("recorded without words", chat_server=self.server.name, deliveries=ids)
        return True

    def _supersede(self) -> None:
        """Another worker has the lock: it has recorded as unknown what is in flight here."""
        self.is_superseded = True
        logger.warning(
            "another worker took over",
            chat_server=self.server.name,
            unrecorded=[item.delivery.id for item in self.endings],
            on_the_wire=sorted(self.on_the_wire),
        )

    # The wire

    async def _connect(self) -> None:
        """Have an open channel before anything is claimed for it."""
        if self._is_over() or not self.server.enabled:
            return
        try:
            self.channel = await self.gateway.channel(self.server)
        except Unreachable as error:
            self.failed = sentence_of(error)
        except Exception as error:  # whatever it is: nothing was written, and that must be kept
            logger.exception("no channel", chat_server=self.server.name)
            self.failed = storable(
                term("The console failed to open a connection: {error}", error=error)
            )

    async def _write(self, claimed: list[ClaimedDelivery], channel: Channel | None) -> None:
        """Submit all; without a channel, as after a change of the address, they wait again."""
        for number, delivery in enumerate(claimed, start=1):
            if self.is_superseded:
                return
            if channel is not None:
                self._submit(channel, delivery)
            else:
                self._is_settled(delivery)
                self.unsent.append((delivery, "The Chat Server's settings changed."))
            if number % SUBMIT_AT_ONCE == 0:
                await asyncio.sleep(0)  # so that they leave, and answers come in

    def _is_written(self, writing: asyncio.Task[None]) -> None:
        """What it could not write for an error of ours would be waited for without end."""
        self.writing.discard(writing)
        if not writing.cancelled() and writing.exception() is not None:
            self.broken = writing.exception()
            self.progress.set()

    def _submit(self, channel: Channel, delivery: ClaimedDelivery) -> None:
        try:
            request = esp_request(delivery)
        except InvalidRequest as error:
            self._is_settled(delivery)
            self.endings.append(refused_here(delivery, sentence_of(error)))
            return
        channel.send(request, partial(self._settle, delivery))

    def _settle(self, delivery: ClaimedDelivery, outcome: Outcome) -> None:
        outcome = storable_outcome(outcome)
        self.record.round_trips.append(outcome.round_trip)
        self._is_settled(delivery)
        ended = ending(delivery, outcome)
        if ended is None:
            self.unsent.append((delivery, outcome.detail))
        else:
            self.endings.append(ended)
        if outcome.kind in (OutcomeKind.ACCEPTED, OutcomeKind.REFUSED):
            self.answered = True
        elif outcome.kind == OutcomeKind.UNKNOWN or outcome.retryable:
            self.failed = self.failed or outcome.detail
        if self._is_worth_a_step(None):
            self.progress.set()

    def _is_settled(self, delivery: ClaimedDelivery) -> None:
        """Count down its claim, which is of no more use once all of its deliveries are settled."""
        self.on_the_wire.discard(delivery.id)
        claim = delivery.claim
        if claim is not None:
            self.open_claims[claim] -= 1
            if not self.open_claims[claim]:
                del self.open_claims[claim]
                self.settled.append(claim)

    async def _note_health(self) -> None:
        """A fault rests the Chat Server for a while; an answer makes it healthy."""
        server = self.server
        if self.failed and not self.failure_noted:
            self.failure_noted = True
            rest = timedelta(seconds=backoff_seconds(server.failures_in_a_row + 1))
            logger.warning("chat server fails", chat_server=server.name, detail=self.failed)
            await self._note(
                partial(chat_server_unreachable, server, detail=self.failed, rest=rest)
            )
        elif self.answered and not self.failed and not _is_healthy(server):
            logger.info("chat server answers", chat_server=server.name)
            await self._note(partial(chat_server_reached, server))

    async def _note(self, write: Callable[[], None]) -> None:
        """Write down health, which is no reason to lose outcomes when it fails."""
        try:
            await self.database.call(write)
        except (DatabaseError, InterfaceError) as error:
            await self._regain_database(error, unwritten=uuid4())

    # Waiting

    async def _await_progress(self, wait_seconds: float | None) -> None:
        """Until enough has come back, there is more to send, or it is time to record."""
        seconds = RECORD_AFTER_SECONDS
        if wait_seconds and self._room():
            seconds = min(seconds, wait_seconds)
        self.progress.clear()
        if self._is_worth_a_step(wait_seconds):
            return  # it came while the last was written
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
