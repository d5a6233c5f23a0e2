"""Signs what this process appends to the ledger.

The entries of a transaction are a batch with one signature. Its key is the process's own: the
site's audit key certifies it, and the database never has it. So whoever has a role of the database
alone can't append an entry that verifies.

The batches of a process are in streams. Each names the one before it in its stream, and an entry
(its anchor) that was the newest a moment ago. So a batch can be neither repeated, nor left out, nor
moved to another history. docs/audit.md describes the bytes.
"""

import base64
import hashlib
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from console.audit.chain import GENESIS, batch_bytes, canonical_time
from console.audit.checkpoints import signed
from console.audit.models import AuditCertificate
from console.database.clock import near_now
from console.errors import Unavailable

if TYPE_CHECKING:
    from console.database.backend.base import DatabaseWrapper

# A process that records much reads its anchor anew only after this (`anchor_seldom`).
SELDOM_SECONDS = 5.0
# A key that a process makes for itself.
OWN_KEY_VALID = timedelta(days=30)
OWN_KEY_CHANGED_AFTER = 86_400.0
# The clocks of machines differ.
EARLIER = timedelta(hours=1)

NEWEST = """
SELECT seq, hash, EXISTS (SELECT FROM audit_auditentry WHERE action = 'audit.key_revoked'
    AND target_kind = 'key' AND target_ref = %s),
    EXISTS (SELECT FROM audit_auditsignature WHERE stream = %s AND number = %s)
FROM audit_auditentry ORDER BY seq DESC LIMIT 1
"""


@dataclass(frozen=True)
class ProcessKey:
    """A key that signs batches, and the certificate that the site's audit key signed for it."""

    private: Ed25519PrivateKey
    certificate: Mapping[str, Any]

    @property
    def id(self) -> str:
        public = self.private.public_key().public_bytes_raw()
        return hashlib.sha256(public).hexdigest()[:16]


@dataclass(frozen=True)
class Signature:
    """What stands in the ledger beside a batch, as `audit_append` takes it."""

    key_id: str
    stream: str
    number: int
    after: int
    after_hash: str
    prev: str
    signature: bytes


class Keyless(Unavailable):
    """This process has no key, and entries in the database are signed."""

    def __init__(self) -> None:
        super().__init__(
            "no_process_key",
            "Nothing can be recorded: this process has no key to sign entries with, and others "
            "have. An administrator of the machine sets CONSOLE_PROCESS_KEY to what this prints: "
            "manage.py audit_key --process NAME",
        )


class KeyEnded(Unavailable):
    """The certificate of this process's key has ended."""

    def __init__(self, to: str) -> None:
        super().__init__(
            "process_key_ended",
            "Nothing can be recorded: the certificate of this process's key ended at {to}. Make a "
            "new key with: manage.py audit_key --process NAME",
            to=to,
        )


class KeyRevoked(Unavailable):
    """The key of this process was revoked."""

    def __init__(self, key: str) -> None:
        super().__init__(
            "process_key_revoked",
            "Nothing can be recorded: the key {key} of this process was revoked. Make a new one "
            "with: manage.py audit_key --process NAME",
            key=key,
        )


@dataclass
class Stream:
    """The place in a stream of one key: the number of its last batch, and what the next one
    names."""

    id: str
    key_id: str
    number: int = 0
    link: str = GENESIS
    # How often its transaction's connection had rolled back a part when it was taken.
    rollbacks: int = 0
    is_lost: bool = False


def signed_batch(
    key: ProcessKey, stream: Stream, anchor: tuple[int, str], contents: Sequence[bytes]
) -> Signature:
    """Sign a batch as the next one of its stream, which goes on with it. `contents` are its entries
    as chain.batch_bytes takes them, `anchor` is number and hash of an entry before them."""
    after, after_hash = anchor
    stream.number, prev = stream.number + 1, stream.link
    said = {"after": after, "after_hash": after_hash, "key_id": key.id}
    said |= {"number": stream.number, "prev": prev, "stream": stream.id}
    message = batch_bytes(contents, said)
    stream.link = hashlib.sha256(message).hexdigest()
    made = key.private.sign(message)
    return Signature(key.id, stream.id, stream.number, after, after_hash, prev, made)


