"""A proxy before a directory, over real HTTP. It passes on what comes, and alters answers as told:
it is the directory that a console may meet, and whoever sits on the way to it."""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.directory_server import new_key, public_keys

DISCOVERY, KEYS, TOKEN, USERINFO = (
    "/.well-known/openid-configuration",
    "/keys",
    "/token",
    "/userinfo",
)
SKIPPED = {"transfer-encoding", "content-length", "connection", "keep-alive", "date", "server"}


class Honest(Protocol):
    """The directory behind: the stand-in, or oidc-provider."""

    port: int

    def prepare(self, claims: dict[str, Any]) -> None: ...


@dataclass(frozen=True)
class Raw:
    """An answer that takes the place of another as it is."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


Lie = Callable[[dict[str, Any]], "dict[str, Any] | Raw"]


@dataclass
class LyingProxy:
    """`claims` are those of who comes next; `asked` are the parameters of the authorizations. A lie
    for a path is given the true answer, and answers what is said in its place."""

    address: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    lies: dict[str, Lie] = field(default_factory=dict)
    own_key: rsa.RSAPrivateKey = field(default_factory=new_key)
    behind: Honest | None = None

    def forget(self) -> None:
        """As new, for the next test."""
        self.claims, self.asked, self.lies = {}, [], {}

    def says(self, path: str, **values: Any) -> None:
        """The answer with other values; None leaves one out."""
        self.lies[path] = lambda true: {
            name: value for name, value in {**true, **values}.items() if value is not None
        }

    def signs(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Tokens with other claims, well signed: with a key that is published as the directory's.
        No honest directory would sign these."""

        def sign(true: dict[str, Any]) -> str:
            body = json.dumps(change(true)).encode()  # PyJWT's own encoding refuses the odder ones
            return jwt.api_jws.encode(body, self.own_key, "RS256", {"kid": "own"})

        self.forges(sign)
        self.lies[KEYS] = lambda _true: public_keys(self.own_key, "own")

    def forges(self, make: Callable[[dict[str, Any]], str]) -> None:
        """Tokens made anew out of the claims; the directory's keys stay as they are."""

        def lie(true: dict[str, Any]) -> dict[str, Any]:
            claims = jwt.decode(true["id_token"], options={"verify_signature": False})
            return {**true, "id_token": make(claims)}

        self.lies[TOKEN] = lie

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        assert self.behind is not None
        url = urlsplit(target)
        if url.path == "/authorize":
            self.asked.append(dict(parse_qsl(url.query)))
            self.behind.prepare(dict(self.claims))
        connection = http.client.HTTPConnection("127.0.0.1", self.behind.port, timeout=60)
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        said = response.read()
        kept = [pair for pair in response.getheaders() if pair[0].lower() not in SKIPPED]
        connection.close()
        lie = self.lies.get(url.path)
        if lie is None:
            return response.status, kept, said
        changed = lie(json.loads(said))
        if isinstance(changed, Raw):
            return changed.status, list(changed.headers.items()), changed.body
        return response.status, kept, json.dumps(changed).encode()


@contextmanager
def running_proxy(tls: ssl.SSLContext | None = None) -> Iterator[LyingProxy]:
    """`behind` is still to be given."""
    proxy = LyingProxy()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on("GET")

        def do_POST(self) -> None:
            self._pass_on("POST")

        def _pass_on(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, said = proxy._answer(method, self.path, dict(self.headers), body)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        proxy.address = f"http://127.0.0.1:{server.server_address[1]}"
        if tls is not None:
            proxy.address = proxy.address.replace("http:", "https:")
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
