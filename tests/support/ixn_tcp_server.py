"""An Interaction Server for the stand-ins of tests/ixn/java: real TCP, one client at a time."""

import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.support.ixn_server import IxnServer, TakenSnapshot


@dataclass
class TcpIxnServer:
    """`shapes` are those of pages, one after the other; `refusals` are texts of errors, by request.
    `asked` is what came, a request after the other."""

    world: IxnServer
    shapes: tuple[str, ...] = ("objects", "lists")
    refusals: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    port: int = 0
    snapshot: TakenSnapshot | None = None

    @property
    def names(self) -> list[str]:
        return [request["name"] for request in self.asked]

    def reply(self, request: dict[str, str]) -> dict[str, Any]:
        self.asked.append(request)
        name = request["name"]
        if name in self.refusals:
            return {"name": "error", "text": self.refusals[name]}
        if name == "RequestTakeSnapshot":
            self.snapshot = self.world.take()
            return {"name": "taken", "snapshotId": 7, "total": self.snapshot.total}
        if name == "RequestGetSnapshotInteractions":
            assert self.snapshot is not None
            assert request["snapshotId"] == "7"
            start, number = int(request["startFrom"]), int(request["numberOfInteractions"])
            shape = self.shapes[(self.names.count(name) - 1) % len(self.shapes)]
            return {"name": shape, "interactions": self.snapshot.page(start, number)}
        return {"name": "done"}


@contextmanager
def serving(server: TcpIxnServer) -> Iterator[TcpIxnServer]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while head := self.rfile.read(4):
                request = json.loads(self.rfile.read(struct.unpack(">I", head)[0]))
                body = json.dumps(server.reply(request)).encode()
                self.wfile.write(struct.pack(">I", len(body)) + body)

    with socketserver.TCPServer(("127.0.0.1", 0), Handler) as listening:
        server.port = listening.server_address[1]
        thread = threading.Thread(target=listening.serve_forever, args=[0.05])
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown()
            thread.join()
