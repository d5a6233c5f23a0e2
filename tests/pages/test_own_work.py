"""A person who holds every role still decides on nothing of their own: by page and by API. By SQL:
tests/audit/test_own_work.py."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.accounts.roles import Role
from console.catalogue.content.notices import notice_create
from console.catalogue.content.version_content import VersionContent
from console.catalogue.content.versions import version_create, version_submit
from console.catalogue.models import NoticeVersion, VersionStatus
from console.sends.models import Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import SendOrder


@pytest.fixture
def almighty(make_user: Callable[..., User]) -> User:
    return make_user("max", *Role.values)


@pytest.fixture
def browser(almighty: User, browse: Callable[..., Client]) -> Client:
    return browse(almighty)


@pytest.fixture
def version(almighty: User) -> NoticeVersion:
    actor = almighty.to_actor()
    notice = notice_create(actor, key="delay", kind="message", title="Delayed")
    draft = version_create(
        actor, notice, VersionContent(default_locale="en", bodies={"en": "Later."})
    )
    return version_submit(actor, draft)


@pytest.fixture
def large_send(
    almighty: User,
    chat_server: Any,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
    settings: Any,
) -> Send:
    settings.APPROVAL_ABOVE = 1
    make_notice(key="hello")
    chats = [make_interaction().pk for _ in range(2)]
    send = send_create(almighty.to_actor(), SendOrder(notice_key="hello", interactions=chats))
    assert send.status == SendStatus.AWAITING_APPROVAL
    return send


API = "/api/v1/notices/delay/versions/1"


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_the_own_version(version: NoticeVersion, browser: Client, decision: str) -> None:
    address = reverse(f"version-{decision}", kwargs={"key": "delay", "number": 1})
    by_page = browser.post(address, {"reason": "No."})
    by_api = browser.post(f"{API}/{decision}/", {"reason": "No."}, content_type="application/json")

    assert "Nobody decides on their own version" in by_page.content.decode()
    assert by_page.status_code == by_api.status_code == 403
    assert by_api.json()["code"] == "own_work"
    version.refresh_from_db()
    assert version.status == VersionStatus.IN_REVIEW


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_the_own_large_send(large_send: Send, browser: Client, decision: str) -> None:
    by_page = browser.post(
        reverse(f"send-{decision}", kwargs={"send_id": large_send.pk}), {"reason": "No."}
    )
    by_api = browser.post(
        f"/api/v1/sends/{large_send.pk}/{decision}/",
        {"reason": "No."},
        content_type="application/json",
    )

    assert by_page.status_code in (403, 422)
    assert by_api.status_code == 403
    assert by_api.json()["code"] == "own_work"
    large_send.refresh_from_db()
    assert large_send.status == SendStatus.AWAITING_APPROVAL
