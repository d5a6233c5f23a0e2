"""The canonical form and the hash of an entry. Pure: no database, no Django.

The form never changes, since old entries must verify: UTF-8 JSON, sorted keys, no white space, no
unnecessary escapes, times in UTC with microseconds, and no fractions in the data.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

GENESIS = "0" * 64
FIELDS = (
    "seq",
    "at",
    "actor_ref",
    "actor_name",
    "action",
    "target_kind",
    "target_ref",
    "target_name",
    "data",
    "prev_hash",
)


class ChainedEntry(Struct, frozen=True, gc=False):
    """The hashed entry: exactly FIELDS, here in the order of the canonical form.

    `at` is the result of `canonical_time`, `data` that of `canonical_data`.
    """

    action: str
    actor_name: str
    actor_ref: str
    at: str
    data: msgspec.Raw
    prev_hash: str
    seq: int
    target_kind: str
    target_name: str
    target_ref: str


class _Head(Struct, frozen=True, gc=False):
    """The fields of the canonical form before `data`, in its order."""

    action: str
    actor_name: str
    actor_ref: str
    at: str


class _Tail(Struct, frozen=True, gc=False):
    """The fields of the canonical form after `seq`, in its order."""

    target_kind: str
    target_name: str
    target_ref: str


def canonical_parts(
    *, action: str, actor_name: str, actor_ref: str, at: str, target: tuple[str, str, str]
) -> tuple[str, str]:
    """Return the canonical form before the data and after the number. Between them PostgreSQL puts
    data, hash and number (migration 0006_append). `target` is (kind, name, ref)."""
    head = sorted_json(_Head(action, actor_name, actor_ref, at))
    tail = sorted_json(_Tail(*target))
    return f'{head[:-1].decode()},"data":', f",{tail[1:].decode()}"


def canonical(entry: Mapping[str, Any]) -> bytes:
    """Return the bytes that are hashed."""
    return sorted_json(_chained(entry))


def _chained(entry: Mapping[str, Any]) -> ChainedEntry:
    data = msgspec.Raw(canonical_data(entry["data"]))
    return ChainedEntry(**{**{field: entry[field] for field in FIELDS}, "data": data})


def canonical_data(data: Mapping[str, Any]) -> bytes:
    """Return an entry's data alone in canonical form.

    Raises TypeError for a fraction or a key that is not text: a database returns them in another
    form, so the entry would not verify.
    """
    _require_exact(data)
    return sorted_json(data)


# The same bytes as json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False), which
# a test checks, in a fifth of the time.
sorted_json = msgspec.json.Encoder(order="sorted").encode
_EXACT = frozenset({str, int, bool, type(None)})


def _require_exact(value: object) -> None:
    if isinstance(value, dict):
        for name, item in value.items():
            if type(name) is not str:
                raise TypeError(f"the key {name!r} in an entry's data must be a text")
            if type(item) not in _EXACT:
                _require_exact(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_exact(item)
    elif isinstance(value, float):
        raise TypeError(f"{value!r} in an entry's data is a fraction; write it as a text")


def canonical_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry_hash(entry: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical entry, in hexadecimal."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def text_digest(text: str, salt: str) -> str:
    """Return the salted SHA-256 in hexadecimal by which personal text appears in the ledger.

    The salt is stored with the text, outside of the ledger. Once both are erased, the digest
    reveals nothing, and the chain is still complete.
    """
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()


def batch_bytes(contents: Sequence[bytes], said: Mapping[str, Any]) -> bytes:
    """Return what the signature of a batch is over: the SHA-256 of its entries without their
    numbers and the hashes before them, and their place in a stream. It has the form of all signed
    statements (console.audit.verify.signed_bytes). The verifier has the same function.

    `contents` are for each entry its canonical form up to `prev_hash`, and from after `seq` on.
    """
    entries = hashlib.sha256(b"".join(contents)).hexdigest()
    return (
        f'notice-console batch\n{{"after":{said["after"]:d},"after_hash":"{said["after_hash"]}",'
        f'"count":{len(contents) // 2},"entries":"{entries}","key_id":"{said["key_id"]}",'
        f'"number":{said["number"]:d},"prev":"{said["prev"]}","stream":"{said["stream"]}"}}'
    ).encode()
