"""The settings of mail: how they are read, what is refused, TLS and a sign-in to a real server."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from console.accounts.models import User
from console.notifications.models import Notification
from console.notifications.settings import (
    CHANNELS_EXPECTED,
    MailServer,
    channels,
    mail_address,
    mail_server,
)
from console.site import environment as env
from tests.notifications.conftest import Large, now_due, tell, use_server
from tests.support.mail_server import PASSWORD, USER
from tests.support.mail_server import mail_server as run_server
from tests.support.network import make_certificate

pytestmark = pytest.mark.processes

SECRET_URL = "smtp://console:p%40ss%2Fword%3A1@127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("smtp://mail.example.org", MailServer("mail.example.org", 587, tls="starttls")),
        (
            "smtp://mail.example.org?tls=starttls",
            MailServer("mail.example.org", 587, "", "", "starttls"),
        ),
        ("smtp://mail.example.org:25?tls=none", MailServer("mail.example.org", 25)),
        ("smtps://mail.example.org", MailServer("mail.example.org", 465, tls="tls")),
        (
            "smtp://console:p%40ss%2Fword%3A1@mail.example.org:2525",
            MailServer("mail.example.org", 2525, USER, PASSWORD, "starttls"),
        ),
    ],
)
def test_addresses_of_mail_servers(url: str, read: MailServer) -> None:
    assert mail_server(url) == read
    assert PASSWORD not in repr(read) + str(read)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "mail.example.org",
            "http://mail.example.org",
            "smtp://",
            "smtp://h:0x1",
            "smtp://h:99999",
        ),
        *("smtp://h?tls=perhaps", "smtps://h?tls=none", "smtp://h?ssl=1", "smtp://h/path"),
        *("smtp://user@h", "smtp://:secret@h", "smtp://h?tls"),
    ],
)
def test_addresses_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"set it to|give both"):
        mail_server(url)


def test_a_wrong_address_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, convert in (("CONSOLE_EMAIL_URL", mail_server), ("CONSOLE_CHANNELS", channels)):
        monkeypatch.setenv(name, "desk=nonsense://hunter2")
        env.read(name, convert, None)
        with pytest.raises(ImproperlyConfigured) as refused:
            env.stop_if_wrong()
        assert name in str(refused.value)
        assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("sender", ["a@example.org", "Notice Console <a@example.org>"])
def test_senders(sender: str) -> None:
    assert mail_address(sender) == sender


@pytest.mark.parametrize("sender", ["", "a", "a@b, c@d", "A <a@b", "A\nBcc: x <a@b>", "<>"])
def test_senders_that_are_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="set it to an address"):
        mail_address(sender)


def test_channels_by_name() -> None:
    found = channels("desk=json://127.0.0.1/a?x=1\nnight-2=jsons://u:p@h/b")
    assert found == {"desk": "json://127.0.0.1/a?x=1", "night-2": "jsons://u:p@h/b"}
    assert "127" not in repr(found)


@pytest.mark.parametrize(
    "raw", ["json://h", "desk=", "desk=nonsense://h", "De sk=json://h", "a=json://h a=json://i"]
)
def test_channels_that_are_refused(raw: str) -> None:
    with pytest.raises(ValueError, match=CHANNELS_EXPECTED[:30]):
        channels(raw)


@pytest.fixture
def certificate(tmp_path: Path, settings: Any) -> ssl.SSLContext:
    """What a server shows. The console trusts it."""
    path, key = make_certificate(tmp_path)
    settings.EMAIL_CA = str(path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    return context


def status() -> tuple[str, str]:
    row = Notification.objects.get()
    return row.status, getattr(row.error, "code", "")


@pytest.mark.django_db
def test_starttls_and_a_sign_in(
    settings: Any, anna: User, large: Large, certificate: ssl.SSLContext
) -> None:
    with run_server(starttls=certificate, signs_in=True) as server:
        use_server(settings, SECRET_URL.format(port=server.port))
        large()
        tell()
        assert status() == ("sent", "")
        assert (server.over_tls, server.signed_in) == ([True], 1)


@pytest.mark.django_db
def test_tls_from_the_first_byte(
    settings: Any, anna: User, large: Large, certificate: ssl.SSLContext
) -> None:
    with run_server(tls=certificate) as server:
        use_server(settings, f"smtps://127.0.0.1:{server.port}")
        large()
        tell()
        assert status() == ("sent", "")
        assert len(server.taken) == 1


@pytest.mark.django_db
def test_a_certificate_that_nobody_trusts_gets_no_mail(
    settings: Any, anna: User, large: Large, certificate: ssl.SSLContext
) -> None:
    settings.EMAIL_CA = ""
    with run_server(starttls=certificate) as server:
        use_server(settings, f"smtp://127.0.0.1:{server.port}")
        large()
        tell()
        assert status() == ("waiting", "mail_no_connection")
        assert server.taken == []


@pytest.mark.django_db
def test_a_server_without_starttls_gets_no_mail_in_the_clear(
    settings: Any, anna: User, large: Large
) -> None:
    with run_server() as server:
        use_server(settings, f"smtp://127.0.0.1:{server.port}")
        large()
        tell()
        assert status() == ("waiting", "mail_broken")
        assert server.taken == []


@pytest.mark.django_db
def test_a_wrong_password_is_said_and_not_repeated_in_words(
    settings: Any, anna: User, large: Large, certificate: ssl.SSLContext
) -> None:
    with run_server(starttls=certificate, signs_in=True) as server:
        use_server(settings, f"smtp://console:hunter2@127.0.0.1:{server.port}")
        large()
        tell()
        assert status() == ("waiting", "mail_not_signed_in")
        assert "hunter2" not in str(Notification.objects.get().error)
        use_server(settings, SECRET_URL.format(port=server.port))
        now_due()
        tell()
        assert status()[0] == "sent"
