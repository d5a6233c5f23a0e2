"""What of a webhook can be edited, as plain data: for the ledger, and for editors who meet."""

import hashlib

from console.editing.revision import State
from console.webhooks.destinations import Refused, read_url
from console.webhooks.models import Webhook


def webhook_state(webhook: Webhook) -> State:
    return {
        "name": webhook.name,
        "url": webhook.url,
        "events": sorted(webhook.events),
        "enabled": webhook.enabled,
    }


def recorded_state(webhook: Webhook) -> State:
    """The state as the ledger may have it."""
    return {**webhook_state(webhook), "url": recorded_url(webhook.url)}


def secret_seen(webhook: Webhook) -> str:
    """Tells one secret of a webhook from the next, and nothing about either."""
    return hashlib.sha256(webhook.secret.encode()).hexdigest()


def recorded_url(url: str) -> str:
    """Where an address leads, without its path: some services have a secret in that. The digest
    tells one path from another."""
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    try:
        return f"{read_url(url).origin}/… (sha256 {digest})"
    except Refused:  # the settings have changed since it was saved
        return f"sha256 {digest}"
