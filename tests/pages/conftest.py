"""A browser's view of the console: signed-in clients and the HTML that they get, and desks with a
real Chromium at the demo."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Browser

from console.sends.models import Delivery, DeliveryStatus, Send, SendOutcome, VersionUse
from tests.pages.browsing import Desk
from tests.pages.interrupting import EXPECTED
from tests.support.demos import Demo


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
