"""The web server as a process of its own, on the tests' own database."""

import http.client
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.db import connection

from tests.support.demos import Program

# How long an answer may take on a busy machine.
SECONDS = 120.0
RAW_SECONDS = 5.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def database_url() -> str:
    """Of the database that this test writes to: what it has committed is there."""
    known = connection.settings_dict
    return f"postgresql://{known['USER']}@/{known['NAME']}?host={known['HOST']}"


def site_settings(database: str = "") -> dict[str, str]:
    """Of a process that is to work on this database, without one the test's own."""
    return {
        "DATABASE_URL": database or database_url(),
        "CONSOLE_EMBEDDED": "",
        "CONSOLE_SECRET_KEY": settings.SECRET_KEY,
        "CONSOLE_AUDIT_KEY": settings.AUDIT_KEY,
        "CONSOLE_HTTPS": "0",
        "CONSOLE_PLAIN_HTTP": "1",
        "CONSOLE_ALLOWED_HOSTS": "127.0.0.1,console.example",
    }


class Server(Program):
    """`manage.py serve`. It knows the sessions that the tests make, by their key."""

    def __init__(
        self,
        data: Path,
        listener: socket.socket | None = None,
        words: Sequence[str] = (),
        **environment: str,
    ) -> None:
        own = site_settings() | environment
        if environment.get("CONSOLE_HTTPS") == "1" and "CONSOLE_PLAIN_HTTP" not in environment:
            own["CONSOLE_PLAIN_HTTP"] = ""
        super().__init__("serve", "--port", "0", *words, data=data, listener=listener, **own)
        self.settings = own  # for a worker beside it

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

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """One answer; of an endless one the first line. `X_Y` is the header X-Y."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(http.client.HTTPConnection(*self.place, timeout=SECONDS)) as asking:
            asking.request(method, path, body, named)
            with asking.getresponse() as got:
                endless = got.headers["Content-Type"] == "text/event-stream"
                return Answer(got.status, got.headers, got.readline() if endless else got.read())

    @contextmanager
    def open(self, request: bytes) -> Iterator[bytes]:
        """A connection that stays open with an answer that does not end; what came of it so far."""
        with socket.create_connection(self.place, timeout=SECONDS) as line:
            line.sendall(request)
            answer = b""
            while b": connected" not in answer:
                part = line.recv(65536)
                assert part, answer
                answer += part
            yield answer

    def raw(self, request: bytes) -> bytes:
        """What it answers to these bytes until it ends the connection, or waits for more."""
        answer = b""
        with socket.create_connection(self.place, timeout=SECONDS) as line:
            line.sendall(request)
            with suppress(TimeoutError, ConnectionResetError):
                while part := line.recv(65536):
                    answer += part
                    line.settimeout(RAW_SECONDS)  # what it still says comes soon
        return answer


@contextmanager
def serving(
    listener: socket.socket | None = None, words: Sequence[str] = (), **environment: str
) -> Iterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), listener, words, **environment)
        try:
            yield server
        finally:
            server.close()
        # A failure that it wrote of is one, whatever it answered.
        assert "Traceback" not in server.output, server.output


def shared_server(**environment: Any) -> Callable[..., Iterator[Server]]:
    """A fixture: one web server for all tests of a module. What they commit is all that it knows
    of them, and that is gone with each."""

    @pytest.fixture(scope="module")
    def server(django_db_setup: None) -> Iterator[Server]:
        with serving(**environment) as running:
            yield running

    return server
