"""A log of its own for tests of witnesses: a tree by the words of RFC 6962, and signed notes.

It shares no code with the console, nor with the witness.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ORIGIN = "console.example/ledger"


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def base(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def split(count: int) -> int:
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\0", leaves[0])
    middle = split(len(leaves))
    return sha(b"\1", root(leaves[:middle]), root(leaves[middle:]))


def proof(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """PROOF of RFC 6962, 2.1.2."""
    return _subproof(old, leaves, True) if 0 < old < len(leaves) else []


def _subproof(old: int, leaves: Sequence[bytes], is_whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if is_whole else [root(leaves)]
    middle = split(len(leaves))
    if old <= middle:
        return [*_subproof(old, leaves[:middle], is_whole), root(leaves[middle:])]
    return [*_subproof(old - middle, leaves[middle:], False), root(leaves[:middle])]


@dataclass
class Log:
    """A history of leaves, and who signs it."""

    leaves: list[bytes] = field(default_factory=list)
    origin: str = ORIGIN
    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @cached_property
    def id(self) -> bytes:
        return sha(self.origin.encode(), b"\n\1", self.private.public_key().public_bytes_raw())[:4]

    @property
    def vkey(self) -> str:
        public = self.private.public_key().public_bytes_raw()
        return f"{self.origin}+{self.id.hex()}+{base(bytes([1]) + public)}"

    def grown(self, to: int, word: str = "") -> "Log":
        """Return this log with leaves of `word` up to a size, by the same key."""
        more = [f"{word} {number}".encode() for number in range(len(self.leaves), to)]
        return Log([*self.leaves, *more], self.origin, self.private)

    def text(self, size: int) -> str:
        return f"{self.origin}\n{size}\n{base(root(self.leaves[:size]))}\n"

    def note(self, size: int | None = None, text: str = "") -> str:
        said = text or self.text(len(self.leaves) if size is None else size)
        return f"{said}\n— {self.origin} {base(self.id + self.private.sign(said.encode()))}\n"

    def request(self, old: int, size: int | None = None) -> bytes:
        size = len(self.leaves) if size is None else size
        hashes = [base(each) for each in proof(old, self.leaves[:size])]
        return "\n".join([f"old {old}", *hashes, "", self.note(size)]).encode()


def cosigned_at(line: str, vkey: str, text: str) -> int:
    """Return the time of a cosignature/v1 of `vkey` over a checkpoint's text, which it must be."""
    name, number, material = vkey.split("+", 2)
    public = base64.b64decode(material)
    assert public[0] == 4
    dash, by, encoded = line.removesuffix("\n").split(" ")
    raw = base64.b64decode(encoded)
    assert (dash, by, raw[:4].hex()) == ("—", name, number)
    at = int.from_bytes(raw[4:12], "big")
    message = f"cosignature/v1\ntime {at}\n{text}".encode()
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[12:], message)
    return at
