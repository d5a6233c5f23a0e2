"""A small world to search in, and what of it an answer has."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.content.notices import notice_retire, notice_update
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT, make_public_webhook

HIT = re.compile(r'<a class="found__hit[^"]*" href="([^"]*)"')
TITLE = re.compile(r'<bdi class="cut">([^<]*)</bdi>')
GROUP = re.compile(r'id="found-([a-z-]+)"')


def answer(client: Client, q: str = "", **query: Any) -> str:
    """The fragment that the box shows."""
    response = client.get(reverse("search"), {"q": q, **query}, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def hits(html: str, group: str) -> list[str]:
    """The titles in one group."""
    parts = re.split(r'<section class="found"', html)
    return [
        title for part in parts if f'id="found-{group}"' in part for title in TITLE.findall(part)
    ]


@pytest.fixture
def world(
    supervisor: User,
    editor: User,
    approver: User,
    auditor: User,
    administrator: User,
    outsider: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
    make_client: Callable[..., Any],
) -> dict[str, Any]:
    """One of everything; `late` is a shortcut, and a word of other notices too."""
    make_notice("Your parcel is late, very late.", key="other-late")
    parcel = make_notice("It comes tomorrow.", key="parcel-delay", visibility="INT").notice
    notice_update(ROOT, parcel, title="Parcel delayed", shortcut="late")
    gone = make_notice("Late, late.", key="gone-late").notice
    notice_retire(ROOT, gone)
    chat = make_interaction("0001ABCD", queue="sales", agent="ann.keller")
    make_interaction("0002ENDED", type="stopped", user_data={"FirstName": "Bob"})
    send = send_create(
        supervisor.to_actor(),
        SendOrder(notice_key="parcel-delay", interactions=[chat.pk], undo_seconds=0),
    )
    make_client(name="Night shift")
    make_public_webhook(name="Ticketing")
    return {"send": send, "number": str(send.pk)}
