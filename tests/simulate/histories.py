"""The same history on PostgreSQL and on the model of it: what is done, what came out, what is left.

On PostgreSQL the clock is ours: its functions are found in a schema before `pg_catalog`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

from django.db import connection

from console.interactions.models import ChatServer, Interaction
from console.interactions.services import (
    Lease,
    LeaseLost,
    chat_server_lease_hold,
    chat_server_lease_release,
    chat_server_leases_release,
    chat_server_leases_renew,
    chat_server_leases_take,
    chat_server_reached,
    chat_server_unreachable,
)
from console.sends.engine import dispatcher
from console.sends.engine.claim import Step
from console.sends.engine.dispatcher import Begun
from console.sends.engine.late_answers import LateEnding, late_answers_record
from console.sends.engine.outcomes import ClaimedDelivery, Ending, Postponement
from console.sends.engine.priority import Turns
from console.sends.engine.record import (
    deliveries_abandon,
    deliveries_expire,
    deliveries_follow,
    deliveries_recover,
    drain_step,
    sends_finish,
)
from console.sends.models import (
    Claim,
    Delivery,
    DeliveryStatus,
    LateAnswer,
    Outbox,
    Reason,
    Send,
    SendingStop,
)
from tools.simulate.database import ModelDatabase
from tools.simulate.rows import ChatRow, DeliveryRow, OutboxRow, SendRow, ServerRow

CLOCK = """
CREATE SCHEMA simulated;
CREATE FUNCTION simulated.clock_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('simulated.now')::timestamptz $$;
CREATE FUNCTION simulated.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT current_setting('simulated.now')::timestamptz $$
"""
NOTHING_LEFT = (DeliveryStatus.FAILED, Reason.NOT_SENT)


@contextmanager
def our_clock() -> Iterator[None]:
    """Let PostgreSQL's clock in this session be a setting."""
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute(CLOCK)
        cursor.execute("SET search_path = simulated, public, pg_catalog")
    set_back()
    try:
        yield
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA simulated CASCADE")


