"""Receivers of a SIEM for tests: real TLS servers that keep what comes, and fail as they are told.

Each reads in threads of its own, so the stream under test runs in the test's thread.
"""

import json
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Thread
from typing import Any

from tests.support.authority import Authority

PATIENCE_SECONDS = 30.0
MESSAGE = re.compile(
    rb"<(\d{1,3})>1 (\S{1,32}) ([!-~]{1,255}) ([!-~]{1,48}) - ([!-~]{1,32}) (\[.*?\]) (.*)",
    re.DOTALL,
)


class Inbox:
    """What came, in its order."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self._changed = Condition()

    def take(self, message: bytes) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait_for(self, number: int) -> None:
        with self._changed:
            there = self._changed.wait_for(lambda: len(self.messages) >= number, PATIENCE_SECONDS)
        assert there, f"{len(self.messages)} of {number} came"


class SyslogReceiver(Inbox):
    """RFC 5425. `reset_after`: it ends without a word after so many messages, however much it has
    not read, and listens no more."""

    def __init__(
        self,
        authority: Authority,
        *,
        port: int = 0,
        reset_after: int = 0,
        wants_certificate: bool = False,
        answers_the_end: bool = True,
    ) -> None:
        super().__init__()
        self.cut_off = 0  # how often a connection ended within a message
        self.reset_after, self.answers_the_end = reset_after, answers_the_end
        self.may_read, self._may_leave, self.is_gone = Event(), Event(), Event()
        self.connections = 0
        self.may_read.set()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.server, authority.key)
        if wants_certificate:
            self._context.load_verify_locations(authority.ca)
            self._context.verify_mode = ssl.CERT_REQUIRED
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What is on its machine and not yet read: as little as possible.
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
        self._server.bind(("127.0.0.1", port))
        self._server.listen()
        self.port = self._server.getsockname()[1]
        self.address = f"syslog+tls://127.0.0.1:{self.port}"
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                raw, _peer = self._server.accept()
            except OSError:
                return
            self.connections += 1
            reader = Thread(target=self._serve, args=(raw,))
            self._threads.append(reader)
            reader.start()

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(PATIENCE_SECONDS)
        try:
            connection = self._context.wrap_socket(raw, server_side=True)
        except OSError:
            raw.close()
            return
        with connection:
            try:
                is_whole = self._read(connection)
            except OSError:
                return
            if is_whole and self.answers_the_end:
                with suppress(OSError):  # whoever has given up does not wait for it
                    connection.unwrap().close()
            elif is_whole:
                self._may_leave.wait(PATIENCE_SECONDS)

    def _read(self, connection: ssl.SSLSocket) -> bool:
        """Return whether the sender has ended it."""
        rest = b""
        while self.may_read.wait(PATIENCE_SECONDS):
            part = connection.recv(2048)
            if not part:
                self.cut_off += bool(rest)
                return not rest
            rest += part
            while found := re.match(rb"([1-9]\d*) ", rest):
                end = found.end() + int(found[1])
                if len(rest) < end:
                    break
                self.take(rest[found.end() : end])
                rest = rest[end:]
                if self.reset_after and len(self.messages) >= self.reset_after:
                    self._reset(connection)
                    return False
        return False

    def _reset(self, connection: ssl.SSLSocket) -> None:
        self._stop_listening()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.is_gone.set()

    def _stop_listening(self) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def close(self) -> None:
        self.may_read.set()
        self._may_leave.set()
        self._stop_listening()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

    def contents(self) -> list[bytes]:
        """What was said in the messages, whose heads fit RFC 5424."""
        found = [MESSAGE.fullmatch(message) for message in self.messages]
        assert all(found), self.messages
        return [each[7] for each in found if each]

    def numbers(self) -> list[int]:
        return [json.loads(content)["metadata"]["sequence"] for content in self.contents()]


@contextmanager
def syslog_receiver(authority: Authority, **how: Any) -> Iterator[SyslogReceiver]:
    receiver = SyslogReceiver(authority, **how)
    try:
        yield receiver
    finally:
        receiver.close()


class Https(Inbox):
    """What came by POST: each body a message, and the headers of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: list[dict[str, str]] = []
        self.address = ""

    def lines(self) -> list[bytes]:
        return [line for body in self.messages for line in body.splitlines()]

    def numbers(self) -> list[int]:
        return [json.loads(line)["metadata"]["sequence"] for line in self.lines()]


@contextmanager
def https_receiver(
    authority: Authority,
    answer: Callable[[BaseHTTPRequestHandler, int], None],
) -> Iterator[Https]:
    """`answer` is given each request with its number, from 1."""
    came = Https()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            came.headers.append(dict(self.headers.items()))
            came.take(body)
            answer(self, len(came.messages))

        def log_message(self, *_arguments: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server, authority.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_arguments: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        came.address = f"https://127.0.0.1:{server.server_address[1]}/collect?source=console"
        try:
            yield came
        finally:
            server.shutdown()
            thread.join(PATIENCE_SECONDS)


def says(handler: BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": "0", **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
