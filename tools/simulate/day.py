"""One simulated day: an episode of work and faults in each hour, and rest."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.simulate.checks import Violation
from tools.simulate.clock import Spinning
from tools.simulate.faults import FAULTS, lift_all
from tools.simulate.setup import engine_log
from tools.simulate.watchdog import Watchdog
from tools.simulate.world import World, seeded

HOUR = 3600.0
# After the last fault: the longest rest of a Chat Server, a lease taken over, and a margin.
RECOVERY_SECONDS = 30.0 + 15.0 + 10.0
# How long all may take to become quiet once nothing is open: late answers, and timeouts.
QUIET_SECONDS = 300.0
CALM = 0.12  # the part of episodes without a fault


@dataclass
class DayResult:
    """What came out of one day."""

    seed: str
    hours: float = 0.0
    idle_hours: float = 0.0
    deliveries: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    digest: str = ""
    lines: int = 0
    violation: str = ""
    moment: float = 0.0
    last: list[str] = field(default_factory=list)


class Episode:
    """Some sends, and what happens to them meanwhile."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.random = world.random
        self.is_calm = self.random.random() < CALM
        self.seconds = self.random.uniform(5.0, 60.0)
        self.is_over = False

    def run(self) -> None:
        world = self.world
        self._prepare()
        began = world.time.now
        self._plan_sends(began)
        self.watchdog = Watchdog(world)
        if not self.is_calm:
            self._plan_faults(began)
            self._plan_people(began)
        world.time.run(began + self.seconds)
        self.is_over = self.watchdog.is_over = True
        lift_all(world)
        self._let_go_on()
        self._finish()
        if self.is_calm:
            self._check_calm()
        self._clear()

    def _prepare(self) -> None:
        world, random = self.world, self.random
        world.numbers["servers"] = random.randint(1, len(world.servers))
        world.have_workers(random.choice([1, 1, 2, 3]))
        for server in world.servers:
            row = world.model.tables.servers[int(server.name[5:])]
            row.window = random.choice([1, 4, 4, 32, 32])
            row.pace_per_second = random.choice([1.0, 5.0, 50.0, 500.0, 500.0])
            row.burst = max(1, int(row.pace_per_second * random.choice([0.3, 1, 3])))
            row.request_timeout_seconds = random.choice([1.0, 3.0, 10.0])
            row.connect_timeout_seconds = 2.0
            server.latency = random.choice([0.001, 0.01, 0.1])
            server.slow_seconds = row.request_timeout_seconds
        world.checks.begin()
        # No second sees more than the burst, so a smaller one slows it down.
        self.pace = {
            row.name: min(row.pace_per_second, row.burst)
            for row in world.model.tables.servers.values()
        }

    def _plan_sends(self, began: float) -> None:
        world, random = self.world, self.random
        names = [server.name for server in world.servers[: world.numbers["servers"]]]
        # What the paces allow in this time, and not too much of it.
        room = {name: min(self.pace[name] * self.seconds, 150.0) for name in names}
        for _ in range(random.randint(1, 25)):
            name = random.choice(names)
            size = 1 if random.random() < 0.5 else random.randint(2, 60)
            size = min(size, int(room[name]))
            if size < 1:
                continue
            room[name] -= size
            chosen = [name] * size
            if size > 3 and random.random() < 0.2:
                chosen = [random.choice(names) for _ in range(size)]
            at = began + random.random() ** 2 * self.seconds
            world.time.at(at, self._send, chosen)
            if size == 1 and random.random() < 0.35:
                room[name] -= self._plan_train(at, name, int(room[name]))

    def _plan_train(self, at: float, name: str, room: int) -> int:
        """Sends of one delivery close behind each other: some come while a drain is ending."""
        number = min(room, self.random.randint(3, 15))
        apart = self.random.choice([0.004, 0.012, 0.05])
        for _ in range(number):
            at += self.random.uniform(0.0, apart)
            self.world.time.at(at, self._send, [name])
        return number

    def _send(self, names: list[str]) -> None:
        if self.is_over:
            return
        if self.world.host.is_down or self.world.host.is_silent or self.world.host.refusal:
            self.world.time.after(1.0, self._send, names)  # as a caller that tries again
            return
        waiting = {
            row.chat_server_name
            for send in self.world.model.tables.sends.values()
            for row in send.open.values()
        }
        send = self.world.send(names)
        is_alone = len(set(names)) == 1 and names[0] not in waiting
        if is_alone and self.pace[names[0]] >= 5.0 and self.watchdog.is_all_well(names[0]):
            self.world.checks.expect_soon(send.id)

    def _plan_faults(self, began: float) -> None:
        random, kinds = self.random, list(FAULTS)
        # Some episodes have many faults of few kinds, which strike together.
        chosen = random.sample(kinds, random.choice([1, 2, 4, len(kinds)]))
        for _ in range(random.randint(1, 30)):
            at = began + random.random() ** 2 * self.seconds
            self.world.time.at(at, self._strike, random.choice(chosen))

    def _strike(self, kind: str) -> None:
        self.world.fault(kind)
        FAULTS[kind](self.world)

    # What people and the feed do

    def _plan_people(self, began: float) -> None:
        deeds = (self._pause, self._cancel, self._move, self._leave, self._hold, self._stop)
        for _ in range(self.random.choice([0, 0, 1, 3])):
            at = began + self.random.random() * self.seconds
            self.world.time.at(at, self._do, self.random.choice(deeds))

    def _do(self, deed: Callable[[], None]) -> None:
        self.world.disturbed()  # what it concerns need not leave at once
        deed()

    def _running(self) -> list[int]:
        sends = self.world.model.tables.sends.values()
        return [send.id for send in sends if send.status == "running" and send.open]

    def _pause(self) -> None:
        if running := self._running():
            send = self.world.model.tables.sends[self.random.choice(running)]
            send.status = "paused"
            self.world.checks.excuse(send.id)
            self.world.note(f"pause {send.id}")

    def _cancel(self) -> None:
        tables = self.world.model.tables
        if not (running := self._running()) or self.world.host.locks:
            return
        send = tables.sends[self.random.choice(running)]
        send.status = "cancelled"
        self.world.checks.excuse(send.id)
        self.world.note(f"cancel {send.id}")
        self.world.model.deliveries_cancel(send)

    def _move(self) -> None:
        """Some chats move to another Chat Server."""
        tables = self.world.model.tables
        to = self.random.choice(self.world.servers).name
        for send_id in self._running():
            self.world.checks.excuse(send_id)
            for pk in tables.sends[send_id].open:
                if self.random.random() < 0.1:
                    tables.chats[f"c{pk}"].chat_server_name = to
        for line in self.world.checks.lines.values():
            line.waiting.clear()
        self.world.note(f"move to {to}")

    def _leave(self) -> None:
        """Some chats go offline."""
        tables = self.world.model.tables
        for send_id in self._running():
            for pk in tables.sends[send_id].open:
                if self.random.random() < 0.1:
                    tables.chats[f"c{pk}"].is_online = False
        self.world.note("leave")

    def _hold(self) -> None:
        row = self.random.choice(list(self.world.model.tables.servers.values()))
        if row.id not in self.world.host.locks:
            row.held_at = self.world.database_now()
            self.world.checks.lines[row.name].waiting.clear()
            self.world.note(f"hold {row.name}")

    def _stop(self) -> None:
        self.world.model.tables.is_stopped = True
        for line in self.world.checks.lines.values():
            line.waiting.clear()
        self.world.note("stop all")
        self.world.time.after(self.random.uniform(1.0, 20.0), self._resume)

    def _resume(self) -> None:
        tables, now = self.world.model.tables, self.world.database_now()
        if tables.is_stopped:
            tables.is_stopped = False
            self._renew(now)

    def _renew(self, now: float) -> None:
        tables = self.world.model.tables
        for send in tables.sends.values():
            for row in send.open.values():
                row.expires_at = max(row.expires_at, now + self.world.checks.time_to_live)
        for server in tables.servers.values():
            self.world.notify(server.name)

    def _let_go_on(self) -> None:
        """People release what they held."""
        tables, now = self.world.model.tables, self.world.database_now()
        tables.is_stopped = False
        for server in tables.servers.values():
            server.held_at = None
        for send in tables.sends.values():
            if send.status == "paused":
                send.status = "running"
        self._renew(now)

    # The end

    def _finish(self) -> None:
        """Everything must end within a bound, and become quiet."""
        world = self.world
        tables = world.model.tables
        left: Counter[str] = Counter()
        for send in tables.sends.values():
            left.update(row.chat_server_name for row in send.open.values())
        work = max((1.2 * left[name] / self.pace[name] for name in left), default=0.0)
        work += sum(left.values()) * 0.3  # with a window of 1 and a slow network
        bound = world.time.now + RECOVERY_SECONDS + work
        world.time.run(bound, lambda: not any(send.open for send in tables.sends.values()))
        still = [pk for send in tables.sends.values() for pk in send.open]
        if still:
            world.checks.fail(f"deliveries {still[:10]} do not move, and all works")
        world.time.run(world.time.now + QUIET_SECONDS, self._is_settled)
        if not self._is_settled():
            world.checks.fail("it does not become quiet")
        world.checks.settle()

    def _is_settled(self) -> bool:
        sends = self.world.model.tables.sends.values()
        return self.world.is_quiet() and all(
            send.status in ("finished", "cancelled") for send in sends
        )

    def _check_calm(self) -> None:
        for pk, row in self.world.model.tables.deliveries.items():
            if row.status != "delivered" or row.attempts != 1:
                self.world.checks.fail(f"delivery {pk} is {row.status}, and nothing went wrong")

    def _clear(self) -> None:
        tables = self.world.model.tables
        tables.sends.clear()
        tables.deliveries.clear()
        tables.chats.clear()
        tables.late.clear()
        tables.wakes.clear()
        for process in self.world.processes:
            process.dispatch.turns.clear()


def simulate_day(seed: str, hours: float = 24.0, *, keeps_lines: bool = False) -> DayResult:
    """Simulate one day, or less."""
    world = World(seed, keeps_lines=keeps_lines)
    result = DayResult(seed)
    errors: list[str] = []
    hour = 0.0
    with seeded(world), engine_log(errors):
        try:
            while hour < hours:
                Episode(world).run()
                if world.checks.violation:
                    raise Violation(world.checks.violation)
                if errors:
                    world.checks.fail(f"the engine logs {errors[0]}")
                hour += 1.0
                if world.time.now < hour * HOUR:
                    world.time.skip(hour * HOUR - world.time.now)
        except (Violation, Spinning, AssertionError) as violation:
            result.violation = world.checks.violation or repr(violation)
            result.last = list(world.trace.last)
        finally:
            world.end()
    result.moment = world.time.now
    result.hours, result.idle_hours = world.time.now / HOUR, world.time.skipped / HOUR
    result.deliveries = world.numbers["delivery"]
    result.outcomes, result.faults = world.checks.outcomes, world.faults
    result.digest, result.lines = world.trace.digest, world.trace.lines
    if keeps_lines:
        result.last = world.trace.listener or []
    return result
