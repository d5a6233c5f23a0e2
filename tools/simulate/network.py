"""The simulated network: connections in memory, whose bytes take time, get stuck or are lost."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

from tools.simulate.clock import Time

if TYPE_CHECKING:
    from tools.simulate.chat_server import SimulatedChatServer
    from tools.simulate.process import Process

# What the network takes although the peer does not read.
KERNEL_BYTES = 2_000


class Network:
    """All connections between workers and Chat Servers."""

    def __init__(self, time: Time, random: Random, note: Callable[[str], None]) -> None:
        self.time = time
        self.random = random
        self.note = note
        self.servers: dict[str, SimulatedChatServer] = {}
        self.on_the_way = 0
        # Told of each answer that a process gets (tools.simulate.checks).
        self.on_answer: Callable[[Process, Link, tuple[Any, ...]], None] = _ignore

    async def connect(
        self, process: "Process", factory: Callable[[], Any], host: str, port: int, **_: Any
    ) -> Any:
        loop = process.loop
        future: asyncio.Future[Any] = loop.create_future()
        server = self.servers[host]
        delay = server.delay()
        self.after(delay, self._reached, process, server, factory, future)
        return await future

    def _reached(
        self, process: "Process", server: "SimulatedChatServer", factory: Any, future: Any
    ) -> None:
        if process.is_dead or server.mode == "unreachable":
            return
        if not server.listens:
            process.loop.call_soon(_refuse, future)
            return
        process.loop.call_soon(self._established, process, server, factory, future)

    def _established(
        self, process: "Process", server: "SimulatedChatServer", factory: Any, future: Any
    ) -> None:
        if future.done():  # its client gave up
            return
        protocol = factory()
        link = Link(self, process, server, protocol)
        protocol.connection_made(link)
        future.set_result((link, protocol))

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        self.at(self.time.now + seconds, action, *arguments)

    def at(self, when: float, action: Callable[..., None], *arguments: Any) -> None:
        self.on_the_way += 1
        self.time.at(when, self._arrive, action, arguments)

    def _arrive(self, action: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        self.on_the_way -= 1
        action(*arguments)


def _ignore(process: "Process", link: "Link", answer: tuple[Any, ...]) -> None:
    pass


def _refuse(future: "asyncio.Future[Any]") -> None:
    if not future.done():
        future.set_exception(ConnectionRefusedError(111, "Connection refused"))


class Link(asyncio.Transport):
    """A worker's end of a connection."""

    def __init__(
        self, network: Network, process: "Process", server: "SimulatedChatServer", protocol: Any
    ) -> None:
        super().__init__()
        self.network = network
        self.process = process
        self.protocol = protocol
        self.server = server
        self.is_closed = False  # the client hears and says nothing more
        self.is_cut = False  # nothing arrives on either side
        self.is_garbled = False  # nobody can read what comes from now on
        self.is_stuck = server.mode == "does not read"
        self._buffer = bytearray()
        self._buffered_at = 0.0
        self._in_kernel = 0
        self._high = 64 * 1024
        self._is_paused = False
        self._arrives_at = 0.0
        self._returns_at = 0.0
        self.peer = server.accept(self)

    # What asyncio's transports do

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = 64 * 1024 if high is None else high

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def is_closing(self) -> bool:
        return self.is_closed

    def write(self, data: Any) -> None:
        if self.is_closed or not data:
            return
        if self._buffer and not self.is_stuck:
            self._buffer += data  # it goes after what waits already
        elif self.is_stuck:
            room = max(0, KERNEL_BYTES - self._in_kernel) if not self._buffer else 0
            taken, rest = data[:room], data[room:]
            self._in_kernel += len(taken)
            if taken:
                self._send(bytes(taken))
            self._buffer += rest
            self._buffered_at = self.network.time.now
        else:
            self._send(bytes(data))
        if len(self._buffer) > self._high and not self._is_paused:
            self._is_paused = True
            self.protocol.pause_writing()

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self.network.after(self.server.delay(), self.server.hung_up, self.peer)
            self._tell_lost(None)

    def abort(self) -> None:
        self._buffer.clear()
        self.close()

    def _send(self, data: bytes, written_at: float | None = None) -> None:
        now = self.network.time.now
        self._arrives_at = max(self._arrives_at, now + self.server.delay())
        self.network.at(self._arrives_at, self._come, data, written_at or now)

    def _come(self, data: bytes, sent_at: float) -> None:
        if not self.is_cut:
            self.server.receive(self.peer, data, sent_at)

    # The other side

    def answer(self, data: bytes, about: tuple[Any, ...] = ()) -> None:
        """Send bytes to the worker. `about` says what answer they complete, if they do."""
        now = self.network.time.now
        self._returns_at = max(self._returns_at, now + self.server.delay())
        if len(data) > 2 and self.network.random.random() < 0.05:
            middle = self.network.random.randrange(1, len(data))
            self.network.at(self._returns_at, self._return, data[:middle], ())
            data = data[middle:]
        self.network.at(self._returns_at, self._return, data, () if self.is_garbled else about)

    def _return(self, data: bytes, about: tuple[Any, ...]) -> None:
        if not (self.is_cut or self.process.is_dead):
            self.process.loop.call_soon(self._hear, data, about)

    def _hear(self, data: bytes, about: tuple[Any, ...]) -> None:
        if self.is_closed:
            return
        if about:
            self.network.on_answer(self.process, self, about)
        self.protocol.data_received(data)

    def read_on(self) -> None:
        """The peer reads again."""
        self.is_stuck = False
        self._in_kernel = 0
        if not self.is_closed and not self.process.is_dead:
            self.process.loop.call_soon(self._drain)

    def _drain(self) -> None:
        if self.is_closed or self.is_stuck:
            return
        data, self._buffer = bytes(self._buffer), bytearray()
        if data:
            # A loop that stood still lets its transports write before it looks at its timers. What
            # they have is as good as in the kernel, from where nobody can take it back either.
            stood_still = self.process.thawed_at == self.network.time.now
            self._send(data, self._buffered_at if stood_still else None)
        if self._is_paused:
            self._is_paused = False
            self.protocol.resume_writing()

    def cut(self, error: Exception | None = None, *, says_so: bool = True) -> None:
        """Break the connection. What is on the way does not arrive. With `says_so` the worker
        learns of it."""
        self.is_cut = True
        if says_so and not self.process.is_dead:
            self.process.loop.call_soon(self._lost, error)

    def end(self) -> None:
        """Close it from the other side, after what was said before."""
        now = self.network.time.now
        self._returns_at = max(self._returns_at, now + self.server.delay())
        self.network.at(self._returns_at, self._ended)

    def _ended(self) -> None:
        if not (self.is_cut or self.process.is_dead):
            self.process.loop.call_soon(self._hear_end)

    def _hear_end(self) -> None:
        if not self.is_closed:
            self.protocol.eof_received()
            self.close()

    def _lost(self, error: Exception | None) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._buffer.clear()
            self.protocol.connection_lost(error)
            self.server.hung_up(self.peer)

    def _tell_lost(self, error: Exception | None) -> None:
        self.process.loop.call_soon(self.protocol.connection_lost, error)
