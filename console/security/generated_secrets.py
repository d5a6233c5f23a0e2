"""Secrets that are generated for a set-up on one machine, and then stay the same."""

import base64
import os
import secrets
from pathlib import Path


def kept(path: Path, made_up: str) -> str:
    """Return the content of `path`. If there is no such file, write `made_up` into it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(made_up)
    return made_up


def made_up_key() -> str:
    """Return 32 random bytes in base64, as a signing key."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def made_up_secret_key() -> str:
    """Return a long random text, as the key that signs sessions."""
    return secrets.token_urlsafe(50)
