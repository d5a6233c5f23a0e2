"""Checkpoints go to an address outside by HTTPS: a real TLS server, with a certificate that a
private authority has signed."""

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest

from console.audit import checkpoints
from console.audit.checkpoints import new_key, public_key
from console.audit.models import AuditCheckpoint
from console.audit.services import checkpoint_make, record
from console.audit.verify import Keys
from tests.support.authority import Authority, make_authority
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


class Outside(NamedTuple):
    """What came to the address, as JSON with its content type."""

    url: str
    came: list[tuple[str, str, Any]]


@contextmanager
def listening(
    authority: Authority, answer: Callable[[BaseHTTPRequestHandler], object]
) -> Iterator[Outside]:
    came: list[tuple[str, str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            said = json.loads(body) if body else None
            came.append((self.command, self.headers["Content-Type"] or "", said))
            answer(self)

        do_POST = do_GET

        def log_message(self, *_arguments: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.server, authority.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_arguments: None
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield Outside(f"https://127.0.0.1:{server.server_address[1]}/keep", came)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def _setting(settings: Any, authority: Authority) -> None:
    settings.AUDIT_KEY = new_key()
    settings.AUDIT_OLD_KEYS = []
    settings.CHECKPOINTS_CA = str(authority.ca)
    record(ROOT, "noted", target=("thing", 1, "Thing"))


def says(status: int, **headers: str) -> Callable[[BaseHTTPRequestHandler], object]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer


def kept() -> bool:
    return AuditCheckpoint.objects.get().outside_at is not None


def test_it_arrives_as_it_was_signed(settings: Any, authority: Authority) -> None:
    with listening(authority, says(201)) as outside:
        settings.CHECKPOINTS_TO = outside.url
        checkpoint_make()
        checkpoint_make()  # nothing is sent twice
    ((method, content_type, said),) = outside.came
    assert (method, content_type) == ("POST", "application/json")
    assert said == AuditCheckpoint.objects.get().said
    assert Keys([public_key(settings.AUDIT_KEY)]).complaint("checkpoint", said) == ""
    assert kept()


def test_who_is_not_trusted_gets_nothing(settings: Any, authority: Authority) -> None:
    settings.CHECKPOINTS_CA = ""  # the machine's own authorities, and ours is none of them
    with listening(authority, says(201)) as outside:
        settings.CHECKPOINTS_TO = outside.url
        assert checkpoint_make() is not None
    assert outside.came == []
    assert not kept()


def test_a_certificate_of_another_name_is_not_trusted(settings: Any, authority: Authority) -> None:
    with listening(authority, says(201)) as outside:
        settings.CHECKPOINTS_TO = outside.url.replace("127.0.0.1", "localhost")
        checkpoint_make()
    assert outside.came == []
    assert not kept()


def garbage(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"What do you want?\r\n\r\n")


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.close()


@pytest.mark.parametrize(
    "answer",
    [says(403), says(503), says(302, Location="/elsewhere"), garbage, hangs_up],
    ids=["refuses", "is down", "leads elsewhere", "says something else", "hangs up"],
)
def test_what_was_not_taken_is_tried_again(
    answer: Callable[[BaseHTTPRequestHandler], object], settings: Any, authority: Authority
) -> None:
    with listening(authority, answer) as outside:
        settings.CHECKPOINTS_TO = outside.url
        assert checkpoint_make() is not None
        assert [method for method, _type, _said in outside.came] == ["POST"]
    assert not kept()
    with listening(authority, says(200)) as outside:
        settings.CHECKPOINTS_TO = outside.url
        assert checkpoint_make() is None  # no new one; the old one goes out
    assert [said["seq"] for _method, _type, said in outside.came] == [1]
    assert kept()


def test_one_that_hangs_holds_nobody_up(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the connection, and then not a word: not even of TLS."""
    monkeypatch.setattr(checkpoints, "POST_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CHECKPOINTS_TO = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        started = time.monotonic()
        assert checkpoint_make() is not None
    assert time.monotonic() - started >= 0.3
    assert not kept()


def test_where_nobody_listens_nothing_is_lost(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings.CHECKPOINTS_TO = f"https://127.0.0.1:{port}/"
    assert checkpoint_make() is not None
    assert not kept()
