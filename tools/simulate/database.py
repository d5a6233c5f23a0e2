"""The model of the database: what the engine's functions promise, without SQL.

Each function of the engine that writes has one of the same name here. It is a generator: before
each transaction it yields the id of the Chat Server whose row that transaction locks first, or None
(console.sends.engine.record). What it does then happens at one moment. So whoever runs it can let
connections fail between any two transactions, before a commit, or after one whose answer is lost.

tests/simulate/test_model.py runs the same histories here and on PostgreSQL.
"""

from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from math import floor
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, DataError

from console.interactions.models import ChatServer
from console.interactions.services import Lease, LeaseLost
from console.interactions.services.wire import (
    CONTEST_SECONDS,
    QUANTUM_SECONDS,
    SLOTS_PER_SECOND,
    STALE_SECONDS,
)
from console.sends.engine.claim import LOOKED_AT_MOST, NO_TURNS, TRIES_WHEN_LATE, Step
from console.sends.engine.dispatcher import Begun
from console.sends.engine.kept_outcomes import _read_all
from console.sends.engine.late_answers import LateEnding
from console.sends.engine.outcomes import ClaimedDelivery, Ending, Postponement
from console.sends.engine.priority import ORDER, Line, Turns
from console.sends.models import DeliveryStatus
from tools.simulate.rows import DeliveryRow, LateRow, OutboxRow, SendRow, ServerRow, Tables, Watch

# Between its transactions a function yields the Chat Server whose row the next one locks.
Work = Generator[int | None, None, Any]
# Stands for the deliveries of late answers, which are locked first.
LATE_ANSWERS = 0
# An outcome with this text is one that the database refuses for what it says.
POISON = "\N{SKULL AND CROSSBONES}"


