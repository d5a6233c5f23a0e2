"""People who may decide, with mail addresses, and a real mail server and channel on loopback."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from console.accounts.models import User
from console.accounts.roles import Role
from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer
from console.notifications.courier import carry
from console.notifications.models import Matter, Notification
from console.notifications.services import matters_gather, matters_press
from console.notifications.settings import channels
from console.notifications.settings import mail_server as read_server
from console.sends.models import Send
from tests.support import factories
from tests.support.mail_server import MailServer, mail_server
from tests.webhooks.receiver import Receiver, receiving

CUSTOMER, TEXT, TITLE = "Zoë", "A text for customers", "Notice large"
SITE = "https://console.example.org"
Large = Callable[..., Send]


@pytest.fixture(autouse=True)
def _ledger_read_so_far(db: None) -> None:
    """What happens from now on is told."""
    matters_gather()


def use_server(settings: Any, url: str) -> None:
    server = read_server(url)
    settings.MAIL_SERVER = server
    settings.EMAIL_BACKEND = "console.notifications.smtp.Backend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = server.username, server.password
    settings.EMAIL_USE_TLS = server.tls == "starttls"
    settings.EMAIL_USE_SSL = server.tls == "tls"
    settings.EMAIL_TIMEOUT = 60
    settings.DEFAULT_FROM_EMAIL = "Notice Console <console@example.org>"
    settings.CONSOLE_URL = SITE


@pytest.fixture
def post(settings: Any) -> Iterator[MailServer]:
    """The mail server that the console uses."""
    with mail_server() as running:
        use_server(settings, f"smtp://127.0.0.1:{running.port}?tls=none")
        yield running


@pytest.fixture
def channel(settings: Any) -> Iterator[Receiver]:
    """A channel of the name "desk": Apprise posts JSON to it."""
    with receiving() as running:
        settings.CONSOLE_URL = SITE
        settings.CHANNELS = channels(f"desk=json://user:s3cret@127.0.0.1:{running.port}/hook")
        yield running


def addressed(user: User) -> User:
    user.email = f"{user.username}@example.com"
    user.save(update_fields=["email"])
    return user


@pytest.fixture
def anna(approver: User) -> User:
    return addressed(approver)


@pytest.fixture
def bert(make_user: Callable[..., User]) -> User:
    return addressed(make_user("bert", Role.APPROVER))


@pytest.fixture
def large(
    settings: Any,
    supervisor: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
) -> Large:
    """A send of three chats, which another person has to approve."""
    settings.APPROVAL_ABOVE = 2
    make_notice(TEXT, key="large")
    matters_gather()  # its review is over
    Matter.objects.all().delete()

    def make(sender: User = supervisor) -> Send:
        chats = [make_interaction().pk for _ in range(3)]
        return factories.make_send(sender, "large", chats)

    return make


def tell() -> None:
    """What a worker does every two seconds."""
    matters_gather()
    matters_press()
    deliver()


def deliver() -> None:
    async_to_sync(_carry)()


async def _carry() -> None:
    await carry(asyncio.Event())


def now_due() -> None:
    """As if the time of the next attempts had come."""
    Notification.objects.filter(status="waiting").update(due_at=timezone.now())


def statuses() -> list[tuple[str, str]]:
    return list(Notification.objects.order_by("pk").values_list("step", "status"))


def code_of(row: Notification) -> str:
    """The code of what went wrong, "" where nothing did."""
    return getattr(row.error, "code", "")
