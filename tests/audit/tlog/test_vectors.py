"""docs/examples/transparency.json is what the code makes, and what docs/transparency.md says: here
it is checked by the standard library and cryptography alone."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from console.audit.tlog import merkle
from tests.audit.tlog.vectors import FILE, written
from tests.audit.tlog.world import canonical, naive_root, sha256

SAID: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
TREE = SAID["tree"]
HASHES = [bytes.fromhex(each["leaf_hash"]) for each in SAID["entries"]]
ROOT = bytes.fromhex(TREE["roots"][str(TREE["size"])])


def test_the_file_is_what_the_code_makes() -> None:
    """If not: python -m tests.audit.tlog.vectors. But what was published once stays true."""
    assert FILE.read_text("utf-8") == written()


def key(of: bytes, words: str) -> bytes:
    return hmac.new(of, words.encode(), hashlib.sha256).digest()


def path(texts: list[str]) -> list[bytes]:
    return [bytes.fromhex(each) for each in texts]


@pytest.mark.parametrize("said", SAID["entries"], ids=lambda each: each["hash"][:8])
def test_a_leaf(said: dict[str, Any]) -> None:
    entry = json.loads(said["entry"])
    assert hashlib.sha256(said["entry"].encode()).hexdigest() == said["hash"]
    secret = bytes.fromhex(SAID["secret"])
    own = key(key(secret, f"tile {(entry['seq'] - 1) // 256}"), f"entry {entry['seq']}")
    assert own.hex() == said["key"]
    assert key(own, "leaf")[:16].hex() == said["salt"]
    items = entry["data"].pop("deliveries", None)
    if items is not None:
        hashes = []
        for number, (item, shown) in enumerate(zip(items, said["deliveries"], strict=True)):
            assert canonical(item).decode() == shown["item"]
            salt = key(own, f"item {number}")[:16]
            assert salt.hex() == shown["salt"]
            hashes.append(sha256(b"\x00", sha256(salt, shown["item"].encode())))
            assert hashes[-1].hex() == shown["leaf_hash"]
        root = naive_root(hashes)
        for number, shown in enumerate(said["deliveries"]):
            assert merkle.verify_inclusion(
                hashes[number], number, len(items), path(shown["path"]), root
            )
        entry["data"]["deliveries_root"] = root.hex()
    assert canonical({**entry, "hash": said["hash"]}).decode() == said["leaf_bytes"]
    data = sha256(bytes.fromhex(said["salt"]), said["leaf_bytes"].encode())
    assert data.hex() == said["leaf_data"]
    assert sha256(b"\x00", data).hex() == said["leaf_hash"]


def test_the_tree() -> None:
    for size, root in TREE["roots"].items():
        assert naive_root(HASHES[: int(size)]).hex() == root
    for each in TREE["inclusion"]:
        index = each["seq"] - 1
        proof = path(each["path"])
        assert merkle.verify_inclusion(HASHES[index], index, TREE["size"], proof, ROOT)
    for each in TREE["consistency"]:
        old = bytes.fromhex(TREE["roots"][str(each["old"])])
        proof = path(each["path"])
        assert merkle.verify_consistency(each["old"], old, each["new"], ROOT, proof)


def test_the_bundle() -> None:
    data = b"".join(b"\x00\x20" + bytes.fromhex(each["leaf_data"]) for each in SAID["entries"])
    assert SAID["bundle"] == {"path": "tile/entries/000.p/7", "bytes": data.hex()}


def test_the_note() -> None:
    said = SAID["note"]
    text, _empty, lines = said["checkpoint"].rpartition("\n\n")
    assert text.split("\n") == [
        "console.example/ledger",
        "7",
        base64.b64encode(ROOT).decode(),
    ]
    public = base64.b64decode(said["public_key"])
    verify = Ed25519PublicKey.from_public_bytes(public).verify
    log, witness = lines.splitlines()
    for line, vkey, kind in ((log, said["vkey"], b"\x01"), (witness, said["witness"], b"\x04")):
        dash, name, value = line.split(" ")
        raw = base64.b64decode(value)
        assert dash == "—"
        number = hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]
        assert raw[:4] == number
        assert vkey == f"{name}+{number.hex()}+{base64.b64encode(kind + public).decode()}"
        if kind == b"\x01":
            verify(raw[4:], f"{text}\n".encode())
        else:
            at = int.from_bytes(raw[4:12], "big")
            assert at == said["cosigned_at"]
            verify(raw[12:], f"cosignature/v1\ntime {at}\n{text}\n".encode())