def set_back() -> None:
    """Let our clock show the real time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('simulated.now', pg_catalog.now()::text, false)")


def seconds(value: Any) -> Any:
    return value.timestamp() if isinstance(value, datetime) else value


def loaded(now: Callable[[], float]) -> ModelDatabase:
    """Return a model with what PostgreSQL has."""
    model = ModelDatabase(now)
    tables = model.tables
    for server in ChatServer.objects.all():
        values = {each.name: seconds(getattr(server, each.name)) for each in fields(ServerRow)}
        values["health_detail"] = str(values["health_detail"])
        tables.servers[server.pk] = ServerRow(**values)
    for chat in Interaction.objects.all():
        ended = chat.ended_at is not None
        tables.chats[chat.pk] = ChatRow(chat.chat_server_name, chat.is_online, ended)
    for send in Send.objects.all():
        tables.sends[send.pk] = SendRow(send.pk, send.status, send.notice_class)
    due = {row.pk: row for row in Outbox.objects.all()}
    for row in Delivery.objects.order_by("pk"):
        at = due[row.pk]
        tables.add(
            DeliveryRow(
                row.pk,
                row.send_id,
                row.interaction_id,
                row.chat_server_name,
                row.body,
                tables.sends[row.send_id].notice_class,
            ),
            OutboxRow(
                row.pk,
                row.send_id,
                at.chat_server_name,
                at.due_at.timestamp(),
                at.expires_at.timestamp(),
            ),
        )
    return model


def state_of_model(model: ModelDatabase) -> dict[str, Any]:
    tables = model.tables
    return {
        "servers": {
            pk: {each.name: _near(getattr(row, each.name)) for each in fields(row)}
            for pk, row in tables.servers.items()
        },
        "deliveries": {
            pk: (row.status, row.reason, row.claim, row.attempts, row.chat_server_name)
            for pk, row in tables.deliveries.items()
        },
        "outbox": {
            pk: (row.chat_server_name, _near(row.due_at), _near(row.expires_at))
            for send in tables.sends.values()
            for pk, row in send.open.items()
        },
        "claims": {pk: (name, sorted(ids)) for pk, (name, ids) in tables.claims.items()},
        "sends": {pk: row.status for pk, row in tables.sends.items()},
        "late": sorted((row.delivery_id, row.status) for row in tables.late),
    }


def state_of_postgresql() -> dict[str, Any]:
    return {
        "servers": {
            row.pk: {
                each.name: _near(seconds(getattr(row, each.name))) for each in fields(ServerRow)
            }
            for row in ChatServer.objects.all()
        },
        "deliveries": {
            row.pk: (row.status, str(row.reason), row.claim, row.attempts, row.chat_server_name)
            for row in Delivery.objects.all()
        },
        "outbox": {
            row.pk: (
                row.chat_server_name,
                _near(seconds(row.due_at)),
                _near(seconds(row.expires_at)),
            )
            for row in Outbox.objects.all()
        },
        "claims": {
            row.pk: (row.chat_server_name, sorted(row.delivery_ids)) for row in Claim.objects.all()
        },
        "sends": dict(Send.objects.values_list("pk", "status")),
        "late": sorted(LateAnswer.objects.values_list("delivery_id", "status")),
    }


def _near(value: Any) -> Any:
    """Figures that differ by rounding alone are the same."""
    if isinstance(value, float):
        return round(value, 3)
    return str(value) if isinstance(value, str) else value


@dataclass
class Drained:
    """A drain as the history has it: one lease, and what is claimed under it, on both sides."""

    real: Lease
    model: Lease
    # By id: the delivery as PostgreSQL and as the model returned it.
    in_flight: dict[int, tuple[ClaimedDelivery, ClaimedDelivery]] = field(default_factory=dict)
    claims: dict[UUID, int] = field(default_factory=dict)
    settled: list[UUID] = field(default_factory=list)
    turns: Turns = field(default_factory=Turns)


class History:
    """A history of one seed. Each deed runs on both sides, and must come to the same."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30)
        self._set_clock()
        self.model = loaded(self.now)
        self.workers = [self._uuid() for _ in range(2)]
        self.drains: list[Drained] = []
        self.gone: list[tuple[ClaimedDelivery, ClaimedDelivery]] = []
        self.said: list[str] = []

    def now(self) -> float:
        return round(self.at.timestamp(), 6)

    def _uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def _set_clock(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('simulated.now', %s, false)", [self.at.isoformat()])

    def run(self, deeds: int) -> None:
        weighted = [
            *[self.step] * 8,
            *[self.advance] * 4,
            *[self.take] * 2,
            *(self.renew, self.release, self.hold, self.recover, self.late, self.health),
            *(self.begin, self.end, self.end_alone, self.sweep, self.people, self.begin_over),
        ]
        for _ in range(deeds):
            self.random.choice(weighted)()
            self.compare()

    def compare(self) -> None:
        model, real = state_of_model(self.model), state_of_postgresql()
        for name, rows in real.items():
            assert model[name] == rows, (name, self.said[-12:])

    def both(self, function: Callable[..., Any], real: Any, model: Any = None) -> tuple[Any, Any]:
        """Run a function with its arguments on PostgreSQL and in the model."""
        given = real if model is None else model
        arguments, options = given if isinstance(given, tuple) else ((), given)
        mine = self._modelled(function, arguments, options)
        arguments, options = real if isinstance(real, tuple) else ((), real)
        try:
            theirs = function(*arguments, **options)
        except LeaseLost:
            theirs = LeaseLost
        name = getattr(function, "func", function).__name__
        self.said.append(f"{self.now()} {name} {theirs}")
        assert plain(mine) == plain(theirs), self.said[-12:]
        return theirs, mine

    def _modelled(self, function: Callable[..., Any], arguments: Any, options: Any) -> Any:
        work = self.model.work(function, *arguments, **options)
        try:
            next(work)
            while True:
                work.send(None)
        except StopIteration as end:
            return end.value
        except LeaseLost:
            return LeaseLost

    # Deeds

    def advance(self) -> None:
        span = self.random.choice([0.001, 0.02, 0.3, 1.0, 3.5, 8.0, 130.0])
        self.at += timedelta(microseconds=round(1e6 * span * self.random.uniform(0.2, 1.2)))
        self._set_clock()

    def take(self) -> None:
        names = self._names()
        given: Any = ((names, self.random.choice(self.workers)), {})
        real, model = self.both(chat_server_leases_take, given)
        for name, lease in real.items():
            if isinstance(lease, Lease):
                self.drains.append(Drained(lease, model[name]))

    def begin(self) -> None:
        given: Any = ((self._names(), self.random.choice(self.workers)), {})
        real, model = self.both(dispatcher._begin, given)
        for begun, modelled in zip(real, model, strict=True):
            if isinstance(begun, Begun):
                self.drains.append(Drained(begun.lease, modelled.lease))
                if begun.has_left:
                    given = ((begun.lease,), {})
                    self.both(dispatcher._recover, given, ((modelled.lease,), {}))

    def _names(self) -> list[str]:
        names = [row.name for row in self.model.tables.servers.values()]
        return self.random.sample(names, self.random.randint(1, len(names)))

    def begin_over(self) -> None:
        """Somebody forgets all that it has in flight, as a worker that was killed."""
        if self.drains:
            drained = self.drains.pop(self.random.randrange(len(self.drains)))
            self.gone += drained.in_flight.values()

    def _any(self) -> Drained | None:
        return self.random.choice(self.drains) if self.drains else None

    def end(self) -> None:
        chosen = self.random.sample(self.drains, min(len(self.drains), self.random.choice([1, 3])))
        if chosen:
            real, model = [each.real for each in chosen], [each.model for each in chosen]
            self.both(dispatcher._end, ((real,), {}), ((model,), {}))

    def end_alone(self) -> None:
        if drained := self._any():
            self.both(dispatcher._end_alone, ((drained.real,), {}), ((drained.model,), {}))

    def renew(self) -> None:
        chosen = {each.real.server.pk: each.real.epoch for each in self.drains}
        self.both(chat_server_leases_renew, ((chosen,), {}))

    def hold(self) -> None:
        if drained := self._any():
            self.both(chat_server_lease_hold, ((drained.real,), {}), ((drained.model,), {}))

    def release(self) -> None:
        if self.random.random() < 0.5 and self.drains:
            real, model = [each.real for each in self.drains], [each.model for each in self.drains]
            self.both(chat_server_leases_release, ((real,), {}), ((model,), {}))
        elif drained := self._any():
            self.both(chat_server_lease_release, ((drained.real,), {}), ((drained.model,), {}))

    def step(self) -> None:
        drained = self._any()
        if drained is None:
            self.take()
            return
        random = self.random
        ended, back = {}, {}
        for pk in list(drained.in_flight):
            if random.random() < 0.5:
                ended[pk] = random.choice(OUTCOMES)
            elif random.random() < 0.2:
                back[pk] = random.choice([None, self.at + timedelta(seconds=1)])
        gone = {pk: drained.in_flight.pop(pk) for pk in [*ended, *back]}
        self.gone += gone.values()
        claim, room = self._uuid(), random.choice([0, 1, 3, 8])
        self._settle(drained, gone)
        sides = []
        for side, lease in enumerate((drained.real, drained.model)):
            options = {
                "claim": claim,
                "endings": [Ending(gone[pk][side], *how) for pk, how in ended.items()],
                "postponements": [Postponement(gone[pk][side], at, "") for pk, at in back.items()],
                "room": room,
                "on_the_wire": tuple(drained.in_flight),
                "settled": list(drained.settled),
                "turns": drained.turns,
            }
            sides.append(((lease,), options))
        real, model = self.both(drain_step, *sides)
        if real is LeaseLost:
            return
        drained.settled.clear()
        self._claimed(drained, claim, real, model)

    def _settle(self, drained: Drained, gone: dict[int, Any]) -> None:
        for real, _model in gone.values():
            drained.claims[real.claim] -= 1
            if not drained.claims[real.claim]:
                drained.settled.append(real.claim)

    def _claimed(self, drained: Drained, claim: UUID, real: Step, model: Step) -> None:
        if real.claimed:
            drained.claims[claim] = len(real.claimed)
        if real.waited is not None:
            drained.turns.waited = real.waited
        for mine, theirs in zip(real.claimed, model.claimed, strict=True):
            drained.in_flight[mine.id] = (mine, theirs)
            drained.turns.sends[mine.send_id] = self.now()

    def recover(self) -> None:
        if (drained := self._any()) is None:
            return
        claims = [*{real.claim for real, _model in drained.in_flight.values()}]
        ours = {each for each in claims if each and self.random.random() < 0.7}
        unwritten = {each for each in claims if each and self.random.random() < 0.3}
        options = {"ours": ours, "unwritten": unwritten}
        self.both(deliveries_recover, ((drained.real,), options), ((drained.model,), options))

    def late(self) -> None:
        if not self.gone:
            return
        chosen = self.random.sample(self.gone, min(2, len(self.gone)))
        unique = {real.id: (real, model) for real, model in chosen}.values()
        may_wait = self.random.random() < 0.3
        kinds: list[Any] = [(DeliveryStatus.DELIVERED, ""), NOTHING_LEFT, OUTCOMES[-1]]
        how = NOTHING_LEFT if may_wait else self.random.choice(kinds)
        sides = [
            [LateEnding(Ending(pair[side], *how), None, may_wait) for pair in unique]
            for side in (0, 1)
        ]
        self.both(late_answers_record, *(((side,), {}) for side in sides))

    def health(self) -> None:
        pk = self.random.choice(list(self.model.tables.servers))
        sides: list[Any] = [ChatServer.objects.get(pk=pk), self.model.tables.servers[pk].read()]
        if self.random.random() < 0.5:
            self.both(chat_server_reached, *(((server,), {}) for server in sides))
        else:
            rest = timedelta(seconds=self.random.choice([0.5, 4.0]))
            options = {"detail": "It is away.", "rest": rest}
            self.both(chat_server_unreachable, *(((server,), options) for server in sides))

    def sweep(self) -> None:
        for function in (deliveries_abandon, deliveries_follow, deliveries_expire, sends_finish):
            self.both(function, ((), {}))

    # What people do

    def people(self) -> None:
        self.random.choice(
            [self._chat_leaves, self._chat_moves, self._send_changes, self._held, self._stopped]
        )()

    def _chat_leaves(self) -> None:
        pk = self.random.choice(list(self.model.tables.chats))
        is_online = self.random.random() < 0.5
        self.model.tables.chats[pk].is_online = is_online
        Interaction.objects.filter(pk=pk).update(is_online=is_online)

    def _chat_moves(self) -> None:
        pk = self.random.choice(list(self.model.tables.chats))
        name = self.random.choice([row.name for row in self.model.tables.servers.values()])
        self.model.tables.chats[pk].chat_server_name = name
        Interaction.objects.filter(pk=pk).update(chat_server_name=name)

    def _send_changes(self) -> None:
        send = self.random.choice(list(self.model.tables.sends.values()))
        ways = {"running": ["paused", "paused", "cancelled"], "paused": ["running"]}
        if way := ways.get(send.status):
            send.status = self.random.choice(way)
            Send.objects.filter(pk=send.id).update(status=send.status)

    def _held(self) -> None:
        server = self.random.choice(list(self.model.tables.servers.values()))
        server.held_at = self.now() if server.held_at is None else None
        held_at = self.at if server.held_at else None
        ChatServer.objects.filter(pk=server.id).update(held_at=held_at)

    def _stopped(self) -> None:
        self.model.tables.is_stopped = not self.model.tables.is_stopped
        if self.model.tables.is_stopped:
            SendingStop.objects.create(reason="a test", stopped_at=self.at)
        else:
            SendingStop.objects.all().delete()


OUTCOMES: list[tuple[Any, ...]] = [
    (DeliveryStatus.DELIVERED, "", "", 7),
    (DeliveryStatus.DELIVERED, "", "", 8),
    (DeliveryStatus.FAILED, Reason.REFUSED, "", 9),
    (DeliveryStatus.UNKNOWN, Reason.NO_ANSWER),
]


def plain(result: Any) -> Any:
    """Return what a function returned in a form that can be compared."""
    if isinstance(result, Lease):
        return "lease", result.server.pk, result.epoch
    if isinstance(result, Step):
        claimed = [(each.id, each.send_id, each.attempts, each.claim) for each in result.claimed]
        wait = None if result.wait_seconds is None else round(result.wait_seconds, 3)
        return claimed, wait, seconds(result.now)
    if isinstance(result, Begun):
        return *plain(result.lease), result.has_left
    if isinstance(result, partial):
        return None
    if isinstance(result, dict):
        return {name: plain(each) for name, each in result.items()}
    if isinstance(result, list):
        return [*map(plain, result)]
    return sorted(result) if isinstance(result, set) else result
