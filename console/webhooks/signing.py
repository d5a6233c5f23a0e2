"""Secrets and signatures of the Standard Webhooks scheme (docs/webhooks.md)."""

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
    """Return a new secret in the form that its receiver gets once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sealed(secret: str) -> str:
    """Return a secret encrypted for the database."""
    return encryption.encrypt(secret, purpose=PURPOSE)


def unsealed(kept: str) -> str:
    """Return the decrypted secret. Raises cryptography.fernet.InvalidToken."""
    return encryption.decrypt(kept, purpose=PURPOSE)


def signature(secret: str, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the HMAC-SHA256 of the id, the timestamp and the body, joined by points."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def signed_headers(
    secrets_in_use: Iterable[str], *, webhook_id: str, at: datetime, body: bytes
) -> dict[str, str]:
    """Return the three headers, with one signature for each secret (two during a rotation)."""
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
