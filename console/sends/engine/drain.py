"""Drains a Chat Server's due deliveries: claims, sends and records until nothing is due.

A Chat Server has one drain at a time, whatever the number of workers: the holder of its lease.
Never more than `window` deliveries are claimed and not yet recorded, so a crash can leave at most
that many unknown.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError

from console.database.threads import DatabaseThreads
from console.esp.errors import InvalidRequest
from console.esp.outcomes import Outcome, OutcomeKind
from console.esp.transports import Channel
from console.interactions.models import ChatServer
from console.interactions.services import (
    Lease,
    LeaseLost,
    chat_server_reached,
    chat_server_unreachable,
)
from console.sends.engine.claim import Step
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
from console.sends.engine.late_answers import LateEnding
from console.sends.engine.outcomes import ClaimedDelivery, Ending, Postponement
from console.sends.engine.priority import Turns
from console.sends.engine.record import deliveries_recover, drain_step
from console.sends.models import DeliveryStatus, Reason
from console.sends.observe.worker_metrics import DrainRecord
from console.sends.reasons import NOT_SENT_FOR
from console.text.sentences import sentence_of, term

logger = structlog.get_logger("console.sends")

BACKOFF_FIRST_SECONDS = 0.5
BACKOFF_MOST_SECONDS = 30.0
# A window is handled in this many parts, one after another.
PARTS = 4
# How many requests go into one write to the wire.
SUBMIT_AT_ONCE = 128
# Outcomes are recorded after this time at the latest, however slow the others are.
RECORD_AFTER_SECONDS = 0.2
# How often a drain looks for what is due while it waits for answers, though nobody said that there
# is more: rows that another transaction had locked.
LOOK_AGAIN_SECONDS = 5.0
# How often the database is tried while it is away. Outcomes are held until it is back; a worker
# that is asked to stop waits this long at most, and less if nothing is on the wire.
DATABASE_RETRY_SECONDS = 0.5
STOP_PATIENCE_SECONDS = 120.0
STOP_PATIENCE_IDLE_SECONDS = 10.0
# After this many steps in a row that failed although the database takes other writes, the outcomes
# are recorded without their texts.
DATABASE_FAILURES_MOST = 5
# Why a claimed delivery was not written.
NOT_WRITTEN = term("Another worker had taken over the Chat Server.")
# Of how many sends the last turn is remembered at a Chat Server.
TURNS_MOST = 1000


def backoff_seconds(failures: int, jitter: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the n-th failure in a row: doubling, capped, and 50 to 100% of that."""
    full: float = min(BACKOFF_MOST_SECONDS, BACKOFF_FIRST_SECONDS * 2 ** min(failures - 1, 10))
    return full * (0.5 + jitter() / 2)


@dataclass(frozen=True, slots=True)
class _Back:
    """What came back from the wire and is not recorded yet, and the claims that it settles."""

    endings: list[Ending]
    unsent: list[tuple[ClaimedDelivery, str]]
    settled: list[UUID]

    @property
    def has_outcomes(self) -> bool:
        return bool(self.endings or self.unsent)

    @property
    def wordless(self) -> "_Back":
        return _Back(
            [wordless(item) for item in self.endings],
            [(delivery, WORDLESS_SENTENCE) for delivery, _why in self.unsent],
            self.settled,
        )


