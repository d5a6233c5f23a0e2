"""A stand-in for Orchestration Server's REST interface, over real TCP.

Built from what is documented of it (docs/orchestration.md): sessions are started by form or JSON,
have an affinity cookie, and answer requests by `<response>`. What a session's workflow answers, and
what goes wrong, a test says.
"""

import base64
import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote

COOKIE = "ORSSESSIONID"
Workflow = Callable[[dict[str, Any]], Any]


def accepting(asked: dict[str, Any]) -> dict[str, Any]:
    return {"outcome": "accepted"}


@dataclass
class Session:
    """One that runs a workflow; `respond` is its `<response>` to a request."""

    id: str
    data: dict[str, Any]
    node: str
    respond: Workflow = accepting
    events: list[str] = field(default_factory=list)


@dataclass
class Faults:
    """What goes wrong with requests to sessions. All off is all well."""

    status: int = 0  # answered instead of asking the workflow
    silent_seconds: float = 0.0  # before it answers
    reads_nothing: bool = False  # of what a request has behind its head
    cut_before: bool = False  # hang up before the workflow is asked
    cut_after: bool = False  # hang up after the workflow was asked, without a word
    half: bool = False  # promise more of the answer than comes
    garbage: bool = False  # answer what is no HTTP
    body: bytes | None = None  # instead of the workflow's JSON


@dataclass
class Asked:
    """A request that reached a session's workflow."""

    session: str
    name: str
    body: dict[str, Any]
    headers: dict[str, str]


class Orchestration:
    """The server's state, shared by its threads."""

    def __init__(self, credentials: str = "") -> None:
        self.sessions: dict[str, Session] = {}
        self.faults = Faults()
        self.help_status = 200
        self.asked: list[Asked] = []
        self.lines: list[str] = []  # the first line of each HTTP request
        self.authorization = (
            f"Basic {base64.b64encode(credentials.encode()).decode()}" if credentials else ""
        )
        self.over = threading.Event()
        self.url = ""
        self._numbers = itertools.count(1)

    def start(self, data: dict[str, Any], respond: Workflow = accepting) -> Session:
        number = next(self._numbers)
        session = Session(f"00SESSION{number:06}", data, f"node{number % 2}", respond)
        self.sessions[session.id] = session
        return session


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20  # seconds: a client that never hangs up must not hold up the test's end
    ors: Orchestration

    def do_GET(self) -> None:
        if not self._may_enter():
            return
        if self.path == "/ors/help":
            self._answer(self.ors.help_status, b"help")
        elif (session := self._session("query")) is not None:
            self._answer(200, json.dumps(session.data).encode())

    def do_POST(self) -> None:
        if self.ors.faults.reads_nothing:
            self.close_connection = True
            self.ors.over.wait(self.timeout)
            return
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._may_enter():
            return
        if self.path == "/scxml/session/start":
            self._start()
        elif "/event/" in self.path and (session := self._session("event")) is not None:
            session.events.append(self.path.rpartition("/")[2])
            self._answer(200, b"")
        elif "/request/" in self.path:
            self._request()

    def _may_enter(self) -> bool:
        self.ors.lines.append(self.requestline)
        wanted = self.ors.authorization
        if wanted and self.headers.get("Authorization") != wanted:
            self._answer(401, b"who are you?")
            return False
        return True

    def _start(self) -> None:
        if self.headers.get_content_type() == "application/json":
            data = json.loads(self.body)
        else:
            data = dict(parse_qsl(self.body.decode(), strict_parsing=True))
        if not data.get("src"):
            self._answer(400, b"src is missing")
            return
        session = self.ors.start(data)
        self._answer(200, session.id.encode(), cookie=f"{session.id}.{session.node}")

    def _session(self, kind: str) -> Session | None:
        """The one that the path names, if this is its node; else the answer is 404."""
        parts = [unquote(part) for part in self.path.split("/")]
        session = self.ors.sessions.get(parts[3]) if parts[1:3] == ["scxml", "session"] else None
        cookie = self.headers.get("Cookie", "")
        led_to = cookie.partition(f"{COOKIE}=")[2].rpartition(".")[2]
        if session is None or parts[4] != kind or (led_to and led_to != session.node):
            self._answer(404, b"no such session")
            return None
        return session

    def _request(self) -> None:
        faults = self.ors.faults
        if faults.cut_before:
            self.close_connection = True
            return
        if faults.status:
            self._answer(faults.status, b"not today", location="/elsewhere")
            return
        session = self._session("request")
        if session is None:
            return
        asked = Asked(
            session.id, self.path.rpartition("/")[2], json.loads(self.body), dict(self.headers)
        )
        self.ors.asked.append(asked)
        response = session.respond(asked.body)
        body = json.dumps(response).encode() if faults.body is None else faults.body
        if faults.silent_seconds:
            self.ors.over.wait(faults.silent_seconds)
        if faults.cut_after:
            self.close_connection = True
        elif faults.garbage:
            self.close_connection = True
            self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
        else:
            self._answer(
                200, body, cookie=f"{session.id}.{session.node}", promised=2 if faults.half else 1
            )

    def _answer(
        self, status: int, body: bytes, *, cookie: str = "", location: str = "", promised: int = 1
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) * promised))
        if cookie:
            self.send_header("Set-Cookie", f"{COOKIE}={cookie}; Path=/; HttpOnly")
        if 300 <= status < 400:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = self.close_connection or promised > 1

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the terminal."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up early is no error of the test's."""


@contextmanager
def running_orchestration(
    *, credentials: str = "", context: ssl.SSLContext | None = None
) -> Iterator[Orchestration]:
    """Serve on any free port until the block ends. `credentials` are `name:password`."""
    ors = Orchestration(credentials)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"ors": ors}))
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    ors.url = f"ors+http{'s' if context else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ors
    finally:
        ors.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def until(condition: Callable[[], bool], seconds: float = 40.0) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
