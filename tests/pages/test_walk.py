"""The way of one send through the code, from the click to the recorded outcome, as
docs/architecture.md lists it."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.sends.models import Delivery
from tests.support.working import drain

ROOT = Path(__file__).resolve().parents[2]
CONSOLE = str(ROOT / "console") + "/"
MOST = 35
# Around each request and each worker, whatever they do: settings, sign-in, limits, frame, logs.
AROUND = re.compile(
    r"(apps|settings|urls|asgi|wsgi|actors|errors)\.py|"
    r"(accounts|api|database|text|site|security|live|embedded)/|"
    r"web/(requests|pages|search|templatetags|server)/|.*/(models|tasks|kinds|states)\.py|"
    r"interactions/feed/|catalogue/pages/|sends/observe/|sends/pages/|.*/management/"
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("simulator")]


@contextmanager
def entered() -> Iterator[set[str]]:
    """The files of console/ whose functions run meanwhile, in any thread."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and name.startswith(CONSOLE) and frame.f_code.co_name != "<module>":
            files.add(name.removeprefix(CONSOLE))

    before = sys.getprofile()
    sys.setprofile(note)
    threading.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(before)
        threading.setprofile(None)


def listed() -> set[str]:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    walk = text.split("## The walk of one send")[1].split("\n## ")[0]
    return set(re.findall(r"`([\w/]+\.py)`", walk))


def test_a_send_goes_the_way_that_the_document_lists(
    browse: Callable[[User], Client],
    supervisor: User,
    simulator: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
    settings: Any,
) -> None:
    make_notice("Hello {{ data.FirstName }}", key="hello")
    settings.UNDO_SECONDS = 0
    page = browse(supervisor)

    def send(chat: str) -> None:
        make_interaction(chat, user_data={"FirstName": "Zoë"})
        form = {"notice": "hello", "interaction": chat, "idempotency_key": chat}
        assert page.post(reverse("send-create"), form).status_code == 302

    send("first")  # loads what is loaded once
    drain()
    with entered() as files:
        send("second")
        drain()
    assert Delivery.objects.filter(status="delivered").count() == 2
    own = {name for name in files if not AROUND.match(name)}
    assert own == listed()
    assert len(own) <= MOST