class ModelDatabase:
    """The tables, and the functions that read and write them. `now` is the database's clock.
    `notify` tells the workers that a Chat Server has work; `is_locked` says whether somebody else
    holds a Chat Server's row."""

    def __init__(
        self,
        now: Callable[[], float],
        *,
        watch: Watch | None = None,
        notify: Callable[[str], None] = lambda name: None,
        is_locked: Callable[[int], bool] = lambda server_id: False,
    ) -> None:
        self.tables = Tables()
        self.now = now
        self.watch = watch or Watch()
        self.notify = notify
        self.is_locked = is_locked
        # By how much the clock of whoever calls is wrong. Nothing may depend on it.
        self.wall_ahead = 0.0

    def work(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Work:
        """Return what the model does in place of a function of the engine."""
        if isinstance(function, partial):
            options = {**function.keywords, **options}
            arguments, function = (*function.args, *arguments), function.func
        model: Callable[..., Work] = getattr(self, function.__name__.lstrip("_"))
        return model(*arguments, **options)

    # Leases

    def chat_server_leases_take(self, names: Collection[str], worker: UUID) -> Work:
        yield None
        return self._take_leases(names, worker)

    def _take_leases(self, names: Collection[str], worker: UUID) -> dict[str, Lease | float]:
        taken = {name: self._take_lease(name, worker) for name in names}
        return {name: lease for name, lease in taken.items() if lease is not None}

    def _take_lease(self, name: str, worker: UUID) -> Lease | float | None:
        row, now = self.tables.server(name), self.now()
        if row is None or self.is_locked(row.id):
            return None
        is_stale = row.drain_renewed_at is not None and row.drain_renewed_at < now - STALE_SECONDS
        contested = row.drain_contested_at
        if self.is_free(row, worker, is_stale=is_stale, now=now):
            before, row.drain_holder = row.drain_holder, worker
            row.drain_epoch += 1
            row.drain_renewed_at, row.drain_contested_at = now, None
            self.watch.taken(row, before, now)
            return Lease(row.read(), row.drain_epoch)
        if not is_stale:
            return None
        row.drain_contested_at = now if contested is None else contested
        return CONTEST_SECONDS

    @staticmethod
    def is_free(row: ServerRow, worker: UUID, *, is_stale: bool, now: float) -> bool:
        contested = row.drain_contested_at
        return row.drain_holder in (None, worker) or (
            is_stale and contested is not None and contested < now - CONTEST_SECONDS
        )

    def hold(self, lease: Lease, *, progressed: bool = False) -> ServerRow:
        """Return the locked row; raises LeaseLost."""
        row = self.tables.servers[lease.server.pk]
        if row.drain_epoch != lease.epoch or row.drain_holder is None:
            raise LeaseLost
        row.drain_renewed_at, row.drain_contested_at = self.now(), None
        if progressed:
            row.progressed_at = self.now()
        return row

    def chat_server_lease_hold(self, lease: Lease) -> Work:
        yield lease.server.pk
        self.hold(lease)

    def chat_server_leases_renew(self, leases: Mapping[int, int]) -> Work:
        yield None
        mine = {pk for pk, epoch in leases.items() if self.tables.servers[pk].drain_epoch == epoch}
        for pk in mine:
            if not self.is_locked(pk):
                row = self.tables.servers[pk]
                row.drain_renewed_at, row.drain_contested_at = self.now(), None
        return mine

    def chat_server_leases_release(self, leases: Collection[Lease]) -> Work:
        yield None
        free = {each.server.pk for each in leases if not self.is_locked(each.server.pk)}
        for lease in leases:
            if lease.server.pk in free:
                self.release(lease)
        return free

    def chat_server_lease_release(self, lease: Lease) -> Work:
        yield lease.server.pk
        self.release(lease)

    def release(self, lease: Lease) -> None:
        row = self.tables.servers[lease.server.pk]
        if row.drain_epoch == lease.epoch:
            row.drain_holder = row.drain_renewed_at = row.drain_contested_at = None

    # Pace

    def take_tokens(
        self, lease: Lease, most: int, *, progressed: bool
    ) -> tuple[ServerRow, int, float]:
        """Return the locked row, how many tokens were taken, and the seconds to another try."""
        row, now = self.tables.servers[lease.server.pk], self.now()
        if not self.is_epoch(row, lease):
            raise LeaseLost
        gone = max(0.0, now - row.bucket_at)
        tokens = min(row.burst, row.bucket_tokens + row.pace_per_second * gone)
        slot = floor(round(now * SLOTS_PER_SECOND, 4))
        pairs = zip(row.grant_slots, row.grant_counts, strict=True)
        recent = [pair for pair in pairs if slot - SLOTS_PER_SECOND - 1 < pair[0] <= slot]
        in_a_second = sum(count for _slot, count in recent)
        granted = max(0, min(most, floor(tokens), row.burst - in_a_second))
        wanted = min(most, row.burst, max(1, row.pace_per_second * QUANTUM_SECONDS))
        wait = max(0.0, (wanted - tokens) / row.pace_per_second)
        if in_a_second >= row.burst:
            wait = max(wait, (recent[0][0] + SLOTS_PER_SECOND + 1) / SLOTS_PER_SECOND - now)
        if granted and recent and recent[-1][0] == slot:
            recent[-1] = (slot, recent[-1][1] + granted)
        elif granted:
            recent.append((slot, granted))
        row.bucket_tokens, row.bucket_at = tokens - granted, now
        row.grant_slots = [each for each, _count in recent]
        row.grant_counts = [count for _slot, count in recent]
        if progressed:
            row.progressed_at = now
        row.drain_renewed_at, row.drain_contested_at = now, None
        return row, granted, 0.0 if granted else max(0.001, wait)

    def is_epoch(self, row: ServerRow, lease: Lease) -> bool:
        return row.drain_epoch == lease.epoch

    @staticmethod
    def return_tokens(row: ServerRow, unused: int) -> None:
        if unused:
            row.bucket_tokens += unused
            if row.grant_counts:
                row.grant_counts[-1] = max(0, row.grant_counts[-1] - unused)

    # Steps

    def drain_step(
        self,
        lease: Lease,
        *,
        claim: UUID,
        endings: Sequence[Ending] = (),
        postponements: Sequence[Postponement] = (),
        room: int = 0,
        on_the_wire: Collection[int] = (),
        settled: Collection[UUID] = (),
        turns: Turns = NO_TURNS,
    ) -> Work:
        yield lease.server.pk
        if any(POISON in f"{each.detail}{each.fault_text}{each.answer}" for each in endings):
            raise DataError("a text that the database refuses")
        row, granted, wait = None, 0, 0.0
        answered = any(each.is_answered for each in endings)
        if room > 0:
            row, granted, wait = self.take_tokens(lease, room, progressed=answered)
        else:
            self.hold(lease, progressed=answered)
        written = self.write_endings(endings, "sending")
        for each in settled:
            self.tables.claims.pop(each, None)
        self._postpone(postponements)
        step = Step()
        if row is not None:
            line = Line(turns, granted)
            step, skipped = self._claim_due(row, granted, wait, claim, on_the_wire, line)
            written += self.write_endings(skipped, "pending")
            claimed = [self.tables.deliveries[each.id] for each in step.claimed]
            self.watch.stepped(row, claimed, self.now())
        send_ids = {each.delivery.send_id for each in [*endings, *written]}
        send_ids -= {each.send_id for each in step.claimed}
        yield from self._tidy_up(send_ids, came_back=bool(postponements))
        return step

    def write_endings(self, endings: Iterable[Ending], from_status: str) -> list[Ending]:
        """Write the endings of rows that are as their drain left them; return those endings."""
        written = []
        for ending in endings:
            row = self.tables.deliveries.get(ending.delivery.id)
            claim = ending.delivery.claim if from_status == "sending" else None
            if row is None or row.status != from_status or row.claim != claim:
                continue
            row.status, row.reason = ending.status.value, str(ending.reason)
            row.detail, row.reference_id = str(ending.detail), ending.reference_id
            row.fault_code, row.fault_text = ending.fault_code[:100], ending.fault_text
            row.answer = ending.answer
            outbox = self.tables.sends[row.send_id].open.pop(row.id, None)
            self.watch.ended(row, outbox, self.now())
            written.append(ending)
        return written

    def _postpone(self, postponements: Iterable[Postponement]) -> None:
        for each in postponements:
            row = self.tables.deliveries[each.delivery.id]
            if row.status != "sending" or row.claim != each.delivery.claim:
                continue
            row.status, row.claim, row.detail = "pending", None, str(each.detail)
            outbox = self.tables.outbox(row.id)
            if outbox is not None:
                outbox.due_at = self.now() if each.due_at is None else each.due_at.timestamp()
            self.watch.came_back(row, self.now())

    def _tidy_up(self, send_ids: Collection[int], *, came_back: bool = False) -> Work:
        """What must not fail a step: the sweep does the same."""
        try:
            if any(self._is_over(send_id) for send_id in send_ids):
                yield None
                self._finish(send_ids)
            if came_back and self._left_of_cancelled():
                yield None
                self._abandon()
        except DatabaseError:
            pass

    # Claims

    def _claim_due(
        self,
        row: ServerRow,
        granted: int,
        wait: float,
        claim: UUID,
        on_the_wire: Collection[int],
        line: Line,
    ) -> tuple[Step, list[Ending]]:
        now, server = self.now(), row.read()
        at = datetime.fromtimestamp(now, UTC)
        if not row.takes_deliveries:
            self.return_tokens(row, granted)
            return Step(server=server, now=at), []
        if not granted:
            return Step(wait_seconds=wait, server=server, now=at), []
        self.watch.granted(row, granted, now)
        found = _Found(self, row, now)
        looked_at, is_all = 0, False
        while len(found.claimed) < granted and looked_at < LOOKED_AT_MOST and not is_all:
            most = min(max(granted, 2 * looked_at), LOOKED_AT_MOST - looked_at)
            due, waiting = self.due(row.name, now, {*on_the_wire, *found.ids}, most, line)
            looked_at += len(due)
            for outbox in due:
                if len(found.claimed) == granted:
                    break
                found.sort(outbox)
            line.note(waiting if due else 0, [_claimed(each, None) for each in found.claimed])
            is_all = (len(due) < most and len(found.claimed) < granted) or len(due) == 0
        ordered, waited = line.in_order(_claimed(each, None) for each in found.claimed)
        rows = [self.tables.deliveries[each.id] for each in ordered]
        claimed = self._mark(row, rows, claim, now)
        self._move(found.moved)
        self.return_tokens(row, granted - len(claimed))
        return Step(claimed, None if is_all else 0.0, server, at, waited), found.endings

    def due(
        self, name: str, now: float, apart: Collection[int], most: int, line: Line
    ) -> tuple[list[OutboxRow], int]:
        """Return what CLAIM selects, in its order, and the bits of the classes with something
        due."""
        if self.tables.is_stopped:
            return [], 0
        classes = {kind: self._due_of(kind, name, now, apart, most, line)[:most] for kind in ORDER}
        found = [
            (line.key(kind, place), row)
            for kind, rows in classes.items()
            for place, row in enumerate(rows, start=1)
        ]
        found.sort(key=lambda each: each[0])
        deliveries = self.tables.deliveries
        chosen = [row for _key, row in found[:most]]
        waiting = sum(1 << rank for rank, kind in enumerate(ORDER, start=1) if classes[kind])
        return [row for row in chosen if deliveries[row.delivery_id].status == "pending"], waiting

    def _due_of(
        self,
        kind: str,
        name: str,
        now: float,
        apart: Collection[int],
        most: int,
        line: Line,
    ) -> list[OutboxRow]:
        """Return what is due of the sends of one class, in the order of their turns."""
        time_to_live = settings.DELIVERY_TTL_SECONDS
        found: list[tuple[Any, OutboxRow]] = []
        for send in self.tables.sends.values():
            if send.status != "running" or not send.open or send.notice_class != kind:
                continue
            rows = [
                row
                for row in send.open.values()
                if row.due_at <= now
                and row.chat_server_name == name
                and row.delivery_id not in apart
            ]
            if not rows:
                continue
            rows.sort(key=_by_time)
            last = line.turns.sends.get(send.id, rows[0].due_at)
            for turn, row in enumerate(rows[:most]):
                came_back = _micro(row.expires_at) < _micro(row.due_at + time_to_live)
                found.append(((turn, came_back, last, row.due_at, send.id), row))
        found.sort(key=self.order)
        return [row for _key, row in found]

    @staticmethod
    def order(found: tuple[Any, OutboxRow]) -> Any:
        return found[0]

    def _mark(
        self, server: ServerRow, claimed: list[DeliveryRow], claim: UUID, now: float
    ) -> list[ClaimedDelivery]:
        if not claimed:
            return []
        self.tables.claims[claim] = (server.name, [row.id for row in claimed])
        for row in claimed:
            row.status, row.claim, row.attempted_at = "sending", claim, now
            row.attempts += 1
        self.watch.claimed(server, claimed, now)
        return [_claimed(row, claim) for row in claimed]

    def _move(self, moved: list[tuple[DeliveryRow, str]]) -> None:
        for row, name in moved:
            outbox = self.tables.outbox(row.id)
            row.chat_server_name = name
            if outbox is not None:
                outbox.chat_server_name = name
        for name in sorted({name for _row, name in moved}):
            self.notify(name)

    def is_progressing(self, server: ServerRow, now: float) -> bool:
        at = server.progressed_at
        return at is not None and at > now - settings.DELIVERY_TTL_SECONDS

    def is_late(self, outbox: OutboxRow, now: float) -> bool:
        return outbox.expires_at <= now

    # Recovery

    def deliveries_recover(
        self, lease: Lease, *, ours: Collection[UUID] = (), unwritten: Collection[UUID] = ()
    ) -> Work:
        yield lease.server.pk
        row = self.hold(lease)
        claims = {
            pk: ids
            for pk, (name, ids) in self.tables.claims.items()
            if name == row.name and pk not in ours
        }
        left = []
        for ids in claims.values():
            for pk in ids:
                delivery = self.tables.deliveries.get(pk)
                if delivery and delivery.status == "sending" and delivery.claim in claims:
                    left.append(_claimed(delivery, delivery.claim))
        back = [each for each in left if each.claim in unwritten]
        self._postpone([Postponement(each, None, each.last_detail) for each in back])
        lost = [each for each in left if each.claim not in unwritten]
        written = self.write_endings([_lost(each) for each in lost], "sending")
        for claim in claims:
            self.tables.claims.pop(claim, None)
        yield from self._tidy_up({each.send_id for each in left}, came_back=bool(unwritten))
        return len(written)

    # Health

    def chat_server_reached(self, server: ChatServer) -> Work:
        return self._set_health(server, "healthy", "", 0, None)

    def chat_server_unreachable(self, server: ChatServer, *, detail: str, rest: timedelta) -> Work:
        failures = server.failures_in_a_row + 1
        return self._set_health(server, "unhealthy", detail, failures, rest)

    def _set_health(
        self, server: ChatServer, health: str, detail: str, failures: int, rest: timedelta | None
    ) -> Work:
        yield None
        now = datetime.fromtimestamp(self.now(), UTC)
        server.health, server.health_detail = health, detail
        server.failures_in_a_row = failures
        server.retry_at = now + rest if rest else None
        yield server.pk
        row = self.tables.servers[server.pk]
        if row.url == server.url:
            row.health, row.health_detail, row.failures_in_a_row = health, str(detail), failures
            row.retry_at = server.retry_at.timestamp() if server.retry_at else None

    # Late answers

    def late_answers_record(self, late: Sequence[LateEnding]) -> Work:
        yield LATE_ANSWERS
        ended = self._record_late(late)
        yield from self._tidy_up({each.delivery.send_id for each in ended})

    def _record_late(self, late: Sequence[LateEnding]) -> list[Ending]:
        """Record each as its delivery is now."""
        same = [each for each in late if self._is_of_claim(each.ending)]
        deliveries = self.tables.deliveries
        is_open = [deliveries[each.ending.delivery.id].status == "sending" for each in same]
        open_ = [each for each, its_claim in zip(same, is_open, strict=True) if its_claim]
        for each, its_claim in zip(same, is_open, strict=True):
            if not its_claim:
                self._stand_beside(each.ending)
        self._postpone(
            Postponement(each.ending.delivery, None, each.ending.detail)
            for each in open_
            if each.may_wait
        )
        return self.write_endings([each.ending for each in open_ if not each.may_wait], "sending")

    def _is_of_claim(self, ending: Ending) -> bool:
        row = self.tables.deliveries.get(ending.delivery.id)
        return row is not None and row.claim is not None and row.claim == ending.delivery.claim

    def _stand_beside(self, ending: Ending) -> None:
        row, status = self.tables.deliveries[ending.delivery.id], ending.status.value
        told = any(
            each.delivery_id == row.id and each.status == status for each in self.tables.late
        )
        if row.status != "unknown" or status == "unknown" or told:
            return
        late = LateRow(row.id, status, ending.reference_id, ending.answer)
        self.tables.late.append(late)
        self.watch.late(late, self.now())

    def outcomes_take_up(self, files: Any) -> Work:
        """What workers that have ended left in their files (tools.simulate.disk)."""
        for left in files.left():
            late = [each for _number, each in _read_all(left.lines())]
            yield LATE_ANSWERS
            ended = self._record_late([each for each in late if self._is_here(each)])
            yield from self._tidy_up({each.delivery.send_id for each in ended})
            files.remove(left)

    def _is_here(self, late: LateEnding) -> bool:
        return late.ending.delivery.id in self.tables.deliveries

    # The dispatcher's own (console.sends.engine.dispatcher)

    def begin(self, names: Sequence[str], worker: UUID) -> Work:
        yield None
        servers = [self.tables.server(name) for name in names]
        wanted = [server.name for server in servers if server and self._has_work(server)]
        if not wanted:
            return [None] * len(names)
        yield None
        taken = self._take_leases(wanted, worker)
        begun = {
            name: Begun(lease, self._has_claims(name)) if isinstance(lease, Lease) else lease
            for name, lease in taken.items()
        }
        return [begun.get(name) for name in names]

    def recover(self, lease: Lease) -> Work:
        yield from self.deliveries_recover(lease)

    def end(self, leases: Sequence[Lease]) -> Work:
        released = yield from self.chat_server_leases_release(leases)
        yield None
        is_due = {pk: self._is_more_due(pk) for pk in released}
        return [is_due.get(lease.server.pk) for lease in leases]

    def end_alone(self, lease: Lease) -> Work:
        yield from self.chat_server_lease_release(lease)
        yield None
        return self._is_more_due(lease.server.pk)

    def _is_more_due(self, pk: int) -> bool:
        server = self.tables.servers.get(pk)
        due_at = self.next_due_at(server.name) if server else None
        if server is None or due_at is None or not server.takes_deliveries:
            return False
        if _next_try(server, due_at) <= self.now():
            return True
        self.tables.wakes.setdefault(server.name, _next_try(server, due_at))
        return False

    def _has_work(self, server: ServerRow) -> bool:
        due_at = self.next_due_at(server.name)
        if self._has_claims(server.name):
            return True
        if due_at is None or not server.takes_deliveries:
            return False
        if _next_try(server, due_at) <= self.now():
            return True
        self.tables.wakes.setdefault(server.name, _next_try(server, due_at))
        return False

    def _has_claims(self, name: str) -> bool:
        return any(each == name for each, _ids in self.tables.claims.values())

    def next_due_at(self, name: str) -> float | None:
        if self.tables.is_stopped:
            return None
        return min(
            (
                row.due_at
                for send in self.tables.sends.values()
                if send.status == "running"
                for row in send.open.values()
                if row.chat_server_name == name
            ),
            default=None,
        )

    # The sweep (console.sends.tasks)

    def sweep_now(self) -> Work:
        yield None
        self._abandon()
        yield None
        self._follow()
        yield from self.deliveries_expire()
        yield None
        self._finish(self.tables.sends)
        yield None
        for name in self._with_open_deliveries():
            self.notify(name)

    def deliveries_abandon(self) -> Work:
        yield None
        return self._abandon()

    def deliveries_follow(self) -> Work:
        yield None
        return self._follow()

    def deliveries_expire(self) -> Work:
        yield None
        number = self._expire()
        yield from self._tidy_up(self.tables.sends)
        return number

    def sends_finish(self) -> Work:
        yield None
        return self._finish(self.tables.sends)

    def _left_of_cancelled(self) -> list[DeliveryRow]:
        return [
            self.tables.deliveries[pk]
            for send in self.tables.sends.values()
            if send.status == "cancelled"
            for pk in send.open
            if self.tables.deliveries[pk].status == "pending"
        ]

    def deliveries_cancel(self, send: SendRow) -> None:
        """What cancelling does to what has not left."""
        for pk in list(send.open):
            if self.tables.deliveries[pk].status == "pending":
                self._end(self.tables.deliveries[pk], "cancelled", "")

    def _abandon(self) -> int:
        left = self._left_of_cancelled()
        for row in left:
            row.status = "cancelled"
            outbox = self.tables.sends[row.send_id].open.pop(row.id, None)
            self.watch.ended(row, outbox, self.now())
        return len(left)

    def _follow(self) -> int:
        now, names, moved = self.now(), {}, 0
        for server in self.tables.servers.values():
            names[server.name] = server
        for send in self.tables.sends.values():
            for outbox in send.open.values():
                row = self.tables.deliveries[outbox.delivery_id]
                chat = self.tables.chats.get(row.interaction_id)
                left = names.get(outbox.chat_server_name)
                if chat is None or chat.has_ended or left is None or row.status != "pending":
                    continue
                to = names.get(chat.chat_server_name)
                if to is None or not to.enabled or to is left:
                    continue
                if left.health == "unhealthy" or not left.takes_deliveries:
                    row.chat_server_name = outbox.chat_server_name = to.name
                    if left.held_at is not None:
                        whole = now + settings.DELIVERY_TTL_SECONDS
                        outbox.expires_at = max(outbox.expires_at, whole)
                    moved += 1
                    self.notify(to.name)
        return moved

    def _expire(self) -> int:
        if self.tables.is_stopped:
            return 0
        now, number = self.now(), 0
        waiting = {
            server.name
            for server in self.tables.servers.values()
            if server.held_at is not None or (server.enabled and self.is_progressing(server, now))
        }
        for send in self.tables.sends.values():
            if send.status != "running":
                continue
            for outbox in list(send.open.values()):
                row = self.tables.deliveries[outbox.delivery_id]
                if outbox.chat_server_name in waiting or row.status != "pending":
                    continue
                if self.is_late(outbox, now):
                    number += self._end(row, "failed", "not_sent")
        return number

    def _end(self, row: DeliveryRow, status: str, reason: str) -> int:
        row.status, row.reason = status, reason
        outbox = self.tables.sends[row.send_id].open.pop(row.id, None)
        self.watch.ended(row, outbox, self.now())
        return 1

    def _is_over(self, send_id: int) -> bool:
        send = self.tables.sends[send_id]
        return send.status in ("running", "paused") and not send.open

    def _finish(self, send_ids: Iterable[int]) -> list[int]:
        over = [pk for pk in sorted(send_ids) if self._is_over(pk)]
        for pk in over:
            send: SendRow = self.tables.sends[pk]
            send.status = "finished"
            self.watch.finished(send, self.now())
        return over

    def _with_open_deliveries(self) -> list[str]:
        now, names = self.now(), []
        for server in self.tables.servers.values():
            due_at = min(
                (
                    row.due_at
                    for send in self.tables.sends.values()
                    if send.status == "running"
                    for row in send.open.values()
                    if row.chat_server_name == server.name
                ),
                default=None,
            )
            is_due = server.takes_deliveries and due_at is not None and due_at <= now
            if is_due or self._has_claims(server.name):
                names.append(server.name)
        return sorted(names)


class _Found:
    """What a step looked at, by what becomes of it (console.sends.engine.claim)."""

    def __init__(self, database: ModelDatabase, server: ServerRow, now: float) -> None:
        self.database = database
        self.server = server
        self.now = now
        self.claimed: list[DeliveryRow] = []
        self.endings: list[Ending] = []
        self.moved: list[tuple[DeliveryRow, str]] = []
        self.ids: set[int] = set()

    def sort(self, outbox: OutboxRow) -> None:
        tables = self.database.tables
        row = tables.deliveries[outbox.delivery_id]
        chat = tables.chats.get(row.interaction_id)
        self.ids.add(row.id)
        tries = row.attempts + 1
        is_progressing = self.database.is_progressing(self.server, self.now)
        if self.database.is_late(outbox, self.now) and (
            not is_progressing or tries > TRIES_WHEN_LATE
        ):
            self._end(row, "failed", "not_sent")
        elif chat is None or chat.has_ended or not chat.is_online:
            self._end(row, "skipped", "offline")
        elif chat.chat_server_name == row.chat_server_name:
            self.claimed.append(row)
        elif tables.server(chat.chat_server_name) is None:
            self._end(row, "skipped", "unknown_chat_server")
        else:
            self.moved.append((row, chat.chat_server_name))

    def _end(self, row: DeliveryRow, status: str, reason: str) -> None:
        self.endings.append(Ending(_claimed(row, None), DeliveryStatus(status), reason))


def _claimed(row: DeliveryRow, claim: UUID | None) -> ClaimedDelivery:
    return ClaimedDelivery(
        claim,
        row.id,
        row.send_id,
        row.interaction_id,
        "Message",
        row.chat_server_name,
        row.body,
        "",
        row.attempts,
        "ALL",
        "Team",
        "text",
        "message",
        row.detail,
        {"InteractionId": row.interaction_id},
        row.notice_class,
    )


def _lost(delivery: ClaimedDelivery) -> Ending:
    return Ending(delivery, DeliveryStatus.UNKNOWN, "worker_lost")


def _next_try(server: ServerRow, due_at: float) -> float:
    return max(due_at, server.retry_at or due_at)


def _by_time(row: OutboxRow) -> tuple[float, int]:
    return row.due_at, row.delivery_id


def _micro(seconds: float) -> int:
    return round(seconds * 1_000_000)
