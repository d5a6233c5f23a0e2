"""What goes wrong: drawn at random from a seed, done to the world, and written down."""

import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from tools.torture.evidence import Fault
from tools.torture.processes import STOP_SECONDS, Simulator, Worker
from tools.torture.senders import Senders
from tools.torture.world import CLAIMED, World

OUTAGE_SECONDS = 3.0
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come: `wait` seconds after the one before. What `choice` and `strength` (0 to 1)
    mean depends on the kind."""

    number: int
    kind: str
    wait: float
    choice: float
    strength: float
    every: int


def plan(seed: int, number: int, *, pause: float) -> list[Planned]:
    """The faults of a run, `pause` seconds apart on average: processes and Chat Servers by turns,
    and of each every kind before any comes again."""
    rng = random.Random(seed)
    decks: list[list[str]] = [[], []]
    planned = []
    for place in range(1, number + 1):
        deck = decks[place % 2]
        if not deck:
            deck += HARD if place % 2 else SOFT
            rng.shuffle(deck)
        planned.append(
            Planned(
                place,
                deck.pop(),
                rng.uniform(0.2, 1.8) * pause,
                rng.random(),
                rng.random(),
                rng.randint(1, 20),
            )
        )
    return planned


class Tormentor:
    """Does what is planned, up to AT_ONCE faults at a time, never two to the same process."""

    def __init__(self, world: World, senders: Senders) -> None:
        self.world = world
        self.senders = senders
        self.done: list[Fault] = []
        self.troubles: list[str] = []
        self.interrupted_creations = 0
        self._database = threading.Lock()
        self._places = threading.Semaphore(AT_ONCE)
        self._threads: list[threading.Thread] = []

    def begin(self, planned: Planned) -> None:
        """Start it as soon as there is a place for it."""
        self._places.acquire()
        thread = threading.Thread(target=self._do, args=(planned,), name=planned.kind)
        self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """Wait until all that was begun is over."""
        for thread in self._threads:
            thread.join()

    def _do(self, planned: Planned) -> None:
        try:
            self.done.append(KINDS[planned.kind](self, planned))
        except Exception as error:
            self.troubles.append(f"fault {planned.number} ({planned.kind}) failed: {error!r}")
            raise
        finally:
            self._places.release()

    # Processes

    def kill_worker(self, planned: Planned) -> Fault:
        """kill -9 of, most often, one that is at work."""
        with self._holding(self._busy_worker(planned)) as worker:
            worker.pause()
            drained = claimed = None
            try:
                drained = self.world.drained_by(worker)
                claimed = self._claimed(drained)
            except psycopg.Error:
                pass  # no database: any of them may have been its
            at = worker.kill()
        touched = self.world.chat_servers if drained is None else drained
        return self._fault(planned, worker.name, at, at, touched=touched, mid_work=claimed or ())

    def _claimed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for (name,) in self.world.ask(CLAIMED, list(names)))

    def _busy_worker(self, planned: Planned) -> list[Worker]:
        """The workers in the order in which they are taken, those at work first."""
        workers = _turned(self.world.workers, planned.choice)
        try:
            return sorted(workers, key=lambda worker: not self.world.drained_by(worker))
        except psycopg.Error:
            return workers

    def terminate_worker(self, planned: Planned) -> Fault:
        """SIGTERM: what is on the wire gets its true outcome, so nothing may be unknown."""
        with self._holding(_turned(self.world.workers, planned.choice)) as worker:
            begin = time.time()
            process = worker.process
            worker.signal(signal.SIGTERM)
            try:
                status = process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT)
                status = process.wait()
                self.troubles.append(f"{worker.name} did not end; where it was is in its log")
            if status not in (0, -signal.SIGTERM):
                self.troubles.append(f"{worker.name} ended with {status} when asked to end")
        return self._fault(planned, worker.name, begin, time.time())

    def kill_web(self, planned: Planned) -> Fault:
        """kill -9 while it creates a large send."""
        with self._holding([self.world.web]) as web:
            self.senders.wants_large.set()
            caught = self.senders.under_way.wait(5.0)
            self.senders.wants_large.clear()
            time.sleep(planned.strength * 0.25)
            self.interrupted_creations += caught and self.senders.under_way.is_set()
            at = web.kill()
        return self._fault(planned, "web", at, at)

    def stop_database(self, planned: Planned) -> Fault:
        with self._database:
            begin = time.time()
            self.world.cluster.stop_immediately()
            time.sleep(planned.strength * OUTAGE_SECONDS)
            self.world.cluster.start()
            end = time.time()
        return self._fault(planned, "database", begin, end, touched=self.world.chat_servers)

    def cut_connections(self, planned: Planned) -> Fault:
        """All of one worker's connections to the database end, while that goes on."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
        with self._holding(self._busy_worker(planned)) as worker, self._database:
            begin = time.time()
            self.world.ask(query, worker.tag)
            end = time.time()
        return self._fault(planned, worker.name, begin, end, touched=self.world.chat_servers)

    # Chat Servers

    def kill_simulator(self, planned: Planned) -> Fault:
        with self._holding(_turned(self.world.simulators, planned.choice)) as simulator:
            begin = time.time()
            simulator.kill(down=planned.strength * 2)
            simulator.wait_ready()
            end = time.time()
        return self._fault(planned, simulator.name, begin, end, touched=(simulator.name,))

    def hang_shortly(self, planned: Planned) -> Fault:
        return self._hang(planned, 0.1 + 0.4 * planned.strength)

    def hang_long(self, planned: Planned) -> Fault:
        return self._hang(planned, 1.1 + planned.strength)

    def _hang(self, planned: Planned, timeouts: float) -> Fault:
        with self._holding(_turned(self.world.simulators, planned.choice)) as simulator:
            begin = time.time()
            simulator.pause()
            time.sleep(timeouts * self.world.request_timeout)
            simulator.resume()
            end = time.time()
        touched = (simulator.name,)
        return self._fault(planned, simulator.name, begin, end, touched=touched, lasts=True)

    def misbehave(self, planned: Planned, seconds: float, *, lasts: bool, **faults: Any) -> Fault:
        """Have a simulator show faults for a while."""
        with self._holding(_turned(self.world.simulators, planned.choice)) as simulator:
            begin = time.time()
            simulator.faults(**faults)
            time.sleep(seconds)
            simulator.faults(**_reset(simulator, faults))
            end = time.time()
        touched = (simulator.name,)
        return self._fault(planned, simulator.name, begin, end, touched=touched, lasts=lasts)

    # Parts

    @contextmanager
    def _holding(self, choice: "list[Any]") -> Any:
        """The first of the choice to which nothing is being done."""
        while True:
            for subject in choice:
                if subject.busy.acquire(blocking=False):
                    try:
                        yield subject
                    finally:
                        subject.busy.release()
                    return
            time.sleep(0.02)

    def _fault(
        self, planned: Planned, subject: str, begin: float, end: float, **more: Any
    ) -> Fault:
        return Fault(planned.number, planned.kind, subject, begin, end, **more)


