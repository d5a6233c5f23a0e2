"""Where a message goes: to the machine whose address was checked, if it is who it should be."""

import socket
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.webhooks.models import MessageStatus, Webhook
from console.webhooks.services import webhook_test
from tests.support.factories import ROOT
from tests.webhooks.conftest import sent_test, tell
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db
Make = Callable[..., tuple[Webhook, str]]


def test_a_redirect_is_not_followed(make_webhook: Make, receiver: Receiver) -> None:
    webhook, _secret = make_webhook(receiver.url)
    receiver.answers, receiver.headers = [307], {"Location": receiver.url}
    message = sent_test(webhook)
    assert len(receiver.received) == 1
    assert message.status == MessageStatus.WAITING
    assert "redirect" in message.attempts.get().problem


def test_a_name_that_came_to_lead_inside_is_not_connected_to(
    make_webhook: Make, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: a public address when it was saved, and loopback when it is called."""
    meant = ["1.1.1.1"]

    def look_up(_host: str, port: int, **_wanted: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (meant[0], port))]

    settings.WEBHOOK_PRIVATE_ADDRESSES = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    webhook, _secret = make_webhook(f"http://hooks.example.org:{receiver.port}/")
    meant[0] = "127.0.0.1"
    message = webhook_test(ROOT, webhook)
    tell()
    monkeypatch.setattr(socket, "getaddrinfo", real)

    assert receiver.received == []
    problem = message.attempts.get().problem
    assert problem.startswith("Nothing was sent. hooks.example.org is no public address")


def test_what_was_checked_is_what_is_connected_to(
    make_webhook: Make, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is looked up once for an attempt, and not again by whoever connects."""
    asked: list[str] = []

    def look_up(host: str, port: int, **_wanted: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    webhook, _secret = make_webhook(f"http://hooks.example.org:{receiver.port}/")
    asked.clear()
    message = sent_test(webhook)
    assert message.status == MessageStatus.TAKEN
    assert asked.count("hooks.example.org") == 1
    assert receiver.received[0].headers["host"] == f"hooks.example.org:{receiver.port}"


@pytest.mark.processes
def test_the_certificate_must_be_that_of_the_name(
    make_webhook: Make, loopback_allowed: None, settings: Any, tmp_path: Path
) -> None:
    certificate, key = certificate_for("localhost", tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    settings.WEBHOOK_CA = str(certificate)
    with receiving(tls) as receiver:
        by_name, secret = make_webhook(f"https://localhost:{receiver.port}/", name="By name")
        assert sent_test(by_name).status == MessageStatus.TAKEN
        receiver.received[0].verify(secret)

        by_address, _secret = make_webhook(f"https://127.0.0.1:{receiver.port}/")
        message = sent_test(by_address)
        assert message.status == MessageStatus.WAITING
        assert "certificate" in message.attempts.get().problem
        assert len(receiver.received) == 1


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN={name} -addext subjectAltName=DNS:{name}"
    )
    subprocess.run(
        [*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    return certificate, key
