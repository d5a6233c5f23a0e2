"""Ways through loopback between a worker and what it talks to, which can fail without a word."""

import asyncio
import random
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

from console.listening import stop_listening

CALL_SECONDS = 20.0
# Below those that systems give to outgoing connections: a port stays free while its owner is down.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    numbers = random.SystemRandom()
    while True:
        port = numbers.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Ways:
    """All ways of a run, on an event loop in a thread of its own."""

    def __init__(self) -> None:
        self._ways: list[Way] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ways", daemon=True)
        self._thread.start()

    def to(self, port: int) -> "Way":
        """Make a way to a port of this machine."""
        way = Way(self._loop, port)
        way.accept()
        self._ways.append(way)
        return way

    def close(self) -> None:
        """End them all, with what they carry."""
        for way in self._ways:
            way.end()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Way:
    """Carries connections to `target`, both ports of this machine.

    - Silent connections take what is sent, bring nothing, and close nothing: a black hole.
    - Ghosts are connections that are gone for the client, while the server's side lives on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self.target = target
        self.port = free_port()
        self._loop = loop
        self._listener: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._connecting: set[asyncio.Task[None]] = set()
        self._takes_all = False

    # For other threads: each returns when it is done.

    def accept(self) -> None:
        """Listen again. Nothing changes for a way that listens."""
        asyncio.run_coroutine_threadsafe(self._accept(), self._loop).result(CALL_SECONDS)

    def refuse(self) -> None:
        """Refuse new connections, as a server that does not listen. Others stay."""
        asyncio.run_coroutine_threadsafe(self._refuse(), self._loop).result(CALL_SECONDS)

    def fall_silent(self, *, for_all: bool) -> None:
        """Silence all connections of now; with `for_all` later ones too, until `speak`."""
        self._call(self._fall_silent, for_all)

    def speak(self) -> None:
        """Carry new connections again. Those that were silenced stay silent for the client, while
        the server's side ends: it has found out."""
        self._call(self._speak)

    def leave_ghosts(self) -> int:
        """End all connections for the client alone. Return how many."""
        return self._call(self._leave_ghosts)

    def end(self) -> None:
        """End all connections, and take none any more."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(CALL_SECONDS)

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        async def call() -> Any:
            return function(*args)

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(CALL_SECONDS)

    # For the event loop

    async def _accept(self) -> None:
        if self._listener is None:
            self._listener = await self._loop.create_server(
                self._welcome, "127.0.0.1", self.port, reuse_address=True
            )

    async def _refuse(self) -> None:
        if self._listener is not None:
            listener, self._listener = self._listener, None
            await stop_listening(listener)

    async def _end(self) -> None:
        await self._refuse()
        while self._pairs or self._connecting:
            for pair in list(self._pairs):
                pair.client.end(at_once=True)
                pair.server.end(at_once=True)
            await asyncio.sleep(0.001)

    def _welcome(self) -> "_Side":
        pair = _Pair(self, is_silent=self._takes_all)
        self._pairs.add(pair)
        return pair.client

    def _fall_silent(self, for_all: bool) -> None:
        self._takes_all = for_all
        for pair in self._pairs:
            pair.is_silent = True
            pair.client.read_on()
            pair.server.read_on()

    def _speak(self) -> None:
        self._takes_all = False
        for pair in list(self._pairs):
            if pair.is_silent:
                pair.server.end(at_once=True)

    def _leave_ghosts(self) -> int:
        living = [pair for pair in self._pairs if not pair.is_silent]
        for pair in living:
            pair.is_silent = True
            pair.client.end(at_once=True)
        return len(living)

    def connect(self, pair: "_Pair") -> None:
        task = self._loop.create_task(pair.connect())
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def forget(self, pair: "_Pair") -> None:
        self._pairs.discard(pair)


class _Pair:
    """A client's connection and the one to the server that belongs to it."""

    def __init__(self, way: Way, *, is_silent: bool) -> None:
        self.way = way
        self.is_silent = is_silent
        self.client, self.server = _Side(self), _Side(self)
        self.client.other, self.server.other = self.server, self.client

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.server, "127.0.0.1", self.way.target)
        except OSError:
            self.server.is_over = True
            self.client.end(at_once=True)
            return
        self.client.read_on()
        if self.client.is_over:
            self.server.end(at_once=True)

    def side_ended(self, side: "_Side", *, at_once: bool) -> None:
        if not self.is_silent and not side.other.is_over:
            side.other.end(at_once=at_once)
        if self.client.is_over and self.server.is_over:
            self.way.forget(self)


class _Side(asyncio.Protocol):
    """One of the two connections. What it reads goes to the other one."""

    other: "_Side"

    def __init__(self, pair: _Pair) -> None:
        self.pair = pair
        self.is_over = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        if self.is_over:  # it was ended before it was connected
            self.transport.abort()
            return
        if self is self.pair.client and not self.pair.is_silent:
            self.transport.pause_reading()  # until there is a server
            self.pair.way.connect(self.pair)

    def data_received(self, data: bytes) -> None:
        if not self.pair.is_silent and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.read_on()

    def read_on(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        self.pair.side_ended(self, at_once=exc is not None)

    def end(self, *, at_once: bool) -> None:
        if self.transport is None:  # it is not connected
            self.is_over = True
            self.pair.side_ended(self, at_once=at_once)
        elif at_once:
            self.transport.abort()
        else:
            self.transport.close()
