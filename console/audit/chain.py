"""How an entry is written down and hashed. Pure: no database, no Django.

The form is fixed for ever, since old entries must verify: UTF-8 JSON, keys sorted, no white space,
nothing escaped that need not be, times in UTC with microseconds, and no fractions in the data.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

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


def canonical(entry: Mapping[str, Any]) -> bytes:
    """The bytes that are hashed: exactly FIELDS, `at` as `canonical_time` gives it."""
    return _canonical(entry, canonical_data(entry["data"]))


def _canonical(entry: Mapping[str, Any], data: bytes) -> bytes:
    return _sorted_json({field: entry[field] for field in FIELDS} | {"data": msgspec.Raw(data)})


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


def entry_hash(entry: Mapping[str, Any], data: bytes | None = None) -> str:
    """SHA-256 over the canonical entry, in hexadecimal. `data` spares making `canonical_data` of
    its data again."""
    whole = canonical(entry) if data is None else _canonical(entry, data)
    return hashlib.sha256(whole).hexdigest()


def text_digest(text: str, salt: str) -> str:
    """How personal text stands in the ledger: its salted SHA-256, in hexadecimal.

    The salt is kept beside the text, outside the ledger: once both are erased the digest tells
    nothing, and the chain is whole.
    """
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()