class Signer:
    """Signs the batches of this process, from any of its threads."""

    def __init__(self, key: ProcessKey) -> None:
        self.key = key
        self.made_at = time.monotonic()
        self.is_revoked = False
        self._is_stored = False
        self._free: list[Stream] = []
        self._anchor: tuple[int, str] = (0, GENESIS)
        self._anchored_at = -SELDOM_SECONDS
        self._lock = threading.Lock()

    def sign(self, wrapper: "DatabaseWrapper", contents: Sequence[bytes]) -> Signature:
        """Return the signature of a batch, for the present transaction of a connection. `contents`
        are its entries as chain.batch_bytes takes them."""
        stream = self._stream_of(wrapper)
        anchor = self._anchor_of(wrapper, stream)
        if stream.is_lost:
            stream = self._stream_of(wrapper)
        return signed_batch(self.key, stream, anchor, contents)

    def require_valid(self) -> None:
        """Raise KeyEnded once the certificate has ended, KeyRevoked if the key was revoked."""
        if self.is_revoked:
            raise KeyRevoked(self.key.id)
        to = str(self.key.certificate["to"])
        if canonical_time(near_now()) > to:
            raise KeyEnded(to)

    def _stream_of(self, wrapper: "DatabaseWrapper") -> Stream:
        """Return the transaction's stream. Only a commit that is known gives it back for others:
        of any other it is not known whether the stream has grown."""
        found: Stream | None = wrapper.of_transaction.get("audit_stream")
        if found is not None and found.key_id != self.key.id:
            found = None  # the process has got another key meanwhile
        if found is not None and found.rollbacks == wrapper.rollbacks and not found.is_lost:
            return found
        if found is not None:
            found.is_lost = True  # a batch of it may be what was rolled back
        with self._lock:
            taken = self._free.pop() if self._free else Stream(secrets.token_hex(8), self.key.id)
        taken.rollbacks = wrapper.rollbacks
        wrapper.of_transaction["audit_stream"] = taken
        wrapper.when_committed(lambda: self._committed(taken))
        wrapper.when_rolled_back(self._begin_anew)
        return taken

    def _committed(self, stream: Stream) -> None:
        if not stream.is_lost:
            with self._lock:
                self._free.append(stream)

    def _anchor_of(self, wrapper: "DatabaseWrapper", stream: Stream) -> tuple[int, str]:
        """Return number and hash of an entry that was the newest a moment ago. A stream of another
        history is lost then."""
        if "audit_appended" in wrapper.of_transaction:
            # It may be of this transaction, so nobody else must use it. And the stream's last batch
            # may still wait for the commit, so it is not looked for.
            return self._newest(wrapper)
        wrapper.of_transaction["audit_appended"] = True
        if self._is_old():
            self._anchor, self._anchored_at = self._newest(wrapper, stream), time.monotonic()
        return self._anchor

    def _newest(self, wrapper: "DatabaseWrapper", stream: Stream | None = None) -> tuple[int, str]:
        """Return number and hash of the newest entry. A stream whose last batch is not there is
        lost."""
        place = ("", 0) if stream is None else (stream.id, stream.number)
        with psycopg.Cursor(wrapper.connection) as cursor:
            row = cursor.execute(NEWEST, [self.key.id, *place]).fetchone()
        self.is_revoked = bool(row and row[2])
        if stream is not None and stream.number and not (row and row[3]):
            # The database was restored, or is another one.
            stream.is_lost, self._is_stored = True, False
            with self._lock:
                self._free.clear()
        return (row[0], row[1]) if row else (0, GENESIS)

    def may_be_unknown(self) -> bool:
        """Return whether the database may lack the certificate, for all that is known."""
        return not self._is_stored

    def _is_old(self) -> bool:
        return time.monotonic() - self._anchored_at >= (SELDOM_SECONDS if _is_seldom else 0.0)

    def _begin_anew(self) -> None:
        """After a rollback, which may have come of another history in the database: read the
        anchor, and leave the streams."""
        self._anchored_at, self._is_stored = -SELDOM_SECONDS, False
        with self._lock:
            self._free.clear()

    def certificate_is_stored(self) -> None:
        self._is_stored = True


def require_signer() -> None:
    """Raise Keyless or KeyEnded if this process can't sign what others would believe."""
    signer = process_signer()
    if signer is not None:
        signer.require_valid()
    elif AuditCertificate.objects.exists():
        raise Keyless


# --- The keys -----------------------------------------------------------------------------------


_is_seldom = False


def anchor_seldom() -> None:
    """Read the anchor every few seconds only, in a process that records much. A transaction that
    comes right after the database was exchanged for another one fails, and can be repeated."""
    global _is_seldom
    _is_seldom = True


_signer: Signer | None = None
_made_for: tuple[int, str, str] | None = None
_making = threading.Lock()


def process_signer() -> Signer | None:
    """Return this process's signer; None if it has neither a key of its own nor the audit key.

    Without CONSOLE_PROCESS_KEY it makes a key, certifies it with the audit key, and makes another
    one each day.
    """
    global _signer, _made_for
    wanted = (os.getpid(), settings.PROCESS_KEY, settings.AUDIT_KEY)
    with _making:
        is_own = not settings.PROCESS_KEY
        is_old = (
            _signer is not None
            and is_own
            and (_signer.is_revoked or time.monotonic() - _signer.made_at > OWN_KEY_CHANGED_AFTER)
        )
        if wanted != _made_for or is_old:
            key = _own_key() if is_own else process_key_of(settings.PROCESS_KEY)
            _signer, _made_for = Signer(key) if key else None, wanted
        return _signer


def forget_signer() -> None:
    """Begin anew, as a process that starts."""
    global _made_for
    _made_for = None


def _own_key() -> ProcessKey | None:
    if not settings.AUDIT_KEY:
        return None
    return certified_key(f"{socket.gethostname()} {os.getpid()}", near_now(), OWN_KEY_VALID)


def certified_key(name: str, begin: datetime, valid: timedelta) -> ProcessKey:
    """Return a new key that the audit key certifies from `begin` on. Raises Unsigned."""
    private = Ed25519PrivateKey.generate()
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    said = {
        "key": public,
        "name": name[:100],
        "from": canonical_time(begin - EARLIER),
        "to": canonical_time(begin + valid),
    }
    return ProcessKey(private, signed("certificate", said))


def as_text(key: ProcessKey) -> str:
    """Return a key and its certificate as one line, for CONSOLE_PROCESS_KEY."""
    private = base64.b64encode(key.private.private_bytes_raw()).decode()
    said = {"private": private, "certificate": dict(key.certificate)}
    return base64.b64encode(json.dumps(said, sort_keys=True).encode()).decode()


def process_key_of(text: str) -> ProcessKey:
    """Return the key of a line of `as_text`, or of the file with it. Raises ValueError, OSError."""
    if text.startswith("/"):
        text = Path(text).read_text("utf-8").strip()
    said = json.loads(base64.b64decode(text, validate=True))
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(said["private"]))
    return ProcessKey(private, said["certificate"])
