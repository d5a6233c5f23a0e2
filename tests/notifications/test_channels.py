"""Channels: Apprise posts to a real receiver; and no page, log or metric shows an address."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from console.accounts.models import User
from console.database.clock import database_now
from console.notifications.models import Matter, Notification
from console.notifications.services import matters_gather, matters_press
from console.sends.control.approval import send_approve
from console.sends.models import Send
from tests.notifications.conftest import (
    CUSTOMER,
    SITE,
    TEXT,
    Large,
    addressed,
    code_of,
    deliver,
    now_due,
    tell,
)
from tests.support.scraping import scrape
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def late(large: Large) -> int:
    """A send that nobody has decided on for long."""
    send = large()
    matters_gather()
    Matter.objects.update(asked_at=database_now() - timedelta(days=1))
    return send.pk


def test_a_channel_hears_of_what_nobody_decides(channel: Receiver, late: int) -> None:
    tell()
    tell()
    (got,) = channel.received
    said = json.loads(got.body)
    assert said["title"] == "Nobody has decided yet: Sue asks to send “Notice large” to 3 chats"
    assert said["message"].endswith(f"{SITE}/sends/{late}/")
    assert said["message"].count("https://") == 1
    assert said["attachments"] == []
    for secret in (TEXT, CUSTOMER, "Martin", "chat-east", "billing"):
        assert secret not in got.body.decode()
    row = Notification.objects.get()
    assert (row.channel, row.status, row.person) == ("desk", "sent", None)


def test_a_channel_that_refuses_is_tried_again(
    channel: Receiver, late: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel.answers = [500]
    tell()
    row = Notification.objects.get()
    assert (row.status, code_of(row)) == ("waiting", "channel_failed")
    assert "s3cret" not in str(row.error)
    now_due()
    deliver()
    row.refresh_from_db()
    assert (row.status, len(channel.received)) == ("sent", 2)


def test_a_channel_that_is_gone_from_the_settings_has_failed(
    channel: Receiver, late: int, settings: Any
) -> None:
    matters_press()
    settings.CHANNELS = {}
    deliver()
    row = Notification.objects.get()
    assert (row.status, code_of(row)) == ("failed", "channel_gone")


def test_what_is_decided_is_not_told_to_channels(
    channel: Receiver, late: int, approver: User
) -> None:
    matters_press()
    send_approve(approver.to_actor(), Send.objects.get())
    deliver()
    assert channel.received == []
    assert Notification.objects.get().status == "dropped"


def test_an_address_is_shown_nowhere(
    channel: Receiver,
    late: int,
    administrator: User,
    browse: Callable[..., Client],
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    channel.answers = [500]
    tell()
    page = browse(addressed(administrator)).get("/mail/").content.decode()
    assert "desk" in page
    logged = caplog.text + " ".join(str(record.__dict__) for record in caplog.records)
    secret = settings.CHANNELS["desk"]
    for text in (page, logged, repr(settings.CHANNELS), repr(secret)):
        for part in ("s3cret", "/hook", str(channel.port)):
            assert part not in text


def test_metrics(channel: Receiver, late: int, client: Client) -> None:
    channel.answers = [500]
    tell()
    before = timezone.now() - timedelta(hours=2)
    Notification.objects.update(first_due_at=before)
    found = scrape(client)
    assert found["console_notifications", "channel", "waiting"] == 1
    assert found["console_notifications", "channel", "failed"] == 0
    assert 7200 <= found["console_notification_oldest_due_seconds", "channel"] < 7500
    assert ("console_notifications", "mail", "waiting") not in found


def test_without_mail_and_channels_there_are_no_metrics(client: Client) -> None:
    assert not [name for name, *_labels in scrape(client) if "notification" in name]
