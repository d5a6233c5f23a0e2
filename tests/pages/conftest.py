"""A browser's view of the console: signed-in clients and the HTML that they get, and desks with a
real Chromium at the demo."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser

from console.accounts.models import User
from console.catalogue.models import NoticeVersion
from console.sends.models import Delivery, DeliveryStatus, Send, SendOutcome, VersionUse
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.pages.browsing import Desk
from tests.pages.interrupting import EXPECTED
from tests.support.compact import PageClient
from tests.support.demos import Demo
from tests.support.signing_in import sign_in


@pytest.fixture
def browse(db: None) -> Callable[[User | None], Client]:
    """A client signed in as somebody, or as nobody."""

    def browser_of(user: User | None = None) -> Client:
        client = PageClient()
        return client if user is None else sign_in(client, user)

    return browser_of


@pytest.fixture
def make_send(
    supervisor: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., NoticeVersion],
) -> Callable[..., Send]:
    """A send of the supervisor's to a number of new chats, or to those with these ids."""

    def make(chats: int | list[str] = 1, *, undo_seconds: int = 0, **wanted: Any) -> Send:
        notice = make_notice("Hello {{ data.FirstName }}.")
        ids = [make_interaction().pk for _ in range(chats)] if isinstance(chats, int) else chats
        return send_create(
            supervisor.to_actor(),
            SendOrder(
                notice_key=notice.notice.key, interactions=ids, undo_seconds=undo_seconds, **wanted
            ),
        )

    return make


@pytest.fixture
def sit_down(
    browser: Browser, demo: Demo, sessions: Callable[[str], str]
) -> Iterator[Callable[..., Desk]]:
    """Desks at the demo."""
    desks: list[Desk] = []

    def sit(**context: Any) -> Desk:
        desks.append(Desk(browser, demo.address, sessions, **context))
        return desks[-1]

    yield sit
    for desk in desks:
        desk.context.close()


@pytest.fixture
def seated(sit_down: Callable[..., Desk]) -> Iterator[Callable[..., Desk]]:
    """Desks whose browser may complain of the lines that are cut."""
    desks: list[Desk] = []

    def sit(**context: object) -> Desk:
        desks.append(sit_down(**context))
        return desks[-1]

    yield sit
    for desk in desks:
        desk.context.close()  # it goes on trying until then
        desk.complaints = [each for each in desk.complaints if not each.startswith(EXPECTED)]


@pytest.fixture
def staying(demo: Demo) -> Iterator[str]:
    """The name of two customers who are new, and whose chats do not end while a test takes its
    time: nobody has sent them anything yet."""
    with ExitStack() as stack:
        for number in range(2):
            chat = f"0001{uuid4().hex[:12].upper()}"
            known = {"FirstName": f"Stay {number}", "LastName": "Awhile"}
            stack.enter_context(demo.chat(chat, waiting=timedelta(minutes=1), **known))
        yield "Awhile"


def end(send: Send, status: str, **outcome: Any) -> Delivery:
    """Give the first open delivery its outcome, as the dispatcher would."""
    delivery = send.deliveries.filter(status=DeliveryStatus.PENDING).order_by("pk")[0]
    for name, value in {"status": status, "finished_at": timezone.now(), **outcome}.items():
        setattr(delivery, name, value)
    delivery.save()
    number, _ = SendOutcome.objects.get_or_create(send=send, status=status, defaults={"number": 0})
    SendOutcome.objects.filter(pk=number.pk).update(number=F("number") + 1)
    if status == "delivered":
        VersionUse.objects.filter(version=send.version).update(delivered=F("delivered") + 1)
    return delivery
