"""A send that has paused itself waits for its sender, and nobody else hears of it."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from console.accounts.models import User
from console.audit.models import AuditEntry
from console.interactions.models import ChatServer
from console.notifications.kinds import opening_kinds
from console.notifications.services import matters_gather
from console.sends.control.pausing import send_pause, send_resume
from console.sends.engine.outcomes import Ending
from console.sends.models import DeliveryStatus, Send, SendStatus
from console.sends.plan.sending import send_create
from console.sends.plan.values import Canary, SendOrder
from tests.notifications.conftest import CUSTOMER, SITE, TEXT, addressed, tell
from tests.support.mail_server import MailServer
from tests.support.working import leased_step

pytestmark = pytest.mark.django_db

Paused = Callable[..., Send]


@pytest.fixture
def sue(supervisor: User) -> User:
    return addressed(supervisor)


@pytest.fixture
def paused(
    sue: User,
    chat_server: ChatServer,
    make_interaction: Callable[..., Any],
    make_notice: Callable[..., Any],
) -> Paused:
    """A send to three chats that has paused itself after the first."""
    make_notice(TEXT, key="outage")
    matters_gather()

    def make(minutes: int | None = None) -> Send:
        chats = [make_interaction().pk for _ in range(3)]
        order = SendOrder(notice_key="outage", interactions=chats, canary=Canary(1, minutes))
        send = send_create(sue.to_actor(), order)
        step = leased_step(chat_server, claim=uuid4(), room=1)
        endings = [Ending(each, DeliveryStatus.DELIVERED) for each in step.claimed]
        leased_step(chat_server, claim=uuid4(), endings=endings)
        send.refresh_from_db()
        assert send.status == SendStatus.PAUSED
        return send

    return make


def test_its_sender_gets_a_mail(
    post: MailServer, anna: User, make_user: Callable[..., User], paused: Paused
) -> None:
    addressed(make_user("otto", "supervisor"))
    send = paused()
    tell()
    tell()
    (mail,) = post.taken
    assert post.recipients == ["sue@example.com"]
    said = "Notice Console (caution) has paused the send of “Notice outage” to 3 chats"
    assert str(mail["Subject"]).strip() == f"[Notice Console] {said}"
    for part in mail.iter_parts():
        body = part.get_content()
        assert f"{SITE}/sends/{send.pk}/" in body
        assert TEXT not in body
        assert CUSTOMER not in body


def test_nobody_hears_of_one_that_goes_on_by_itself(post: MailServer, paused: Paused) -> None:
    send = paused(minutes=5)
    tell()
    assert post.taken == []
    entry = AuditEntry.objects.get(action="send.paused")
    assert send.resumes_at is not None
    assert entry.data["resumes_at"] == send.resumes_at.isoformat()
    assert opening_kinds(entry) == []


def test_nor_of_one_that_a_person_has_paused(
    post: MailServer, sue: User, make_send: Callable[..., Send]
) -> None:
    send_pause(sue.to_actor(), make_send(2))
    tell()
    assert post.taken == []


def test_a_mail_does_not_leave_after_it_was_resumed(
    post: MailServer, sue: User, paused: Paused
) -> None:
    send = paused()
    matters_gather()
    send_resume(sue.to_actor(), send)
    tell()
    assert post.taken == []
