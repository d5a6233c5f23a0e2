"""What the tests of the tree write into the ledger, and the tree as it must be."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from console.audit.models import AuditEntry, AuditLog, as_hashed
from console.audit.services import Record, checkpoint_make, record_many
from console.audit.signing import forget_signer
from console.audit.tlog.growing import tree_grow
from console.audit.tlog.publishing import tree_publish
from tests.support.factories import ROOT
from tests.support.tampering import run, triggers_off

ITEMS = [{"id": 7, "interaction": "chat seven", "attempts": 1}, {"id": 8, "interaction": "chat ü"}]


def write(number: int, **data: Any) -> None:
    """Append entries; every third has deliveries."""
    with transaction.atomic():
        record_many(
            ROOT,
            [
                Record(
                    "noted",
                    ("thing", each, f'thing "{each}",'),
                    {"n": each, **({} if each % 3 else {"deliveries": ITEMS}), **data},
                )
                for each in range(number)
            ],
        )


def sign(*, publish: bool = True) -> None:
    """What the periodic task does."""
    checkpoint_make()
    tree_grow()
    if publish:
        tree_publish()


@contextmanager
def undone() -> Iterator[None]:
    """What is written meanwhile is not in the database afterwards: it is an older one then."""
    before = transaction.savepoint()
    yield
    transaction.savepoint_rollback(before)
    forget_signer()


def another_history(number: int) -> None:
    """Who has all keys and all rights in the database writes another ledger, whole and signed."""
    with triggers_off():
        for table in ("entry", "checkpoint", "signature", "certificate"):
            run(f"DELETE FROM audit_audit{table}")
    with undone():
        pass  # so that the next entries begin a stream of their own
    write(number, by="another history")


@contextmanager
def long_ago(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if what is written were written in January."""
    at = datetime(2026, 1, 7, tzinfo=UTC)
    with monkeypatch.context() as patch:
        patch.setattr("console.audit.services.near_now", lambda: at)
        patch.setattr("console.audit.signing.near_now", lambda: at)
        forget_signer()
        yield
    forget_signer()


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def naive_root(hashes: list[bytes]) -> bytes:
    """MTH of RFC 6962, over leaf hashes."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256()
    at = 1
    while at * 2 < len(hashes):
        at *= 2
    return sha256(b"\x01", naive_root(hashes[:at]), naive_root(hashes[at:]))


def _key(key: bytes, *words: object) -> bytes:
    return hmac.new(key, " ".join(map(str, words)).encode(), hashlib.sha256).digest()


def naive_leaf(entry: AuditEntry) -> bytes:
    """The leaf's data as docs/transparency.md describes it, by the standard library alone."""
    secret = bytes(AuditLog.objects.latest("id").secret)
    key = _key(_key(secret, "tile", (entry.seq - 1) // 256), "entry", entry.seq)
    said = {**as_hashed(entry), "hash": entry.hash, "data": dict(entry.data)}
    if isinstance(items := said["data"].pop("deliveries", None), list):
        hashes = [
            sha256(b"\x00", sha256(_key(key, "item", number)[:16], canonical(item)))
            for number, item in enumerate(items)
        ]
        said["data"]["deliveries_root"] = naive_root(hashes).hex()
    return sha256(_key(key, "leaf")[:16], canonical(said))


def canonical(said: Any) -> bytes:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def naive_hashes(size: int) -> list[bytes]:
    """The leaf hashes of the first entries, out of the entries themselves."""
    entries = AuditEntry.objects.filter(seq__lte=size).order_by("seq")
    return [sha256(b"\x00", naive_leaf(entry)) for entry in entries]
