"""A TCP port that can refuse connections for a while without losing its number."""

import asyncio
import socket
import ssl
from collections.abc import Callable

from console.listening import stop_listening

_BACKLOG = 1024


class Port:
    """Bound at once (port 0: any free one); accepts connections after `listen`."""

    def __init__(self, host: str, number: int) -> None:
        """Raises OSError if the port is taken."""
        self._address: tuple[str, int] = (host, number)
        self._server: asyncio.Server | None = None
        self._socket = self._bind()
        self._address = (host, self._socket.getsockname()[1])

    @property
    def number(self) -> int:
        """The port's number."""
        return self._address[1]

    async def listen(
        self,
        make_protocol: Callable[[], asyncio.Protocol],
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Accept connections."""
        self._server = await asyncio.get_running_loop().create_server(
            make_protocol, sock=self._socket, ssl=ssl_context, backlog=_BACKLOG
        )

    async def refuse(self) -> None:
        """Refuse connections: a socket that is bound and does not listen keeps the number.

        Open connections stay open. Those that were accepted just now are made before it returns.
        """
        await self.close()
        self._socket = self._bind()

    async def close(self) -> None:
        """Release the port; otherwise like `refuse`."""
        if self._server is not None:
            server, self._server = self._server, None
            await stop_listening(server)
        self._socket.close()

    def _bind(self) -> socket.socket:
        host, _ = self._address
        bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(self._address)
        except OSError:
            bound.close()
            raise
        return bound
