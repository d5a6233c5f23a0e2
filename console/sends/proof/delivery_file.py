"""The file that proves one delivery (docs/proof-format.md). Pure: no database, no Django.

It shows the entries that concern the delivery, and of each list of deliveries in them this one
alone, each with its path in the Merkle tree.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

FORMAT = 1


@dataclass(frozen=True)
class Item:
    """What an entry says of the delivery: `said` is number `index` of its `of` deliveries."""

    index: int
    of: int
    said: bytes
    salt: bytes
    path: Sequence[bytes]


@dataclass(frozen=True)
class ProvedEntry:
    """An entry as it is in the tree: what its leaf says, the leaf's salt, and its path."""

    seq: int
    leaf: bytes
    salt: bytes
    path: Sequence[bytes]
    item: Item | None = None


@dataclass(frozen=True)
class DeliveryProof:
    """What is in the file, but for the signature. `head` is the note of the tree's head, `version`
    what the version says, in canonical form. `text` is None if there is none, or no more."""

    delivery: int
    send: int
    made_at: str
    head: str
    version: bytes
    entries: Sequence[ProvedEntry]
    text: str | None = None
    text_salt: str = ""
    timestamp: bytes = b""


@dataclass
class _Hashes:
    """The hashes that paths refer to by their places. Near entries share the most of theirs."""

    places: dict[bytes, int] = field(default_factory=dict)

    def path(self, path: Sequence[bytes]) -> list[int]:
        return [self.places.setdefault(each, len(self.places)) for each in path]


def said_of(proof: DeliveryProof) -> dict[str, Any]:
    """Return what the signature is over."""
    hashes = _Hashes()
    entries = [_entry(each, hashes) for each in proof.entries]
    return {
        "format": FORMAT,
        "kind": "delivery",
        "delivery": proof.delivery,
        "send": proof.send,
        "made_at": proof.made_at,
        "head": proof.head,
        "hashes": [base64.b64encode(each).decode() for each in hashes.places],
        "entries": entries,
        "version": proof.version.decode(),
        **({} if proof.text is None else {"text": proof.text, "text_salt": proof.text_salt}),
        **({"timestamp": base64.b64encode(proof.timestamp).decode()} if proof.timestamp else {}),
    }


def _entry(entry: ProvedEntry, hashes: _Hashes) -> dict[str, Any]:
    said: dict[str, Any] = {
        "seq": entry.seq,
        "leaf": entry.leaf.decode(),
        "salt": entry.salt.hex(),
        "path": hashes.path(entry.path),
    }
    if entry.item is not None:
        item = entry.item
        said["item"] = {
            "index": item.index,
            "of": item.of,
            "said": item.said.decode(),
            "salt": item.salt.hex(),
            "path": hashes.path(item.path),
        }
    return said


def as_file(signed: dict[str, Any]) -> bytes:
    """Return the bytes of the file. `signed` is `said_of` with its signature."""
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"
