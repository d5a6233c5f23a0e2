"""Webhooks for tests that send nothing to them."""

from console.webhooks.models import EventType, Webhook
from console.webhooks.services import webhook_create
from tests.conftest import ROOT

# No name, which would be looked up; and nothing in the tests connects to it.
PUBLIC = "https://1.1.1.1/hook"


def make_public_webhook(name: str = "Desk") -> Webhook:
    webhook, _secret = webhook_create(ROOT, name=name, url=PUBLIC, events=EventType.values)
    return webhook