class Drain:
    """One drain of one Chat Server, by the holder of its lease.

    `is_superseded` says that another worker has the lease, and has recorded as unknown what was on
    the wire here; or that this drain gave up. `is_wordless` says that the database refused the
    outcomes each time, so they are recorded without their texts. `turns` are those that
    sends and classes of notices had (`claim_due`). `late` gets what becomes known of deliveries
    that have ended as unknown; `keep` takes what can't be recorded before the worker ends.
    """

    def __init__(
        self,
        lease: Lease,
        databases: DatabaseThreads,
        gateway: Gateway,
        stopping: asyncio.Event,
        turns: Turns,
        late: list[LateEnding],
        keep: Callable[[Sequence[LateEnding]], None],
    ) -> None:
        self.lease = lease
        self.server = lease.server
        self.databases = databases
        self.gateway = gateway
        self.stopping = stopping
        self.turns = turns
        self.late = late
        self.keep = keep
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
        # Deliveries that are claimed and have no outcome yet.
        self.on_the_wire: set[int] = set()
        self.endings: list[Ending] = []
        self.unsent: list[tuple[ClaimedDelivery, str]] = []
        self.open_claims: Counter[UUID] = Counter()
        self.settled: list[UUID] = []
        self.progress = asyncio.Event()
        # Whether the last claim left nothing due, and nobody has said since that there is more.
        self.is_exhausted = False
        self.looked_at = 0.0
        self.record = DrainRecord(lease.server.name)

    def look_again(self) -> None:
        """Take notice that there may be more to send."""
        self.is_exhausted = False
        self.progress.set()

    async def run(self) -> None:
        """Run until nothing is due, the Chat Server fails, or the worker stops. Deliveries in
        flight still get their true outcome."""
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
        # A Chat Server that failed last time is tried with one delivery.
        window = 1 if self.server.failures_in_a_row else self.server.window
        return max(0, window - len(self.on_the_wire))

    def _is_worth_a_step(self, wait_seconds: float | None) -> bool:
        """Return whether a step is worthwhile: when a part of the window can be recorded or
        claimed, so that the rest is on the wire meanwhile, or when nothing is on the wire."""
        part = max(1, self.server.window // PARTS)
        return (
            len(self.endings) + len(self.unsent) >= part
            or not self.on_the_wire
            or (wait_seconds == 0.0 and self._room() >= part)
        )

    # Steps

    async def _step(self) -> float | None:
        """Record the outcomes, claim what there is room for, and start writing that to the wire
        while the next step begins.

        Return the seconds until the pace allows more; None if nothing more is due.
        """
        await self._connect()
        await self._note_health()
        if self.is_superseded:
            return None
        back = _Back(self.endings, self.unsent, self.settled)
        self.endings, self.unsent, self.settled = [], [], []
        # The last tries only record outcomes: nothing else may make that fail.
        is_last = self.database_failures >= DATABASE_FAILURES_MOST and back.has_outcomes
        room = 0 if is_last or self._has_looked(back) else self._room()
        if not (back.has_outcomes or room):
            self.settled = back.settled
            return None if self._is_over() or self.is_exhausted else 0.0
        claim, since = uuid4(), asyncio.get_running_loop().time()
        if room:
            self.looked_at = since
            self.is_exhausted = True  # until somebody says meanwhile that there is more
        try:
            said = back.wordless if self.is_wordless else back
            step = await self._record_and_claim(claim, said, room)
        except LeaseLost:
            self._put_back(back)
            self.supersede()
            return None
        except (DatabaseError, InterfaceError) as error:
            self.is_exhausted = False
            self._put_back(back)
            await self._regain_database(error, unwritten=claim)
            return 0.0
        self.database_failures, self.is_wordless = 0, False
        if room:
            self.is_exhausted &= step.wait_seconds is None
        self.record.step(step.claimed, back.endings, back.unsent)
        self._write_claimed(claim, step, since)
        return step.wait_seconds

    def _has_looked(self, back: _Back) -> bool:
        """Return whether a look would hardly find more. Then the drain only records: whoever ends
        it looks once more when it has ended."""
        if not self.is_exhausted or back.unsent:
            return False
        since = asyncio.get_running_loop().time() - self.looked_at
        return not self.on_the_wire or since < LOOK_AGAIN_SECONDS

    async def _record_and_claim(self, claim: UUID, back: "_Back", room: int) -> Step:
        due_at = self.server.retry_at
        return await self.databases.call(
            drain_step,
            self.lease,
            claim=claim,
            endings=back.endings,
            postponements=[
                Postponement(delivery, due_at, detail) for delivery, detail in back.unsent
            ],
            room=room,
            on_the_wire=tuple(self.on_the_wire),
            settled=back.settled,
            turns=self.turns,
        )

    def _put_back(self, back: "_Back") -> None:
        """Keep what could not be recorded, before what has come since."""
        self.endings = back.endings + self.endings
        self.unsent = back.unsent + self.unsent
        self.settled = back.settled + self.settled

    def _write_claimed(self, claim: UUID, step: Step, since: float) -> None:
        has_moved = step.server is not None and step.server.url != self.server.url
        self.server = step.server or self.server
        if step.waited is not None:
            self.turns.waited = step.waited
        if step.claimed:
            self.has_claimed = True
            self.open_claims[claim] = len(step.claimed)
            self._note_turns(step)
            self.on_the_wire |= {delivery.id for delivery in step.claimed}
            channel = None if has_moved else self.channel
            writing = asyncio.create_task(self._write(step.claimed, channel, since))
            self.writing.add(writing)
            writing.add_done_callback(self._is_written)

    def _note_turns(self, step: Step) -> None:
        assert step.now is not None  # noqa: S101
        turns = self.turns.sends
        for delivery in step.claimed:
            turns[delivery.send_id] = step.now.timestamp()
        if len(turns) > TURNS_MOST:
            for send_id in sorted(turns, key=turns.__getitem__)[: TURNS_MOST // 2]:
                del turns[send_id]

    async def _regain_database(self, error: Exception, *, unwritten: UUID) -> None:
        """Wait for the database after it failed, and continue with what is in flight.

        `unwritten` is the claim of the failed step. Committed or not, it was not written to the
        wire, so its deliveries become pending again. Raises the error only if no outcome would be
        lost with this drain, or if the worker was asked to stop and the database stays away.
        """
        self.database_failures += 1
        if self.database_failures > DATABASE_FAILURES_MOST:
            if not (self.on_the_wire or self.endings or self.unsent):
                raise error
            # Only what is refused for what it says may be right without its words.
            if not isinstance(error, DataError | IntegrityError) or not self._give_up_words():
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
        logger.warning(
            "database failed while sending", chat_server=self.server.name, error=str(error)
        )
        asked_to_stop_at: float | None = None
        now = asyncio.get_running_loop().time
        while True:
            try:
                lost = await self.databases.call(
                    deliveries_recover,
                    self.lease,
                    ours=set(self.open_claims) | set(self.settled),
                    unwritten={unwritten},
                )
            except LeaseLost:
                self.supersede()
                return
            except (DatabaseError, InterfaceError):
                if self.stopping.is_set():
                    asked_to_stop_at = asked_to_stop_at or now()
                    if now() > asked_to_stop_at + self._stop_patience():
                        self._give_up()
                        raise
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
            else:
                logger.info("database is back", chat_server=self.server.name, lost=lost)
                return

    def _stop_patience(self) -> float:
        return STOP_PATIENCE_SECONDS if self.on_the_wire else STOP_PATIENCE_IDLE_SECONDS

    def _give_up(self) -> None:
        """Keep what is known and can't be recorded. What still comes stands with the late
        answers."""
        known = [LateEnding(item) for item in self.endings]
        known += [LateEnding(_nothing_left(*each), may_wait=True) for each in self.unsent]
        self.endings, self.unsent, self.is_superseded = [], [], True
        if known:
            self.keep(known)

    def _give_up_words(self) -> bool:
        """Record outcomes without their texts from now on, as the outcome matters more. Return
        whether that leaves anything to try."""
        if self.is_wordless or not (self.endings or self.unsent):
            return False
        self.is_wordless = True
        ids = [item.delivery.id for item in self.endings] + [item.id for item, _why in self.unsent]
        logger.error("recorded without words", chat_server=self.server.name, deliveries=ids)
        return True

    def supersede(self) -> None:
        """Stop: another worker has the lease, and has recorded as unknown what is in flight. What
        is known here stands beside that."""
        if not self.is_superseded:
            self.is_superseded = True
            logger.warning(
                "another worker took over",
                chat_server=self.server.name,
                unrecorded=[item.delivery.id for item in self.endings],
                on_the_wire=sorted(self.on_the_wire),
            )
        # Again after each step that was under way meanwhile: it gives back what it had in hand.
        self.late += [LateEnding(item) for item in self.endings]
        self.late += [LateEnding(_nothing_left(*each)) for each in self.unsent]
        self.endings, self.unsent = [], []
        self.progress.set()

    # The wire

    async def _connect(self) -> None:
        """Open a channel before anything is claimed for it."""
        if self._is_over() or not self.server.takes_deliveries:
            return
        try:
            self.channel = await self.gateway.channel(self.server)
        except Unreachable as error:
            self.failed = sentence_of(error)
        except Exception as error:  # whatever it is, nothing was written: record that
            logger.exception("no channel", chat_server=self.server.name)
            self.failed = storable(
                term("The console failed to open a connection: {error}", error=error)
            )

    async def _write(
        self, claimed: list[ClaimedDelivery], channel: Channel | None, since: float
    ) -> None:
        """Submit all deliveries. They wait again if there is no channel, as after a new address.

        Their time runs from before their claim (`since`), so whatever stood still in between, as a
        frozen process, is not written when another may have taken over.
        """
        for number, delivery in enumerate(claimed, start=1):
            if self.is_superseded:
                left = claimed[number - 1 :]
                self.late += [LateEnding(_nothing_left(each, NOT_WRITTEN)) for each in left]
                return
            if channel is not None:
                self._submit(channel, delivery, since)
            else:
                self._is_settled(delivery)
                self.unsent.append((delivery, "The Chat Server's settings changed."))
            if number % SUBMIT_AT_ONCE == 0:
                await asyncio.sleep(0)  # lets them leave, and answers come in

    def _is_written(self, writing: asyncio.Task[None]) -> None:
        """Note an error in writing: the drain would wait forever for what was not written."""
        self.writing.discard(writing)
        if not writing.cancelled() and writing.exception() is not None:
            self.broken = writing.exception()
            self.progress.set()

    def _submit(self, channel: Channel, delivery: ClaimedDelivery, since: float) -> None:
        try:
            request = esp_request(delivery)
        except InvalidRequest as error:
            self._is_settled(delivery)
            self.endings.append(refused_here(delivery, sentence_of(error)))
            return
        channel.send(
            request,
            partial(self._settle, delivery, since),
            since=since,
            late=partial(self._settle_late, delivery),
        )

    def _settle(self, delivery: ClaimedDelivery, since: float, outcome: Outcome) -> None:
        outcome = storable_outcome(outcome)
        self.record.round_trips.append(outcome.round_trip)
        self._is_settled(delivery)
        ended = ending(delivery, outcome)
        if self.is_superseded:
            if outcome.kind != OutcomeKind.UNKNOWN:
                self.late.append(LateEnding(ended or _nothing_left(delivery, outcome.why)))
            return
        if ended is None:
            self.unsent.append((delivery, outcome.why))
        else:
            self.endings.append(ended)
        if outcome.is_answer:
            self.answered = True
        elif outcome.kind == OutcomeKind.UNKNOWN or (outcome.retryable and self._is_in_time(since)):
            self.failed = self.failed or outcome.why
        if self._is_worth_a_step(None):
            self.progress.set()

    def _is_in_time(self, since: float) -> bool:
        """Return whether a request that was not sent had time left. Otherwise this process stood
        still, and the Chat Server did not fail."""
        return asyncio.get_running_loop().time() < since + self.server.request_timeout_seconds

    def _settle_late(self, delivery: ClaimedDelivery, outcome: Outcome) -> None:
        ended = ending(delivery, storable_outcome(outcome))
        if ended is not None:
            self.late.append(LateEnding(ended, outcome.round_trip))

    def _is_settled(self, delivery: ClaimedDelivery) -> None:
        """Count down the delivery's claim. A claim is settled once all of its deliveries are."""
        self.on_the_wire.discard(delivery.id)
        claim = delivery.claim
        if claim is not None:
            self.open_claims[claim] -= 1
            if not self.open_claims[claim]:
                del self.open_claims[claim]
                self.settled.append(claim)

    async def _note_health(self) -> None:
        """Record the Chat Server's health: it rests after a fault; an answer makes it healthy."""
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
        """Write the health. If that fails, recover the database, so that no outcome is lost."""
        try:
            await self.databases.call(write)
        except (DatabaseError, InterfaceError) as error:
            await self._regain_database(error, unwritten=uuid4())

    # Waiting

    async def _await_progress(self, wait_seconds: float | None) -> None:
        """Wait until enough outcomes are back, there is more to send, or it is time to record."""
        seconds = RECORD_AFTER_SECONDS
        if wait_seconds and self._room():
            seconds = min(seconds, wait_seconds)
        self.progress.clear()
        if self._is_worth_a_step(wait_seconds):
            return  # it came while the last outcomes were being written
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


def _nothing_left(delivery: ClaimedDelivery, why: str) -> Ending:
    """Return the ending of a delivery of which nothing was written, and which can't wait again."""
    return Ending(delivery, DeliveryStatus.FAILED, Reason.NOT_SENT, NOT_SENT_FOR(why=why))


def _is_healthy(server: ChatServer) -> bool:
    return server.health == "healthy" and not server.failures_in_a_row
