"""Secrets that are made up for a set-up of one machine, and are the same ever after."""

import base64
import os
import secrets
from pathlib import Path


def kept(path: Path, made_up: str) -> str:
    """What is in `path`; where nothing is there, `made_up`, which is there from now on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(made_up)
    return made_up


def made_up_key() -> str:
    """32 random bytes in base64, which sign."""
    return base64.b64encode(secrets.token_bytes(32)).decode()


def made_up_secret_key() -> str:
    """Long and random, which signs sessions."""
    return secrets.token_urlsafe(50)
