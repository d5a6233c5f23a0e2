"""The simulator itself: a Chat Server application that listens on a port."""

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from console.esp.simulator.connection import Connection
from console.esp.simulator.faults import FaultPlan, Faults
from console.esp.simulator.journal import Journal
from console.esp.simulator.port import Port
from console.esp.simulator.service import ChatService
from console.esp.simulator.sessions import Sessions


class Stats(Struct):
    """Counters since the start; every request is in one of the last three."""

    connections_open: int = 0
    connections_total: int = 0
    requests: int = 0
    responses: int = 0
    faults: int = 0
    unanswered: int = 0

    def count(self, answer: str) -> None:
        """Count a request by its answer, named as in the journal."""
        self.requests += 1
        if answer == "response":
            self.responses += 1
        elif answer == "fault":
            self.faults += 1
        else:
            self.unanswered += 1


class Simulator:
    """One Chat Server application. Create it on a running loop; call `start`, later `stop`."""

    def __init__(
        self,
        name: str,
        journal: Journal,
        *,
        sessions_must_exist: bool = False,
        faults: Faults | None = None,
    ) -> None:
        self.name = name
        self.journal = journal
        self.sessions = Sessions()
        self.service = ChatService(name, self.sessions, sessions_must_exist=sessions_must_exist)
        self.plan = FaultPlan(faults or Faults())
        self.stats = Stats()
        self._connections: set[Connection] = set()
        self._deserted = asyncio.Event()
        self._deserted.set()
        self._changing = asyncio.Lock()

    @property
    def faults(self) -> Faults:
        """What goes wrong at present."""
        return self.plan.faults

    @property
    def port(self) -> int:
        """The number of the port it listens on."""
        return self._port.number

    async def start(self, host: str, port: int, ssl_context: ssl.SSLContext | None = None) -> None:
        """Listen on the port; 0 means any free one. Raises OSError if it is taken."""
        self._ssl_context = ssl_context
        self._port = Port(host, port)
        if not self.faults.not_listening:
            await self._listen()

    async def stop(self) -> None:
        """Close the port and drop the connections. The caller closes the journal."""
        await self._port.close()
        self._drop_connections()
        await self._deserted.wait()

    async def set_faults(self, changes: Mapping[str, Any]) -> None:
        """Change some faults, at once. Raises msgspec.ValidationError."""
        async with self._changing:
            await self._set_faults(changes)

    async def _set_faults(self, changes: Mapping[str, Any]) -> None:
        before, after = self.faults, self.faults.changed(changes)
        self.plan.set(after)
        for connection in self._connections:
            connection.set_reading()
        if after.not_listening and not before.not_listening:
            await self._port.refuse()
            self._drop_connections()
        elif before.not_listening and not after.not_listening:
            await self._listen()

    def welcome(self, connection: Connection) -> int:
        """Register a client's connection. Return its number."""
        self._connections.add(connection)
        self._deserted.clear()
        self.stats.connections_open += 1
        self.stats.connections_total += 1
        return self.stats.connections_total

    def farewell(self, connection: Connection) -> None:
        """Forget a client's connection."""
        self._connections.discard(connection)
        self.stats.connections_open -= 1
        if not self._connections:
            self._deserted.set()

    async def _listen(self) -> None:
        await self._port.listen(lambda: Connection(self), self._ssl_context)

    def _drop_connections(self) -> None:
        for connection in self._connections:
            connection.abort()
