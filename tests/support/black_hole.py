"""A way to PostgreSQL through loopback that can fall silent: it still takes what is sent, closes
nothing, and brings no answer, as a host that vanished behind a firewall."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.db import connection

PORT = 5432


class Way:
    """Connections that were silenced stay silent; new ones find PostgreSQL again, unless `closed`:
    then they find nothing either."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._silent = threading.Event()
        self._is_closed = False
        self._sockets: list[socket.socket] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        known = connection.settings_dict
        return f"postgresql://{known['USER']}@127.0.0.1:{self.port}/{known['NAME']}"

    def fall_silent(self, *, closed: bool = False) -> None:
        """Silence all connections of now; with `closed` all later ones too."""
        self._is_closed = closed
        self._silent.set()
        self._silent = threading.Event()

    def end(self) -> None:
        # Closing alone would not wake who accepts: one more client would find its way.
        with suppress(OSError):  # it has ended already
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)  # or who reads it would not notice
            each.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _address = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(str(self._server))
                self._sockets += [client, server]
                silent = self._silent
                if self._is_closed:
                    silent = threading.Event()
                    silent.set()
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=_pass, args=(one, other, silent), daemon=True).start()


def _pass(one: socket.socket, other: socket.socket, silent: threading.Event) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            if not silent.is_set():
                other.sendall(part)
        if not silent.is_set():
            other.shutdown(socket.SHUT_RDWR)


@contextmanager
def way_to_postgresql() -> Iterator[Way]:
    """A way to the tests' own PostgreSQL, which listens at a Unix socket."""
    way = Way(Path(connection.settings_dict["HOST"]) / f".s.PGSQL.{PORT}")
    try:
        yield way
    finally:
        way.end()
