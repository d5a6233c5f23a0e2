"""The web server as a process of its own, on the tests' own database."""

import http.client
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

from tests.demos import Program

SECONDS = 30.0


def database_url() -> str:
    """Of the database that this test writes to: what it has committed is there."""
    known = connection.settings_dict
    return f"postgresql://{known['USER']}@/{known['NAME']}?host={known['HOST']}"


class Server(Program):
    """`manage.py serve`. It knows the sessions that the tests make, by their key."""

    def __init__(self, data: Path, **environment: str) -> None:
        own = {
            "DATABASE_URL": database_url(),
            "CONSOLE_SECRET_KEY": settings.SECRET_KEY,
            "CONSOLE_HTTPS": "0",
            "CONSOLE_ALLOWED_HOSTS": "127.0.0.1,console.example",
            **environment,
        }
        super().__init__("serve", "--port", "0", data=data, **own)

    @property
    def address(self) -> str:
        """Where it is, without a slash at the end; waits until it is ready."""
        return self.says(r"Serving on (http://\S+?)/ ")[1]

    @property
    def place(self) -> tuple[str, int]:
        parts = urlsplit(self.address)
        assert parts.hostname
        assert parts.port
        return parts.hostname, parts.port

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> http.client.HTTPResponse:
        """One answer, read to its end but for an endless one; `X_Y` is the header X-Y."""
        asking = http.client.HTTPConnection(*self.place, timeout=SECONDS)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        asking.request(method, path, body, named)
        return asking.getresponse()

    def raw(self, request: bytes) -> bytes:
        """Whatever it answers to these bytes until it ends the connection."""
        with socket.create_connection(self.place, timeout=SECONDS) as line:
            line.sendall(request)
            line.shutdown(socket.SHUT_WR)
            answer = b""
            try:
                while part := line.recv(65536):
                    answer += part
            except ConnectionResetError:  # it did not want to read the rest
                pass
        return answer


@contextmanager
def serving(**environment: str) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), **environment)
        try:
            yield server
        finally:
            server.close()
        # A failure that it wrote of is one, whatever it answered.
        assert "Traceback" not in server.output, server.output
