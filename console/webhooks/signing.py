"""Secrets and signatures by the Standard Webhooks scheme (docs/webhooks.md)."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from console.security import encryption

PREFIX = "whsec_"
SECRET_BYTES = 32
PURPOSE = "webhook secret"


def new_secret() -> str:
    """As its receiver gets it, once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sealed(secret: str) -> str:
    """A secret as the database has it."""
    return encryption.encrypt(secret, purpose=PURPOSE)


def unsealed(kept: str) -> str:
    """Raises cryptography.fernet.InvalidToken."""
    return encryption.decrypt(kept, purpose=PURPOSE)


def signature(secret: str, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over the id, the timestamp and the body, with points between them."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    secrets_in_use: Iterable[str], *, webhook_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """The three headers; with several secrets, as during a rotation, a signature by each."""
    timestamp = int(at.timestamp())
    signatures = [
        signature(secret, webhook_id=webhook_id, timestamp=timestamp, body=body)
        for secret in secrets_in_use
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
