"""Makes docs/examples/transparency.json: python -m tests.audit.tlog.vectors"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.audit.chain import GENESIS, canonical, entry_hash
from console.audit.tlog import leaves, merkle, notes, tiles

FILE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "transparency.json"
SECRET = bytes(range(32))
SEED = bytes(range(100, 132))
ORIGIN, WITNESS = "console.example/ledger", "witness.example/w1"
AT = 1_767_225_600
NUMBER = 7


def vectors() -> dict[str, Any]:
    entries = _entries()
    data = [
        leaves.leaf_data(canonical(each), entry_hash(each), _key(each["seq"])) for each in entries
    ]
    hashes = [merkle.leaf_hash(each) for each in data]
    return {
        "about": "docs/transparency.md describes the bytes. Bytes are in hexadecimal.",
        "secret": SECRET.hex(),
        "entries": [_entry(each) for each in entries],
        "tree": _tree(hashes),
        "bundle": {
            "path": tiles.tile_path("entries", 0, NUMBER),
            "bytes": tiles.bundle(data).hex(),
        },
        "note": _note(merkle.root_of(hashes)),
    }


def _key(seq: int) -> bytes:
    return leaves.key_of_entry(SECRET, seq)


def _entries() -> list[dict[str, Any]]:
    """As the ledger has them: the last one with deliveries."""
    found: list[dict[str, Any]] = []
    for seq in range(1, NUMBER + 1):
        items = [
            {"id": number, "interaction": f"chat-{number}", "attempts": 1, "text_sha256": "0" * 64}
            for number in (41, 42, 43)
        ]
        found.append(
            {
                "seq": seq,
                "at": f"2026-01-01T00:00:{seq:02d}.000000Z",
                "actor_ref": "user:1",
                "actor_name": "Zoë",
                "action": "noted" if seq < NUMBER else "deliveries.delivered",
                "target_kind": "thing" if seq < NUMBER else "send",
                "target_ref": str(seq),
                "target_name": f"thing {seq}",
                "data": {"n": seq}
                if seq < NUMBER
                else {"chat_server": "east", "deliveries": items},
                "prev_hash": entry_hash(found[-1]) if found else GENESIS,
            }
        )
    return found


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    key, digest = _key(entry["seq"]), entry_hash(entry)
    said = leaves.leaf_bytes(canonical(entry), digest, key)
    data = leaves.leaf_data(canonical(entry), digest, key)
    items = entry["data"].get("deliveries", [])
    item_hashes = leaves.item_hashes(key, items)
    return {
        "entry": canonical(entry).decode(),
        "hash": digest,
        "key": key.hex(),
        "salt": leaves.leaf_salt(key).hex(),
        "leaf_bytes": said.decode(),
        "leaf_data": data.hex(),
        "leaf_hash": merkle.leaf_hash(data).hex(),
        "deliveries": [
            {
                "item": leaves.item_bytes(item).decode(),
                "salt": leaves.item_salt(key, number).hex(),
                "leaf_hash": item_hashes[number].hex(),
                "path": [
                    each.hex()
                    for each in merkle.inclusion_path(
                        leaves.reader_of(item_hashes), number, len(items)
                    )
                ],
            }
            for number, item in enumerate(items)
        ],
    }


def _tree(hashes: list[bytes]) -> dict[str, Any]:
    read = leaves.reader_of(hashes)
    size = len(hashes)
    return {
        "size": size,
        "roots": {number: merkle.root_at(read, number).hex() for number in range(size + 1)},
        "inclusion": [
            {"seq": index + 1, "path": [x.hex() for x in merkle.inclusion_path(read, index, size)]}
            for index in range(size)
        ],
        "consistency": [
            {
                "old": old,
                "new": size,
                "path": [x.hex() for x in merkle.consistency_path(read, old, size)],
            }
            for old in range(1, size)
        ],
    }


def _note(root: bytes) -> dict[str, Any]:
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    public = private.public_key().public_bytes_raw()
    text = notes.Checkpoint(ORIGIN, NUMBER, root).text()
    signatures = [
        notes.sign(text, ORIGIN, private),
        notes.cosign(text, WITNESS, private, AT),
    ]
    return {
        "seed": SEED.hex(),
        "public_key": b64encode(public).decode(),
        "vkey": notes.Verifier(ORIGIN, public).vkey(),
        "witness": notes.Verifier(WITNESS, public, notes.COSIGNATURE).vkey(),
        "cosigned_at": AT,
        "checkpoint": notes.written(text, signatures),
    }


def written() -> str:
    return json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written(), "utf-8")
