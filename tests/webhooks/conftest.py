"""Webhooks that lead to a real receiver on loopback, which these tests' settings allow."""

import asyncio
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from console.webhooks import destinations
from console.webhooks.courier import carry
from console.webhooks.models import Message, Webhook
from console.webhooks.services import facts_gather, webhook_test
from tests.support import factories
from tests.support.factories import ROOT
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _patient_look_ups(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(destinations, "LOOKUP_SECONDS", 30.0)


@pytest.fixture
def loopback_allowed(settings: Any) -> None:
    settings.WEBHOOK_HTTP = True
    settings.WEBHOOK_PRIVATE_ADDRESSES = [ip_network("127.0.0.0/8"), ip_network("::1/128")]


@pytest.fixture
def receiver(loopback_allowed: None) -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def make_webhook(db: None, loopback_allowed: None) -> Callable[..., tuple[Webhook, str]]:
    """One that is told of everything, and its secret."""

    def make(
        url: str = "http://127.0.0.1:9/", *events: str, name: str = "CRM"
    ) -> tuple[Webhook, str]:
        return factories.make_webhook(url, *events, name=name)

    return make


def tell() -> None:
    """What a worker does every two seconds."""
    facts_gather()
    async_to_sync(_carry)()


async def _carry() -> None:
    await carry(asyncio.Event())


def now_due(message: Message) -> None:
    """As if the time of its next attempt had come."""
    Message.objects.filter(pk=message.pk).update(next_at=timezone.now())


def sent_test(webhook: Webhook) -> Message:
    message = webhook_test(ROOT, webhook)
    tell()
    message.refresh_from_db()
    return message
