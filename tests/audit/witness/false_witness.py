"""A witness that lies: a real HTTP server that answers whatever a test wants."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.audit.models import AuditCosignature, AuditLog, AuditTreeHead
from console.audit.witnessing.policy import Policy, parse_policy
from tests.audit.witness.logs import base, sha

Said = tuple[int, str, bytes]


class FalseWitness:
    """It cosigns all that it is asked, unless `answer` is set: a function of the request's body."""

    def __init__(self, name: str = "liar.example/witness") -> None:
        self.name, self.private = name, Ed25519PrivateKey.generate()
        self.answer: Callable[[bytes], Said] = self.cosign
        self.asked: list[bytes] = []
        self.settings: Any = None
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                witness.asked.append(body)
                status, kind, said = witness.answer(body)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_words: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def public(self) -> bytes:
        return self.private.public_key().public_bytes_raw()

    @property
    def id(self) -> bytes:
        return sha(self.name.encode(), b"\n\4", self.public)[:4]

    @property
    def vkey(self) -> str:
        key = base64.b64encode(b"\4" + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{key}"

    def line(self, text: str, at: int | None = None) -> str:
        at = int(time.time()) if at is None else at
        signature = self.private.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
        raw = self.id + at.to_bytes(8, "big") + signature
        return f"— {self.name} {base64.b64encode(raw).decode()}\n"

    def cosign(self, body: bytes) -> Said:
        return 200, "text/plain", self.line(text_of(body)).encode()


def text_of(body: bytes) -> str:
    """The checkpoint's text in a request."""
    note = body.decode().partition("\n\n")[2]
    return note.rpartition("\n\n")[0] + "\n"


@contextmanager
def false_witness() -> Iterator[FalseWitness]:
    made = FalseWitness()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def witnessed_once() -> Policy:
    """Put a head of the tree with a cosignature into the database. Return the policy with its
    witness."""
    liar, now = FalseWitness(), datetime.now(UTC)
    liar.server.server_close()
    text = f"console.example/log\n1\n{base(bytes(32))}\n"
    note = f"{text}\n— console.example/log {base(bytes(68))}\n"
    origin = AuditLog.objects.create(
        origin="console.example/log", secret=bytes(32), begun_at=now
    ).origin
    AuditTreeHead.objects.create(size=1, origin=origin, root=bytes(32), at=now, note=note)
    AuditCosignature.objects.create(
        origin=origin, size=1, witness=liar.vkey, line=liar.line(text), time=0, at=now
    )
    return parse_policy(f"witness auditor {liar.vkey}\nquorum auditor".encode())