def _turned(subjects: "list[Any]", choice: float) -> "list[Any]":
    first = int(choice * len(subjects))
    return subjects[first:] + subjects[:first]


def _reset(simulator: Simulator, faults: dict[str, Any]) -> dict[str, Any]:
    """What takes the faults away again."""
    usual = {"latency": simulator.latency, "half_open": False, "not_listening": False}
    return {name: usual.get(name, 0) for name in faults}


def _once(fault: str) -> Callable[[Tormentor, Planned], Fault]:
    """One request is hit, the n-th; `misbehave` waits as long as that may take."""

    def do(tormentor: Tormentor, planned: Planned) -> Fault:
        faults = {fault: planned.every, "times": 1}
        return tormentor.misbehave(planned, 0.5 + planned.strength, lasts=False, **faults)

    return do


def _always(fault: str) -> Callable[[Tormentor, Planned], Fault]:
    """Every request is hit, for some time around the request timeout."""

    def do(tormentor: Tormentor, planned: Planned) -> Fault:
        seconds = (0.5 + planned.strength) * tormentor.world.request_timeout
        return tormentor.misbehave(planned, seconds, lasts=True, **{fault: 1})

    return do


def _silent(tormentor: Tormentor, planned: Planned) -> Fault:
    """Some requests get no answer, while others do."""
    seconds = 1.2 * tormentor.world.request_timeout
    faults = {"silent_every": 3, "times": planned.every}
    return tormentor.misbehave(planned, seconds, lasts=False, **faults)


def _refusing(tormentor: Tormentor, planned: Planned) -> Fault:
    """Some requests are refused, of which nothing is unknown."""
    seconds = 0.5 + planned.strength
    refused = tormentor.misbehave(planned, seconds, lasts=False, refuse_every=planned.every)
    return replace(refused, touched=())


def _half_open(tormentor: Tormentor, planned: Planned) -> Fault:
    seconds = (0.5 + planned.strength) * tormentor.world.request_timeout
    return tormentor.misbehave(planned, seconds, lasts=True, half_open=True)


def _slow(tormentor: Tormentor, planned: Planned) -> Fault:
    """Answers come late: just in time, or after it."""
    timeout = tormentor.world.request_timeout
    latency = (0.4 + planned.strength) * timeout
    return tormentor.misbehave(planned, 1.2 * timeout, lasts=True, latency=latency)


def _not_listening(tormentor: Tormentor, planned: Planned) -> Fault:
    seconds = 0.2 + 2 * planned.strength
    return tormentor.misbehave(planned, seconds, lasts=False, not_listening=True)


KINDS: dict[str, Callable[[Tormentor, Planned], Fault]] = {
    "worker killed": Tormentor.kill_worker,
    "worker terminated": Tormentor.terminate_worker,
    "web killed": Tormentor.kill_web,
    "database stopped": Tormentor.stop_database,
    "connections cut": Tormentor.cut_connections,
    "chat server killed": Tormentor.kill_simulator,
    "hangs shortly": Tormentor.hang_shortly,
    "hangs long": Tormentor.hang_long,
    "drops": _once("drop_every"),
    "drops always": _always("drop_every"),
    "drops before": _once("drop_before_every"),
    "answers garbage": _once("garbage_every"),
    "answers half": _once("cut_every"),
    "silent to some": _silent,
    "silent to all": _always("silent_every"),
    "refuses": _refusing,
    "half-open": _half_open,
    "slow": _slow,
    "not listening": _not_listening,
}
HARD = [
    *("worker killed", "worker killed", "database stopped", "web killed"),
    *("worker terminated", "chat server killed", "connections cut"),
]
SOFT = sorted(KINDS.keys() - {*HARD})
