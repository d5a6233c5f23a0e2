"""Signs statements about the ledger, and keeps checkpoints outside of the database."""

import base64
import errno
import json
import os
import ssl
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from console.audit.verify import Keys, checkpoints_of, key_id, signed_bytes
from console.errors import Unavailable
from console.site.fsync import to_disk

logger = structlog.get_logger("console.audit")

FILE = "checkpoints.jsonl"
POST_SECONDS = 10
# More than a line has.
TAIL_BYTES = 8192


class Unsigned(Unavailable):
    """There is no key to sign with."""

    def __init__(self) -> None:
        super().__init__(
            "no_audit_key",
            "Nothing can be signed: the setting CONSOLE_AUDIT_KEY is not set. An administrator of "
            "the machine makes a key with: manage.py audit_key",
        )


def new_key() -> str:
    """A private key, in base64."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key(private: str) -> str:
    """The public key of a private one, both in base64."""
    return base64.b64encode(_private(private).public_key().public_bytes_raw()).decode()


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))


def signed(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """`said` with the key's name and the signature. Raises Unsigned."""
    if not settings.AUDIT_KEY:
        raise Unsigned
    private = _private(settings.AUDIT_KEY)
    whole = {**said, "key_id": key_id(private.public_key().public_bytes_raw())}
    signature = private.sign(signed_bytes(kind, whole))
    return {**whole, "signature": base64.b64encode(signature).decode()}


def own_public_key() -> str:
    """That of the key that signs, in base64; empty where nothing is signed."""
    return public_key(settings.AUDIT_KEY) if settings.AUDIT_KEY else ""


def trusted_keys() -> Keys:
    """This console's own keys: the one that signs, and those that did before.

    Raises console.audit.verify.Unreadable where one of CONSOLE_AUDIT_OLD_KEYS is none.
    """
    return Keys(filter(None, [own_public_key(), *settings.AUDIT_OLD_KEYS]))


def put_outside(checkpoint: Mapping[str, Any]) -> None:
    """Keep a checkpoint outside of the database. Raises OSError where that fails."""
    place = settings.CHECKPOINTS_TO
    text = json.dumps(checkpoint, sort_keys=True) + "\n"
    if place.startswith("https://"):
        _post(place, text.encode())
        return
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    is_new = not (folder / FILE).exists()
    _append(folder / FILE, text.encode())
    if is_new:
        to_disk(folder)


def _append(path: Path, line: bytes) -> None:
    """Append a line, all of it or nothing: with a part of one nobody could read the file."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        end = _finished(descriptor)
        # A full disk takes a part, and says so by the number alone.
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _finished(descriptor: int) -> int:
    """Where the file ends, once its last line is finished: what a machine wrote as it died goes,
    since it was never counted as kept."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, TAIL_BYTES, max(0, size - TAIL_BYTES))
    last = tail[tail.rfind(b"\n") + 1 :]
    if not last:
        return size
    try:
        json.loads(last)
    except ValueError:
        logger.warning("unfinished checkpoint dropped", line=last.decode(errors="replace"))
        os.ftruncate(descriptor, size - len(last))
        return size - len(last)
    return size + os.write(descriptor, b"\n")


def _post(address: str, body: bytes) -> None:
    request = urllib.request.Request(  # noqa: S310 - https, by the setting's check
        address, body, {"Content-Type": "application/json"}, method="POST"
    )
    trusted = ssl.create_default_context(cafile=settings.CHECKPOINTS_CA or None)
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=trusted), _RefuseRedirects
    )
    try:
        with opener.open(request, timeout=POST_SECONDS):
            return
    except HTTPException as error:
        raise OSError(f"{address} does not answer as a web server does: {error!r}") from error


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """Elsewhere a POST would arrive as a GET, without the checkpoint, and pass for kept."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def kept_outside() -> list[dict[str, Any]]:
    """The checkpoints in the folder outside; none where they go to an address, or none are kept.

    Raises console.audit.verify.Unreadable.
    """
    place = settings.CHECKPOINTS_TO
    if not place or place.startswith("https://") or not (Path(place) / FILE).exists():
        return []
    return checkpoints_of(Path(place) / FILE)
