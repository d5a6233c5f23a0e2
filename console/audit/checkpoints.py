"""Signs statements about the ledger, and stores checkpoints outside of the database."""

import base64
import errno
import json
import os
import ssl
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from console.audit.models import AuditCheckpoint
from console.audit.verify import Keys, checkpoints_of, key_id, signed_bytes
from console.errors import Unavailable
from console.site.fsync import to_disk

logger = structlog.get_logger("console.audit")

FILE = "checkpoints.jsonl"
POST_SECONDS = 10
# Longer than any line.
TAIL_BYTES = 8192
# That the disk has them costs as much as for one.
LINES_AT_ONCE = 500


class Unsigned(Unavailable):
    """There is no key to sign with."""

    def __init__(self) -> None:
        super().__init__(
            "no_audit_key",
            "Nothing can be signed: the setting CONSOLE_AUDIT_KEY is not set. An administrator of "
            "the machine makes a key with: manage.py audit_key",
        )


def new_key() -> str:
    """Return a new private key in base64."""
    return base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()


def public_key(private: str) -> str:
    """Return the public key of a private key, both in base64."""
    return base64.b64encode(_private(private).public_key().public_bytes_raw()).decode()


def _private(text: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(text))


def private_key() -> Ed25519PrivateKey:
    """Return the key that signs. Raises Unsigned."""
    if not settings.AUDIT_KEY:
        raise Unsigned
    return _private(settings.AUDIT_KEY)


def signed(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """Return `said` with the key's id and the signature. Raises Unsigned."""
    private = private_key()
    whole = {**said, "key_id": key_id(private.public_key().public_bytes_raw())}
    signature = private.sign(signed_bytes(kind, whole))
    return {**whole, "signature": base64.b64encode(signature).decode()}


def own_public_key() -> str:
    """Return the public key of the signing key in base64, or "" if there is none."""
    return public_key(settings.AUDIT_KEY) if settings.AUDIT_KEY else ""


def trusted_keys() -> Keys:
    """Return this console's public keys: the present one and the earlier ones.

    Raises console.audit.verify.Unreadable if one of CONSOLE_AUDIT_OLD_KEYS is invalid.
    """
    return Keys(filter(None, [own_public_key(), *settings.AUDIT_OLD_KEYS]))


def those_signed(checkpoints: Iterable[AuditCheckpoint]) -> Iterator[AuditCheckpoint]:
    """Yield the checkpoints that this console's key signed. Whoever may insert rows can make others
    up: nothing may follow from these."""
    keys = trusted_keys()
    return (each for each in checkpoints if not keys.complaint("checkpoint", each.said))


def newest_checkpoint() -> AuditCheckpoint | None:
    """Return the newest checkpoint that this console's key signed; None if there is none."""
    newest = AuditCheckpoint.objects.first()  # nearly always, and it needs no cursor
    if newest is None or any(those_signed([newest])):
        return newest
    return next(those_signed(AuditCheckpoint.objects.iterator()), None)


def put_outside(*checkpoints: Mapping[str, Any]) -> None:
    """Store checkpoints outside of the database. At an address it is one. Raises OSError."""
    place = settings.CHECKPOINTS_TO
    lines = [json.dumps(checkpoint, sort_keys=True) + "\n" for checkpoint in checkpoints]
    if place.startswith("https://"):
        (line,) = lines
        _post(place, line.encode())
        return
    folder = Path(place)
    folder.mkdir(parents=True, exist_ok=True)
    is_new = not (folder / FILE).exists()
    _append(folder / FILE, "".join(lines).encode())
    if is_new:
        to_disk(folder)


def most_at_once() -> int:
    """Return how many checkpoints `put_outside` takes."""
    return 1 if settings.CHECKPOINTS_TO.startswith("https://") else LINES_AT_ONCE


def _append(path: Path, line: bytes) -> None:
    """Append whole lines or nothing: a partial line would make the file unreadable."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        end = _finished(descriptor)
        # A full disk accepts a part, and reports it only by the number.
        if os.write(descriptor, line) < len(line):
            os.ftruncate(descriptor, end)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _finished(descriptor: int) -> int:
    """Return the end of the file, after dropping or completing its last line.

    A partial line was written as the machine crashed. It is dropped, since the checkpoint was never
    recorded as stored.
    """
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
    request = urllib.request.Request(  # noqa: S310 - https, which the setting's check requires
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
    """A redirected POST would arrive as a GET, without the checkpoint, and seem to succeed."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


def file_outside() -> Path | None:
    """Return the file of the checkpoints in the outside folder; None if there is no folder or
    file."""
    place = settings.CHECKPOINTS_TO
    if not place or place.startswith("https://") or not (Path(place) / FILE).exists():
        return None
    return Path(place) / FILE


def kept_outside() -> list[dict[str, Any]]:
    """Return the checkpoints in the outside folder; none if there is no folder or file.

    Raises console.audit.verify.Unreadable.
    """
    path = file_outside()
    return checkpoints_of(path) if path else []
