"""What a monitor is told of webhooks."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from console.webhooks.models import Message, MessageStatus, Webhook
from tests.support.factories import make_public_webhook
from tests.support.scraping import scrape

pytestmark = pytest.mark.django_db


def keep(webhook: Webhook, status: MessageStatus, *, hours: float) -> None:
    key = f"{webhook.name} {status} {hours}"
    then = timezone.now() - timedelta(hours=hours)
    Message.objects.create(webhook=webhook, key=key, status=status, occurred_at=then, body="{}")


def test_where_there_is_none_there_are_no_metrics(client: Client) -> None:
    assert not [name for name, *_labels in scrape(client) if "webhook" in name]


def test_messages_by_status_and_how_long_the_oldest_waits(client: Client) -> None:
    idle, busy = make_public_webhook("Idle"), make_public_webhook("Busy")
    Webhook.objects.filter(pk=idle.pk).update(enabled=False)
    keep(busy, MessageStatus.WAITING, hours=1)
    keep(busy, MessageStatus.WAITING, hours=2)
    keep(busy, MessageStatus.GIVEN_UP, hours=30)

    found = scrape(client)

    assert found["console_webhook_messages", "waiting", "Busy"] == 2
    assert found["console_webhook_messages", "taken", "Busy"] == 0
    assert found["console_webhook_messages", "given_up", "Busy"] == 1
    assert 7200 <= found["console_webhook_oldest_waiting_seconds", "Busy"] < 7500
    assert found["console_webhook_enabled", "Busy"] == 1
    assert found["console_webhook_messages", "waiting", "Idle"] == 0
    assert found["console_webhook_oldest_waiting_seconds", "Idle"] == 0
    assert found["console_webhook_enabled", "Idle"] == 0
