"""Does to the world what goes wrong, and writes it down."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from console.esp.connection import DEFAULT_PING_INTERVAL
from tools.torture.evidence import DATABASE, Fault
from tools.torture.processes import STOP_SECONDS, Simulator, Worker
from tools.torture.senders import Senders
from tools.torture.world import CLAIMED, World

OUTAGE_SECONDS = 3.0
AT_ONCE = 3
# A worker that is silent for less keeps its leases; the others need six seconds to take them.
SHORT_FREEZE_SECONDS = 2.5
LONG_FREEZE_SECONDS = (7.0, 12.0)
WEB_FREEZE_SECONDS = 6.0
# How long a worker can't reach the database, with the time in which it finds out.
HOLE_SECONDS = (2.0, 12.0)
GHOSTS_SECONDS = (2.0, 8.0)
APART_SECONDS = (4.0, 8.0)
CLOCKS = (130.0, -90.0)
# Nothing else happens to a worker until it has told what it learnt too late.
RECOVERY_SECONDS = 3.0
ALL_TAGS = "torture-%"
# A worker waits so long for an answer of the database before it gives a session up, and half as
# long for a connection.
FOUND_OUT_SECONDS = 10.0


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

    def begin(self, planned: Planned, do: "Callable[[Tormentor, Planned], Fault]") -> None:
        """Start it as soon as there is a place for it."""
        self._places.acquire()
        thread = threading.Thread(target=self._do, args=(planned, do), name=planned.kind)
        self._threads.append(thread)
        thread.start()

    def finish(self) -> None:
        """Wait until all that was begun is over."""
        for thread in self._threads:
            thread.join()

    def _do(self, planned: Planned, do: "Callable[[Tormentor, Planned], Fault]") -> None:
        try:
            self.done.append(do(self, planned))
        except Exception as error:
            self.troubles.append(f"fault {planned.number} ({planned.kind}) failed: {error!r}")
            raise
        finally:
            self._places.release()

    # Processes

    def kill_worker(self, planned: Planned) -> Fault:
        """kill -9 of, most often, one that is at work."""
        with self._holding(self._busy_worker(planned, mortal=True)) as worker:
            worker.pause()
            drained = claimed = None
            try:
                drained = self.world.drained_by(worker)
                claimed = self._claimed(drained)
            except psycopg.Error:
                pass  # no database: any of them may have been its
            at = worker.kill()
        touched = self.world.chat_servers if drained is None else drained
        return self._fault(
            planned,
            worker.name,
            at,
            at,
            touched=touched,
            loses=self.world.chat_servers,
            mid_work=claimed or (),
        )

    def freeze_shortly(self, planned: Planned) -> Fault:
        """SIGSTOP and SIGCONT before anybody takes its work."""
        with self._holding(self._busy_worker(planned, mortal=True)) as worker:
            begin = time.time()
            worker.pause()
            time.sleep(0.2 + (SHORT_FREEZE_SECONDS - 0.2) * planned.strength)
            worker.resume()
            end = time.time()
            time.sleep(RECOVERY_SECONDS)
        return self._fault(planned, worker.name, begin, end)

    def freeze_long(self, planned: Planned) -> Fault:
        """Others take its work; what it knows then stands beside their unknowns."""
        with self._holding(self._busy_worker(planned, mortal=True)) as worker:
            begin = time.time()
            worker.pause()
            touched, claimed = self._at_work(worker)
            time.sleep(_between(LONG_FREEZE_SECONDS, planned.strength))
            worker.resume()
            end = time.time()
            time.sleep(RECOVERY_SECONDS)
        return self._fault(planned, worker.name, begin, end, touched=touched, mid_work=claimed)

    def _at_work(self, worker: Worker) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The Chat Servers that it drains, and of those the ones with something claimed. While
        there is no database it may be any."""
        try:
            drained = self.world.drained_by(worker)
            return drained, self._claimed(drained)
        except psycopg.Error:
            return self.world.chat_servers, ()

    def shift_clock(self, planned: Planned) -> Fault:
        """A worker is replaced by one whose clock is wrong, and that one by another, in order."""
        with self._holding(_turned(self.world.mortal_workers, planned.choice)) as worker:
            begin = time.time()
            worker.clock_apart = CLOCKS[planned.every % len(CLOCKS)]
            self._terminate(worker)
            time.sleep(_between(APART_SECONDS, planned.strength))
            worker.clock_apart = 0.0
            self._terminate(worker)
        return self._fault(
            planned,
            worker.name,
            begin,
            time.time(),
            loses=self.world.chat_servers,
            late_only=True,
        )

    def _claimed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for (name,) in self.world.ask(CLAIMED, list(names)))

    def _busy_worker(self, planned: Planned, *, mortal: bool) -> list[Worker]:
        """The workers in the order in which they are taken, those at work first."""
        workers = _turned(
            self.world.mortal_workers if mortal else self.world.workers, planned.choice
        )
        try:
            return sorted(workers, key=lambda worker: not self.world.drained_by(worker))
        except psycopg.Error:
            return workers

    def terminate_worker(self, planned: Planned) -> Fault:
        """SIGTERM: what is on the wire gets its true outcome, so nothing may be unknown. Late
        answers are not waited for."""
        with self._holding(_turned(self.world.mortal_workers, planned.choice)) as worker:
            begin = time.time()
            self._terminate(worker)
        return self._fault(
            planned,
            worker.name,
            begin,
            time.time(),
            loses=self.world.chat_servers,
            late_only=True,
        )

    def cut_off_and_terminate(self, planned: Planned) -> Fault:
        """SIGTERM in a black hole before the database: what it knows is kept in a file."""
        with self._holding(self._busy_worker(planned, mortal=True)) as worker:
            begin = time.time()
            touched, claimed = self._at_work(worker)
            worker.way.fall_silent(for_all=True)
            time.sleep(planned.strength * OUTAGE_SECONDS)
            self._terminate(worker)
            worker.way.speak()
        return self._fault(
            planned,
            worker.name,
            begin,
            time.time(),
            touched=touched,
            mid_work=claimed,
            loses=self.world.chat_servers,
            late_only=True,
        )

    def _terminate(self, worker: Worker) -> None:
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

    def freeze_web(self, planned: Planned) -> Fault:
        with self._holding([self.world.web]) as web:
            begin = time.time()
            web.pause()
            time.sleep(WEB_FREEZE_SECONDS * planned.strength)
            web.resume()
            end = time.time()
        return self._fault(planned, "web", begin, end)

    # The database

    def stop_database(self, planned: Planned) -> Fault:
        cluster = self.world.cluster
        with self._disturbing(planned) as fault:
            cluster.stop_immediately()
            time.sleep(planned.strength * OUTAGE_SECONDS)
            cluster.start()
        return fault[0]

    def end_all_sessions(self, planned: Planned) -> Fault:
        with self._disturbing(planned) as fault:
            self.world.cluster.end_sessions(ALL_TAGS)
        return fault[0]

    def refuse_writes(self, planned: Planned) -> Fault:
        """It is read-only for a while, as after a failover: sometimes with all sessions ended."""
        cluster = self.world.cluster
        with self._disturbing(planned) as fault:
            cluster.be_read_only(wanted=True)
            if planned.every % 2:
                cluster.end_sessions(ALL_TAGS)
            time.sleep(0.5 + planned.strength * OUTAGE_SECONDS)
            cluster.be_read_only(wanted=False)
            if planned.every % 2:
                cluster.end_sessions(ALL_TAGS)
        return fault[0]

    def fill_disk(self, planned: Planned) -> Fault:
        cluster = self.world.cluster
        with self._disturbing(planned) as fault:
            cluster.be_full(wanted=True)
            time.sleep(0.5 + planned.strength * OUTAGE_SECONDS)
            cluster.be_full(wanted=False)
        return fault[0]

    @contextmanager
    def _disturbing(self, planned: Planned) -> Iterator[list[Fault]]:
        """Disturb the database for all. It may cost nothing, as no worker's memory is lost, and all
        that waits must go on from its end."""
        done: list[Fault] = []
        with self._database:
            begin = time.time()
            yield done
            end = time.time()
            work = self.world.with_work()
        done.append(self._fault(planned, DATABASE, begin, end, mid_work=work, waits_from=end))

    def cut_connections(self, planned: Planned) -> Fault:
        """All of one worker's connections to the database end, while that goes on."""
        with self._holding(self._busy_worker(planned, mortal=False)) as worker, self._database:
            begin = time.time()
            self.world.cluster.end_sessions(worker.tag)
            end = time.time()
        return self._fault(planned, worker.name, begin, end)

    def leave_ghosts(self, planned: Planned) -> Fault:
        """A worker's sessions are gone for the worker, and live on at PostgreSQL."""
        with self._holding(self._busy_worker(planned, mortal=False)) as worker:
            begin = time.time()
            worker.way.leave_ghosts()
            time.sleep(_between(GHOSTS_SECONDS, planned.strength))
            worker.way.speak()
            end = time.time()
        return self._fault(planned, worker.name, begin, end)

    def silence_database(self, planned: Planned) -> Fault:
        """A black hole between a worker and PostgreSQL: for its connections of now, or for all."""
        with self._holding(self._busy_worker(planned, mortal=False)) as worker:
            begin = time.time()
            touched, claimed = self._at_work(worker)
            worker.way.fall_silent(for_all=planned.every % 2 == 0)
            time.sleep(_between(HOLE_SECONDS, planned.strength))
            worker.way.speak()
            end = time.time()
            found_out = max(FOUND_OUT_SECONDS / 2, FOUND_OUT_SECONDS - (end - begin))
            time.sleep(found_out + RECOVERY_SECONDS)
        return self._fault(planned, worker.name, begin, end, touched=touched, mid_work=claimed)

    # Chat Servers

    def kill_simulator(self, planned: Planned) -> Fault:
        with self._holding(_turned(self.world.simulators, planned.choice)) as simulator:
            begin = time.time()
            simulator.way.refuse()
            simulator.kill(down=planned.strength * 2)
            simulator.wait_ready()
            simulator.way.accept()
            end = time.time()
        touched = (simulator.name,)
        return self._fault(planned, simulator.name, begin, end, touched=touched, loses=touched)

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

    def silence_chat_server(self, planned: Planned) -> Fault:
        """A black hole before a Chat Server: for the connections of now, or for all.

        Each worker may have a connection of now, and uses it when its turn comes: it costs one
        window then, unless a keep-alive has found out before.
        """
        for_all = planned.every % 2 == 0
        with self._holding(_turned(self.world.simulators, planned.choice)) as simulator:
            begin = time.time()
            simulator.way.fall_silent(for_all=for_all)
            time.sleep((0.5 + planned.strength) * self.world.request_timeout)
            simulator.way.speak()
            end = time.time() + DEFAULT_PING_INTERVAL + self.world.request_timeout
        touched = (simulator.name,)
        return self._fault(
            planned,
            simulator.name,
            begin,
            end,
            touched=touched,
            loses=touched,
            lasts=for_all,
            channels=len(self.world.workers),
        )

    def misbehave(
        self,
        planned: Planned,
        seconds: float,
        faults: Mapping[str, Any],
        *,
        lasts: bool = False,
        loses: bool = False,
        most: int | None = None,
    ) -> Fault:
        """Have a simulator show faults for a while. `loses` says that connections end with them, or
        that it sends no answers; for `most` see Fault."""
        with self._holding(_turned(self.world.simulators, planned.choice)) as simulator:
            begin = time.time()
            if faults.get("not_listening"):
                simulator.way.refuse()
            simulator.faults(**faults)
            time.sleep(seconds)
            simulator.faults(**_reset(simulator, faults))
            simulator.way.accept()
            end = time.time()
        touched = (simulator.name,)
        return self._fault(
            planned,
            simulator.name,
            begin,
            end,
            touched=touched,
            lasts=lasts,
            loses=touched if loses else (),
            most=most,
        )

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


def _between(ends: tuple[float, float], strength: float) -> float:
    low, high = ends
    return low + (high - low) * strength


def _reset(simulator: Simulator, faults: Mapping[str, Any]) -> dict[str, Any]:
    """What takes the faults away again."""
    usual = {"latency": simulator.latency, "late_seconds": 5.0}
    usual |= dict.fromkeys(("half_open", "not_listening", "numbered"), False)
    return {name: usual.get(name, 0) for name in faults}
