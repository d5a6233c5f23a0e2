"""Encrypts what has to be kept and read again, such as what signs for others.

The key comes from the secret key. Those of before still decrypt, so that a new one loses nothing.
"""

import base64
import hashlib

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings


def encrypt(text: str, *, purpose: str) -> str:
    """`text` as only `decrypt` for the same purpose reads it."""
    return _fernet(purpose).encrypt(text.encode()).decode()


def decrypt(encrypted: str, *, purpose: str) -> str:
    """Raises cryptography.fernet.InvalidToken where it was encrypted by another secret key."""
    return _fernet(purpose).decrypt(encrypted.encode()).decode()


def _fernet(purpose: str) -> MultiFernet:
    keys = [str(key) for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([Fernet(_key_of(secret, purpose)) for secret in keys])


def _key_of(secret: str, purpose: str) -> bytes:
    """Another one for each purpose: what is encrypted for one is of no use for the next."""
    digest = hashlib.sha256(f"{purpose}:{secret}".encode()).digest()
    return base64.urlsafe_b64encode(digest)
