"""A receiver of webhooks: a real HTTP server on loopback that remembers what it was sent."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any

from standardwebhooks.webhooks import Webhook as Verifier


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    def verify(self, secret: str) -> Any:
        """What a receiver reads of it, by the library of the scheme. Raises where it is not from
        whoever has the secret."""
        return Verifier(secret).verify(self.body, self.headers)


@dataclass
class Receiver:
    """`answers` are the statuses of the next calls; once they are used up it takes all. A status
    of 0 closes the connection without an answer."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    text: bytes = b"thank you"
    headers: dict[str, str] = field(default_factory=dict)
    slow_seconds: float = 0.0
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?from=console"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: Receiver

    def do_POST(self) -> None:
        receiver = self.receiver
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.received.append(Received(self.path, headers, body))
        time.sleep(receiver.slow_seconds)
        status = receiver.answers.pop(0) if receiver.answers else 200
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(receiver.text)), **receiver.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(receiver.text)

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    def handle_error(self, *_arguments: Any) -> None:
        """Whoever has read enough closes the connection."""


@contextmanager
def receiving(tls: SSLContext | None = None) -> Iterator[Receiver]:
    receiver = Receiver()
    handler = type("OneHandler", (Handler,), {"receiver": receiver})
    with Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
