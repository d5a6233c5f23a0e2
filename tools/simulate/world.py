"""The simulated world: workers, Chat Servers, the network and the database, of one seed."""

import random as global_random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

from console.sends.engine import drain, kept_outcomes
from console.sends.observe import worker_metrics
from tools.simulate.chat_server import Peer, SimulatedChatServer
from tools.simulate.checks import Checks
from tools.simulate.clock import Time
from tools.simulate.database import ModelDatabase
from tools.simulate.host import Host
from tools.simulate.network import Network
from tools.simulate.process import Process
from tools.simulate.rows import ChatRow, DeliveryRow, OutboxRow, SendRow, ServerRow
from tools.simulate.trace import Trace

# The database's clock at the beginning: 2027.
EPOCH = 1_800_000_000.0
CHAT_SERVERS = 3
# The classes of the sends' notices, one after another.
CLASSES = ("routine", "important", "routine", "routine", "safety", "routine", "routine")
RESTART_SECONDS = 0.5
POLL_SECONDS = 1.0
# What the engine logs as an error and is none of its own (tools.simulate.logs).
EXPECTED_ERRORS = ("outcomes not recorded", "recorded without words")


class World:
    """Everything, and the seed that decides it."""

    def __init__(self, seed: str, *, keeps_lines: bool = False) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.time = Time()
        self.trace = Trace()
        if keeps_lines:
            self.trace.listener = []
        self.faults: Counter[str] = Counter()
        self.model = ModelDatabase(self.database_now, notify=self.notify)
        self.checks = Checks(self.time, self.trace, self.model.tables, EPOCH)
        self.model.watch = self.checks
        self.host = Host(self.time, self.random, self.model, self.checks.note)
        self.network = Network(self.time, self.random, self.checks.note)
        self.network.on_answer = self.checks.heard
        self.processes: list[Process] = []
        self.wanted = 0
        self.fault_at = 0.0
        self.numbers = Counter[str]()
        self.servers = [self._server(number) for number in range(1, CHAT_SERVERS + 1)]
        self._look_at_wakes()

    def database_now(self) -> float:
        return round(EPOCH + self.time.now, 6)

    def note(self, line: str) -> None:
        self.checks.note(line)

    def fault(self, kind: str) -> None:
        self.faults[kind] += 1
        self.disturbed()
        if not kind.startswith(("request", "chat server", "worker")):
            self.checks.troubled_at = self.time.now
        self.note(f"FAULT {kind}")

    def _server(self, number: int) -> SimulatedChatServer:
        name = f"chat-{number}"
        row = ServerRow(number, name, f"esp+json://{name}:4801", bucket_at=self.database_now())
        self.model.tables.servers[number] = row
        server = SimulatedChatServer(name, self.random, self.network, self.checks.note)
        server.on_taken = self._taken_by(row)
        server.on_answer = self.checks.said
        server.on_hurt = self.checks.hurt
        return server

    def _taken_by(self, row: ServerRow) -> Any:
        def taken(delivery_id: int, peer: Peer, sent_at: float) -> None:
            self.checks.arrived(delivery_id, row.name, sent_at, row.request_timeout_seconds)

        return taken

    # Workers

    def start(self) -> Process:
        self.numbers["worker"] += 1
        process = Process(
            f"w{self.numbers['worker']}",
            self.time,
            self.random,
            self.host,
            self.network,
            self._worker_failed,
            self._worker_ended,
        )
        self.processes.append(process)
        self.checks.processes[process.id] = process
        self.note(f"start {process.name}")
        return process

    def disturbed(self) -> None:
        """Something goes wrong now, so nothing need be prompt for a while."""
        self.fault_at = self.time.now
        self.checks.soon.clear()

    def stop(self, process: Process) -> None:
        self.disturbed()
        self.note(f"stop {process.name}")
        process.stop()

    def kill(self, process: Process) -> None:
        self.disturbed()
        if not process.is_dead:
            self.note(f"kill {process.name}")
            self.checks.lost(process)
            process.kill()
            self._gone(process)

    def freeze(self, process: Process) -> None:
        self.disturbed()
        if not process.is_dead:
            self.note(f"freeze {process.name}")
            self.checks.shaken.add(process.id)
            process.freeze()

    def thaw(self, process: Process) -> None:
        self.note(f"thaw {process.name}")
        process.thaw()

    def _worker_failed(self, process: Process, what: str) -> None:
        self.checks.fail(f"worker {process.name}: {what}")

    def _worker_ended(self, process: Process) -> None:
        """One that was asked to stop has ended. What it could not record is in its file."""
        self.note(f"end {process.name}")
        self._gone(process)

    def _gone(self, process: Process) -> None:
        self.processes.remove(process)
        self.time.after(RESTART_SECONDS, self._restart)

    def _restart(self) -> None:
        if len(self.processes) < self.wanted:
            self.start()

    def have_workers(self, number: int) -> None:
        self.wanted = number
        while len(self.processes) < number:
            self.start()
        for process in self.processes[number:]:
            process.stop()

    def end(self) -> None:
        """Take it down."""
        for loop in list(self.time.loops):
            loop.kill()

    # What the database tells

    def notify(self, name: str) -> None:
        for process in self.processes:
            self.time.after(self.host.delay(), process.wake, name)

    def _look_at_wakes(self) -> None:
        """A worker's job queue looks once a second for jobs whose time has come."""
        wakes = self.model.tables.wakes
        if wakes and not self.host.is_down and any(not p.loop.is_frozen for p in self.processes):
            for name, at in list(wakes.items()):
                if at <= self.database_now():
                    del wakes[name]
                    self.notify(name)
        self.time.after(POLL_SECONDS, self._look_at_wakes)

    # Sends

    def send(self, server_names: list[str]) -> SendRow:
        """Begin a send with a delivery to each of these Chat Servers."""
        tables, now = self.model.tables, self.database_now()
        self.numbers["send"] += 1
        number = self.numbers["send"]
        send = tables.sends[number] = SendRow(number, notice_class=CLASSES[number % len(CLASSES)])
        for name in server_names:
            self.numbers["delivery"] += 1
            pk = self.numbers["delivery"]
            tables.chats[f"c{pk}"] = ChatRow(name)
            tables.add(
                DeliveryRow(pk, send.id, f"c{pk}", name, f"Notice {pk}", send.notice_class),
                OutboxRow(pk, send.id, name, now, now + self.checks.time_to_live),
            )
        self.note(f"send {send.id} to {len(server_names)}")
        if len(server_names) == 1:
            self.checks.begun(send, server_names[0])
        for name in sorted(set(server_names)):
            self.notify(name)
        return send

    def is_quiet(self) -> bool:
        """Whether nothing happens but rounds that find nothing to do."""
        return (
            self.host.is_idle
            and self.network.on_the_way == 0
            and not any(send.open for send in self.model.tables.sends.values())
            and not self.host.disk.files
            and len(self.processes) == self.wanted
            and all(process.is_idle for process in self.processes)
        )


@contextmanager
def seeded(world: World) -> Iterator[None]:
    """Let the engine draw its ids and its jitter from the seed."""

    def uuid4() -> UUID:
        return UUID(int=world.random.getrandbits(128), version=4)

    before = global_random.getstate()
    global_random.seed(world.seed)
    worker_metrics.drain_counts.clear()
    try:
        with patch.object(drain, "uuid4", uuid4), patch.object(kept_outcomes, "uuid4", uuid4):
            yield
    finally:
        global_random.setstate(before)
