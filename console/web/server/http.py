"""The web server with a graceful stop: no request is lost, and event streams don't delay it."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from types import FrameType

import uvicorn

from console.listening import stop_listening
from console.live.events import end_streams

HIGHEST_PORT = 65_535


class CannotListen(Exception):
    """The address can't be listened on; the text states what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 means any free one. Raises CannotListen."""
    if not 0 <= port <= HIGHEST_PORT:
        raise CannotListen(f"{port} is no port: use a number from 0 to {HIGHEST_PORT}.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = (error.strerror or str(error)).partition(" (")[0].lower()
        raise CannotListen(
            f"Can't listen on {host}, port {port}: {reason}. "
            "Choose another port with --port, or end the program that uses this one."
        ) from error


def address_of(listener: socket.socket) -> str:
    """Return the address for a browser."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


# The longest time from the signal to the end. What still runs then is cut off, and PostgreSQL rolls
# its transaction back, as after a crash.
STOP_SECONDS = 5
# The part of it for requests on connections that were accepted just before the stop.
FIRST_REQUEST_SECONDS = 2.0
LOOK_SECONDS = 0.02


class ConsoleServer(uvicorn.Server):
    """uvicorn that announces when it is ready, and stops in this order: it accepts no more
    connections, ends the event streams, and completes the running requests.

    A stream lasts as long as its page, so waiting for it would use up the whole grace time.
    """

    def __init__(
        self, config: uvicorn.Config, *, announce: Callable[[], None], leaves_nothing: bool
    ) -> None:
        """`leaves_nothing`: the process may be cut off, since it has started nothing that stays."""
        super().__init__(config)
        self._announce = announce
        self._leaves_nothing = leaves_nothing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._announce()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit and self._leaves_nothing:
            # Otherwise the process would wait forever for hanging threads of views.
            end = threading.Timer(STOP_SECONDS, os._exit, [0])
            end.daemon = True
            end.start()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            await stop_listening(server)
        end_streams()
        await self._first_requests()
        await super().shutdown(sockets=sockets)

    async def _first_requests(self) -> None:
        """Wait until each open connection has sent its first request.

        uvicorn would close them, and the client could not know whether its request was read.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + FIRST_REQUEST_SECONDS
        while loop.time() < end and any(
            getattr(connection, "cycle", self) is None
            for connection in self.server_state.connections
        ):
            await asyncio.sleep(LOOK_SECONDS)
