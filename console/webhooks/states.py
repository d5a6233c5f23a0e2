"""The editable state of a webhook as plain data, for the ledger and for edit conflicts."""

import hashlib

from console.accounts.states import State
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
    """Return the state as the ledger may record it."""
    return {**webhook_state(webhook), "url": recorded_url(webhook.url)}


def secret_seen(webhook: Webhook) -> str:
    """Return a digest that differs for each secret of a webhook, and reveals nothing about it."""
    return hashlib.sha256(webhook.secret.encode()).hexdigest()


def recorded_url(url: str) -> str:
    """Return a URL's origin and a digest of the whole URL.

    The path is left out, since some services have a secret in it; the digest distinguishes paths.
    """
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    try:
        return f"{read_url(url).origin}/… (sha256 {digest})"
    except Refused:  # the settings have changed since it was saved
        return f"sha256 {digest}"
