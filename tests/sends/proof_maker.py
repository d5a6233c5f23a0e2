"""Makes proofs of one delivery by docs/proof-format.md, with the standard library and cryptography
alone: nothing of the console is in it. So it also makes what the console never would."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN, WITNESSES = "console.example/ledger", ("witness.example/w1", "witness.example/w2")
TIMES = (1_796_040_030, 1_796_040_090)
SEND, DELIVERY = 41, 907
TEXT = "Your parcel is late.\nWe are sorry \u2013 \U0001f69a"
TEXT_SALT = "3f9a11"
VERSION: dict[str, Any] = {
    "notice": "delivery-late",
    "kind": "text",
    "number": 3,
    "default_locale": "en",
    "bodies": {"en": TEXT, "es": "Su paquete se retrasa."},
    "message_type": "",
    "author_ref": "user:4",
    "author_name": "Eddy Editor",
    "reviewer_ref": "user:5",
    "reviewer_name": "Rita \u05e8\u05d9\u05d8\u05d4",
}


def canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def private(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(b"the test's key of " + name.encode()))


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


CONSOLE = private("console")


def split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    at = split(len(leaves))
    return sha256(b"\1", root(leaves[:at]), root(leaves[at:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) < 2:
        return []
    at = split(len(leaves))
    if index < at:
        return [*path(index, leaves[:at]), root(leaves[at:])]
    return [*path(index - at, leaves[at:]), root(leaves[:at])]


def leaf_hash(salt: bytes, said: str) -> bytes:
    return sha256(b"\0", sha256(salt, said.encode()))


def salt(*of: int) -> bytes:
    return sha256(repr(of).encode())[:16]


@dataclass
class Entry:
    """An entry of the ledger, and the deliveries that it lists."""

    action: str
    target: tuple[str, str]
    data: dict[str, Any] = field(default_factory=dict)
    actor: tuple[str, str] = ("user:2", "Ann Agent")
    items: list[Any] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)  # what the leaf says otherwise

    def hashes(self, seq: int) -> list[bytes]:
        return [
            leaf_hash(salt(seq, index), canonical(item)) for index, item in enumerate(self.items)
        ]

    def leaf(self, seq: int) -> str:
        data = dict(self.data)
        if self.items:
            data["deliveries_root"] = root(self.hashes(seq)).hex()
        return canonical(
            {
                "action": self.action,
                "actor_name": self.actor[1],
                "actor_ref": self.actor[0],
                "at": f"2026-11-30T09:{seq:02}:07.123456Z",
                "data": data,
                "hash": sha256(b"chain", bytes([seq])).hex(),
                "prev_hash": sha256(b"chain", bytes([seq - 1])).hex(),
                "seq": seq,
                "target_kind": self.target[0],
                "target_name": f"{self.target[0]} {self.target[1]}",
                "target_ref": self.target[1],
                **self.more,
            }
        )


def item(delivery: int, text: str | None = TEXT, **more: Any) -> dict[str, Any]:
    said = {"id": delivery, "interaction": f"chat-{delivery}", "attempts": 1, **more}
    if text is not None:
        said["text_sha256"] = sha256(f"{TEXT_SALT}:{text}".encode()).hex()
    return said


def created(send: int = SEND, **data: Any) -> Entry:
    said = {
        "notice": VERSION["notice"],
        "version": VERSION["number"],
        "version_sha256": sha256(canonical(VERSION).encode()).hex(),
        "visibility": "ALL",
        "why": "Asked by \u202eevil\u202c",
        "large": 2**64 + 1,
    }
    return Entry("send.created", ("send", str(send)), {**said, **data})


def ended(send: int = SEND, status: str = "delivered", first: int = 906, **more: Any) -> Entry:
    data = {"chat_server": "Chat_Server_1", "method": "message", "visibility": "ALL"}
    items = [item(first, "another text"), item(first + 1, **more), item(first + 2, "a third")]
    return Entry(f"deliveries.{status}", ("send", str(send)), data, ("system:worker", "w"), items)


def approved(version: str = "delivery-late/3") -> Entry:
    reviewer = (VERSION["reviewer_ref"], VERSION["reviewer_name"])
    return Entry("version.approved", ("version", version), {}, reviewer)


def ledger() -> list[Entry]:
    """Entries 3, 5, 6 and 9 tell of the delivery; 7 and 10 are of another send."""
    other = Entry("user.signed_in", ("user", "2"))
    agreed = Entry("send.approved", ("send", str(SEND)), {}, ("user:3", "Sue Supervisor"))
    of_send, of_another = created(), created(SEND + 1)
    return [
        *(other, other, approved(), other, of_send, agreed, of_another),
        *(approved("delivery-late/2"), ended(), ended(SEND + 1, first=DELIVERY - 1), other),
    ]


@dataclass
class Maker:
    """What a proof is made of. `shown` are the numbers of the entries, each with the place of the
    item that is shown; None for none."""

    ledger: list[Entry] = field(default_factory=ledger)
    shown: dict[int, int | None] = field(
        default_factory=lambda: {3: None, 5: None, 6: None, 9: 1}  # the third is the approval
    )
    key: Ed25519PrivateKey = CONSOLE
    witnesses: tuple[str, ...] = WITNESSES
    origin: str = ORIGIN
    more: dict[str, Any] = field(default_factory=lambda: {"text": TEXT, "text_salt": TEXT_SALT})

    def leaves(self) -> list[bytes]:
        return [
            leaf_hash(salt(seq), entry.leaf(seq)) for seq, entry in enumerate(self.ledger, start=1)
        ]

    def checkpoint(self) -> str:
        leaves = self.leaves()
        return f"{self.origin}\n{len(leaves)}\n{b64(root(leaves))}\n"

    def head(self) -> str:
        text = self.checkpoint()
        lines = [line(self.origin, 1, self.key, text)]
        lines += [
            cosigned(name, private(name), text, at)
            for name, at in zip(self.witnesses, TIMES, strict=False)
        ]
        return f"{text}\n{''.join(lines)}"

    def said(self) -> dict[str, Any]:
        """What the signature is over."""
        hashes: dict[bytes, int] = {}
        entries = [self._entry(seq, index, hashes) for seq, index in self.shown.items()]
        return {
            "format": 1,
            "kind": "delivery",
            "delivery": DELIVERY,
            "send": SEND,
            "made_at": "2026-11-30T12:00:00.000000Z",
            "head": self.head(),
            "hashes": [b64(each) for each in hashes],
            "entries": entries,
            "version": canonical(VERSION),
            "key_id": sha256(public(self.key)).hex()[:16],
            **self.more,
        }

    def _entry(self, seq: int, index: int | None, hashes: dict[bytes, int]) -> dict[str, Any]:
        def places(of: Iterable[bytes]) -> list[int]:
            return [hashes.setdefault(each, len(hashes)) for each in of]

        entry = self.ledger[seq - 1]
        said: dict[str, Any] = {
            "seq": seq,
            "leaf": entry.leaf(seq),
            "salt": salt(seq).hex(),
            "path": places(path(seq - 1, self.leaves())),
        }
        if index is not None:
            said["item"] = {
                "index": index,
                "of": len(entry.items),
                "said": canonical(entry.items[index]),
                "salt": salt(seq, index).hex(),
                "path": places(path(index, entry.hashes(seq))),
            }
        return said

    def file(self) -> bytes:
        return signed(self.said(), self.key)


def line(name: str, kind: int, key: Ed25519PrivateKey, text: str) -> str:
    return signature_line(name, key_id(name, kind, key), key.sign(text.encode()))


def cosigned(name: str, key: Ed25519PrivateKey, text: str, at: int) -> str:
    signature = key.sign(f"cosignature/v1\ntime {at}\n{text}".encode())
    return signature_line(name, key_id(name, 4, key), at.to_bytes(8) + signature)


def signature_line(name: str, number: bytes, value: bytes) -> str:
    return f"\u2014 {name} {b64(number + value)}\n"


def key_id(name: str, kind: int, key: Ed25519PrivateKey) -> bytes:
    return sha256(name.encode(), b"\n", bytes([kind]), public(key))[:4]


def vkey(name: str) -> str:
    key = private(name)
    return f"{name}+{key_id(name, 4, key).hex()}+{b64(bytes([4]) + public(key))}"


def signature_of(body: str, key: Ed25519PrivateKey = CONSOLE) -> str:
    """The signature of the object without it, which this text is."""
    return b64(key.sign(f"notice-console delivery\n{body}".encode()))


def signed(said: dict[str, Any], key: Ed25519PrivateKey = CONSOLE) -> bytes:
    return f"{canonical({**said, 'signature': signature_of(canonical(said), key)})}\n".encode()


def small() -> Maker:
    """The smallest proof that has everything, for what is tried byte by byte."""
    entries = [created(why="", large=1), replace(ended(), items=[item(DELIVERY), item(2, "x")])]
    return Maker(entries, {1: None, 2: 0}, witnesses=WITNESSES[:1])


def flips(data: bytes) -> Iterator[bytes]:
    """The same, each with one byte changed: each byte in turn, and each bit now and then."""
    for at in range(len(data)):
        yield b"%b%c%b" % (data[:at], data[at] ^ 1 << at % 8, data[at + 1 :])


def signed_again(data: bytes, key: Ed25519PrivateKey = CONSOLE) -> bytes:
    """Put the signature that fits into a file of `signed`, whose body was changed at will."""
    before, _, after = data.partition(b',"signature":"')
    rest = after[after.index(b'"') + 1 :]
    body = before + rest.removesuffix(b"\n")
    signature = b64(key.sign(b"notice-console delivery\n" + body)).encode()
    return b'%b,"signature":"%b"%b' % (before, signature, rest)
