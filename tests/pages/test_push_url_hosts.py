"""Wherever a person reviews or sends a push URL, its real host stands beside it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder
from tests.support.factories import ROOT

pytestmark = pytest.mark.django_db

URL = "https://bücher.example/orders/{{ data.InteractionId }}"
SHOWN = ("Leads to", ">bücher.example</strong>", "looked up as", ">xn--bcher-kva.example</span>")


def check_shown(html: str) -> None:
    for part in SHOWN:
        assert part in html, part


@pytest.fixture
def notice(make_notice: Callable[..., Any]) -> str:
    make_notice(URL, key="book", kind="push_url")
    return "book"


def test_in_review_and_among_the_versions(
    approver: User, notice: str, browse: Callable[..., Client]
) -> None:
    page = browse(approver).get(reverse("notice-detail", args=[notice])).content.decode()
    check_shown(page)
    fresh = notice_create(ROOT, key="next", kind="push_url", title="Next")
    version = version_create(ROOT, fresh, VersionContent(default_locale="en", bodies={"en": URL}))
    check_shown(browse(approver).get(reverse("notice-detail", args=["next"])).content.decode())
    version_submit(ROOT, version)
    check_shown(browse(approver).get(reverse("notice-detail", args=["next"])).content.decode())


def test_before_sending_and_in_the_proof(
    supervisor: User,
    notice: str,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
) -> None:
    chat = make_interaction()
    client = browse(supervisor)
    form = {"notice": notice, "interaction": [chat.pk], "idempotency_key": "k1"}
    preview = client.post(reverse("board-preview"), form, headers={"HX-Request": "true"})
    check_shown(preview.content.decode())
    send = send_create(supervisor.to_actor(), SendOrder(notice_key=notice, interactions=[chat.pk]))
    proof = reverse("delivery-detail", args=[send.deliveries.get().pk])
    check_shown(client.get(proof).content.decode())


def test_before_approving(
    supervisor: User,
    approver: User,
    notice: str,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    browse: Callable[..., Client],
    settings: Any,
) -> None:
    settings.APPROVAL_ABOVE = 1
    chats = [make_interaction().pk for _ in range(2)]
    send_create(supervisor.to_actor(), SendOrder(notice_key=notice, interactions=chats))
    check_shown(browse(approver).get(reverse("send-approvals")).content.decode())


def test_a_message_leads_nowhere(
    approver: User, make_notice: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    make_notice("https://example.com/ is our page", key="plain")
    page = browse(approver).get(reverse("notice-detail", args=["plain"])).content.decode()
    assert "Leads to" not in page
