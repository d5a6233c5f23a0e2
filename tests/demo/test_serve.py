"""`manage.py serve`: how it starts, answers and stops."""

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.migrations.recorder import MigrationRecorder

from console.web.server.http import CannotListen, address_of, listen
from tests.support.demos import Browser, Demo, Program


@pytest.fixture
def server(demo: Demo) -> Iterator[Program]:
    """A second web server on the demo's data."""
    assert demo.address
    program = Program("serve", "--port", "0", data=demo.data)
    yield program
    program.close()


def address(server: Program) -> str:
    return server.says(r"Serving on (http://127\.0\.0\.1:\d+/) - Ctrl-C stops it\.")[1]


def test_it_serves_pages_and_their_files(server: Program) -> None:
    browser = Browser(address(server))

    assert browser.get("/accounts/login/")[0] == 200
    assert browser.get("/static/css/tokens.css")[0] == 200
    assert browser.get("/static/css/nothing.css")[0] in (302, 404)
    status, answer = browser.get("/readyz")
    assert (status, json.loads(answer)["status"]) == (200, "ready")


def test_it_does_not_say_what_it_is(server: Program) -> None:
    with urllib.request.urlopen(f"{address(server)}healthz", timeout=30) as answer:
        assert answer.headers["Server"] is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_with_an_event_stream_open(
    server: Program, number: signal.Signals
) -> None:
    browser = Browser(address(server))
    browser.sign_in("sue")
    with browser.opener.open(f"{address(server)}events/?topic=board", timeout=30) as stream:
        assert stream.readline() == b": connected\n"
        server.send(number)
        rest = stream.read()

    assert server.wait() == 0
    assert rest.startswith(b"retry: ")
    assert server.output.count("\n") == 1, server.output


@pytest.mark.django_db
def test_without_migrations_it_says_what_to_do() -> None:
    MigrationRecorder.Migration.objects.filter(app="sends").delete()

    with pytest.raises(CommandError, match=r"lacks \d+ migrations\. Run first: manage.py migrate"):
        call_command("serve", "--port", "0", stdout=StringIO())


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(CannotListen, match=f"port {port}: address already in use.*--port"):
            listen("127.0.0.1", port)


def test_a_port_that_is_none_is_told() -> None:
    with pytest.raises(CannotListen, match="70000 is no port"):
        listen("127.0.0.1", 70_000)


def test_an_ipv6_address_is_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with listen("::1", 0) as listener:
        assert address_of(listener).startswith("http://[::1]:")
