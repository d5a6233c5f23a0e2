"""What a leaf of the tree is made of (docs/transparency.md). Pure: no database, no Django.

A leaf is public, so it is a salted digest: whoever does not have the salt learns nothing from it.
Salts are derived from one secret, by way of a key for each tile of 256 entries, and one for each
entry. So an export needs few keys, and the proof of one delivery shows two salts and no key.
"""

import hashlib
import hmac
from typing import Any

import msgspec

from console.audit.chain import sorted_json
from console.audit.tlog.merkle import Reader, leaf_hash, root_of
from console.audit.tlog.tiles import WIDTH

SECRET_BYTES, SALT_BYTES = 32, 16
# The leaf of an entry that was archived before there was a tree.
ABSENT = bytes(32)
_PREVIOUS = b',"prev_hash":"'
DELIVERIES, DELIVERIES_ROOT = "deliveries", "deliveries_root"
_DELIVERIES_KEY = b'"deliveries":['


_decoded = msgspec.json.Decoder().decode


def tile_key(secret: bytes, tile: int) -> bytes:
    """Return the key of the salts of the entries `tile * 256 + 1` and on, 256 of them."""
    return hmac.digest(secret, b"tile %d" % tile, "sha256")


def entry_key(key: bytes, seq: int) -> bytes:
    """Return the key of an entry's salts. `key` is that of its tile."""
    return hmac.digest(key, b"entry %d" % seq, "sha256")


def key_of_entry(secret: bytes, seq: int) -> bytes:
    return entry_key(tile_key(secret, (seq - 1) // WIDTH), seq)


def leaf_salt(key: bytes) -> bytes:
    """Return the salt of an entry's leaf. `key` is the entry's."""
    return hmac.digest(key, b"leaf", "sha256")[:SALT_BYTES]


def item_salt(key: bytes, index: int) -> bytes:
    """Return the salt of one of an entry's deliveries. `key` is the entry's."""
    return hmac.digest(key, b"item %d" % index, "sha256")[:SALT_BYTES]


def salted(salt: bytes, said: bytes) -> bytes:
    return hashlib.sha256(salt + said).digest()


def item_bytes(item: object) -> bytes:
    return sorted_json(item)


def item_hashes(key: bytes, items: list[Any]) -> list[bytes]:
    """Return the leaf hashes of the tree over an entry's deliveries. `key` is the entry's."""
    return [
        leaf_hash(salted(item_salt(key, index), item_bytes(item)))
        for index, item in enumerate(items)
    ]


def reader_of(hashes: list[bytes]) -> Reader:
    """Return a reader of a small tree whose leaf hashes are all here."""

    def read(level: int, index: int) -> bytes:
        return root_of(hashes[index << level : (index + 1) << level])

    return read


def deliveries_root(key: bytes, items: list[Any]) -> bytes:
    return root_of(item_hashes(key, items))


def leaf_bytes(canonical: bytes, digest: str, key: bytes) -> bytes:
    """Return what an entry says in the tree: its canonical form with its hash.

    `digest` is the hash, `key` the entry's key. A list of deliveries is replaced by the root over
    it, so that one of them can be shown without the others.
    """
    if _DELIVERIES_KEY in canonical:
        entry = _decoded(canonical)
        items = entry["data"].get(DELIVERIES) if isinstance(entry["data"], dict) else None
        if isinstance(items, list):
            del entry["data"][DELIVERIES]
            entry["data"][DELIVERIES_ROOT] = deliveries_root(key, items).hex()
            return sorted_json({**entry, "hash": digest})
    # `hash` comes before `prev_hash`, and after the data, which may contain the same text.
    at = canonical.rindex(_PREVIOUS)
    return b'%b,"hash":"%b"%b' % (canonical[:at], digest.encode(), canonical[at:])


def leaf_data(canonical: bytes, digest: str, key: bytes) -> bytes:
    """Return the 32 bytes of an entry that are in the log."""
    return salted(leaf_salt(key), leaf_bytes(canonical, digest, key))
