"""manage.py chat_server_check, as somebody at a new site types it."""

import socket
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from console.esp import jvm
from console.interactions.models import ChatServer
from console.interactions.services import chat_server_create
from tests.support.factories import ROOT
from tests.support.network import free_port
from tests.support.simulators import Simulator


@pytest.fixture(autouse=True)
def _allowed_for_the_test_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "_allowed", None)


def check(name: str) -> tuple[list[list[str]], str]:
    """Each step's name, finding and detail, and what it failed with."""
    output, failed = StringIO(), ""
    try:
        call_command("chat_server_check", name, stdout=output)
    except CommandError as error:
        failed = str(error)
    lines = output.getvalue().splitlines()
    assert lines == [] or lines.pop().startswith("Not checked: whether it takes requests")
    return [[line[:12].strip(), line[12:25].strip(), line[25:]] for line in lines], failed


def registered(url: str, **values: Any) -> ChatServer:
    return chat_server_create(ROOT, name="chat-new", url=url, **values)


@pytest.mark.django_db
def test_all_is_well(start_simulator: Callable[..., Simulator]) -> None:
    simulator = start_simulator("chat-new")
    registered(simulator.url)
    steps, failed = check("chat-new")
    assert failed == ""
    assert [step[:2] for step in steps] == [
        ["name", "ok"],
        ["address", "ok"],
        ["connection", "ok"],
        ["TLS", "ok"],
        ["round trip", "ok"],
    ]
    assert steps[1][2] == f"127.0.0.1 is 127.0.0.1, port {simulator.port}."
    assert steps[3][2].startswith("None, as the address says")
    assert simulator.journalled() == []
    server = ChatServer.objects.get()
    assert server.health == "untried"


@pytest.mark.django_db
def test_a_name_that_nobody_knows() -> None:
    assert check("chat-old") == (
        [],
        "There is no Chat Server named 'chat-old'. Registered are: none.",
    )


@pytest.mark.django_db
def test_nobody_listens() -> None:
    registered(f"esp+json://127.0.0.1:{free_port()}", enabled=False)
    steps, failed = check("chat-new")
    assert [step[:2] for step in steps] == [
        ["name", "ok"],
        ["address", "ok"],
        ["connection", "FAILED"],
    ]
    assert steps[0][2].endswith("It is switched off: nothing is sent through it.")
    assert "it was refused" in steps[2][2]
    assert failed == "chat-new can't be used. See what failed above."


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("esp+json://chat1.invalid:4801", "The host name chat1.invalid cannot be resolved."),
        ("gone://chat1:4801", "must begin with one of"),
    ],
)
def test_an_address_that_is_of_no_use(monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    def unknown_name(*args: Any, **options: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown_name)
    ChatServer.objects.create(name="chat-new", url=url)
    steps, failed = check("chat-new")
    assert steps[-1][:2] == ["address", "FAILED"]
    assert said in steps[-1][2]
    assert failed


@pytest.mark.django_db
def test_a_peer_that_takes_connections_and_says_nothing(
    start_simulator: Callable[..., Simulator],
) -> None:
    simulator = start_simulator("chat-new")
    simulator.faults(half_open=True)
    registered(simulator.url, request_timeout_seconds=0.2)
    steps, failed = check("chat-new")
    assert steps[-1][:2] == ["round trip", "FAILED"]
    assert failed


@pytest.mark.django_db
def test_a_chat_server_that_needs_java_where_none_is_set(settings: Any, tmp_path: Path) -> None:
    settings.PSDK_CLASSPATH = ()
    settings.JAVA_HOME = str(tmp_path)
    registered("psdk://127.0.0.1:4801")
    steps, failed = check("chat-new")
    assert steps[-1][:2] == ["Java", "FAILED"]
    assert "is no Java that can be loaded" in steps[-1][2]
    assert "PSDK_CLASSPATH is not set" in steps[-1][2]
    assert failed
    assert not jvm.is_started()


@pytest.mark.django_db
def test_credentials_that_would_go_in_the_clear_are_named(settings: Any) -> None:
    own = {"username": "console", "password": "s3cret", "hosts": ["192.0.2.1"]}
    settings.TRANSPORT_OPTIONS = {"ors": own}
    registered("ors+http://192.0.2.1:7210")
    steps, failed = check("chat-new")
    assert failed
    assert steps[-1][:2] == ["connection", "FAILED"]
    assert "in the clear" in steps[-1][2]
    assert "s3cret" not in steps[-1][2]
