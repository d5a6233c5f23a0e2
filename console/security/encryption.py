"""Encrypts stored values that must be readable again, such as signing keys of webhooks.

The key is derived from the secret key. Former secret keys still decrypt, so that changing it loses
nothing.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(text: str, *, purpose: str) -> str:
    """Encrypt `text` so that only `decrypt` with the same purpose reads it."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def decrypt(encrypted: str, *, purpose: str) -> str:
    """Decrypt. Raises cryptography.fernet.InvalidToken if another secret key encrypted it."""
    return _fernet(purpose).decrypt(encrypted.encode()).decode()


def _fernet(purpose: str) -> MultiFernet:
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([Fernet(_key_of(secret, purpose)) for secret in keys])


def _key_of(secret: str, purpose: str) -> bytes:
    """Derive a separate key for each purpose: none can decrypt what another encrypted."""
    digest = hashlib.sha256(f"{purpose}:{secret}".encode()).digest()
    return base64.urlsafe_b64encode(digest)
