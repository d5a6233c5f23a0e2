"""How an entry is written down and hashed. Pure: no database, no Django.

The form is fixed for ever, since old entries must verify: UTF-8 JSON, keys sorted, no white space,
nothing escaped that need not be, times in UTC with microseconds, and no fractions in the data.
"""

import hashlib
from collections.abc import Mapping
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
    """What is hashed: exactly FIELDS, here in the order of the canonical form. `at` is as
    `canonical_time` gives it, `data` as `canonical_data` does."""

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

    def digest(self) -> str:
        """SHA-256 over the canonical entry, in hexadecimal."""
        return hashlib.sha256(_sorted_json(self)).hexdigest()


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed."""
    return _sorted_json(_chained(entry))


def _chained(entry: Mapping[str, Any]) -> ChainedEntry:
    data = msgspec.Raw(canonical_data(entry["data"]))
    return ChainedEntry(**{**{field: entry[field] for field in FIELDS}, "data": data})


def canonical_data(data: Mapping[str, Any]) -> bytes:
    """An entry's data alone, in the same form.

    Raises TypeError for a fraction or a key that is no text: a database gives them back otherwise
    than it got them, and the entry would not verify.
    """
    _require_exact(data)
    return _sorted_json(data)


# The same bytes as json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False), which
# a test holds to, in a fifth of its time.
_sorted_json = msgspec.json.Encoder(order="sorted").encode
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
    """SHA-256 over the canonical entry, in hexadecimal."""
    return _chained(entry).digest()


def text_digest(text: str, salt: str) -> str:
    """How personal text stands in the ledger: its salted SHA-256, in hexadecimal.

    The salt is kept beside the text, outside the ledger: once both are erased the digest tells
    nothing, and the chain is whole.
    """
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()
