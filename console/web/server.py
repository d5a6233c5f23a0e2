"""The web server, told how to stop while pages hold event streams open."""

import socket
from collections.abc import Callable

import uvicorn

from console.web.events import end_streams

HIGHEST_PORT = 65_535


class CannotListen(Exception):
    """There is no listening on that address; the text says what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one. Raises CannotListen."""
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
    """Where a browser finds it."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class ConsoleServer(uvicorn.Server):
    """uvicorn that says when it is ready, and ends the event streams before it waits for requests.

    A stream lasts as long as its page: waiting for it would use up the whole grace time.
    """

    def __init__(self, config: uvicorn.Config, *, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        end_streams()
        await super().shutdown(sockets=sockets)
