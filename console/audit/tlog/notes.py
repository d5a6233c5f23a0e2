"""Signed notes, checkpoints and cosignatures in the forms of C2SP. Pure: no database, no Django.

c2sp.org/signed-note, c2sp.org/tlog-checkpoint, and of c2sp.org/tlog-cosignature the kind of
Ed25519. What is read is read strictly: whatever is not in that form is refused with BadNote.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

ED25519, COSIGNATURE = 0x01, 0x04
ID_BYTES, PUBLIC_BYTES, SIGNATURE_BYTES, TIME_BYTES = 4, 32, 64, 8
# The least that everybody must take are 16 signatures, of which the longest have nearly 5 kB.
MOST_BYTES, MOST_SIGNATURES = 256 * 1024, 100
MOST_SIZE = 2**63 - 1
_DASH = "\u2014 "
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_NAME = re.compile(r"[^\s+]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


class BadNote(ValueError):
    """Something is not a note, a key or a checkpoint, or its signature does not fit."""


class Signature(NamedTuple):
    """A line of a note: whose it says it is, and the bytes after the key's id."""

    name: str
    key_id: bytes
    value: bytes

    def line(self) -> str:
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.value).decode()}\n"


class Note(NamedTuple):
    """A text, which ends with a line feed, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def written(self) -> str:
        return written(self.text, self.signatures)


class Checkpoint(NamedTuple):
    """What a log says of its tree."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        root = base64.b64encode(self.root).decode()
        return "".join(f"{line}\n" for line in (self.origin, self.size, root, *self.extensions))


class Verifier(NamedTuple):
    """A public key under its name: that of a log (ED25519) or of a witness (COSIGNATURE)."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        return key_id(self.name, self.public, self.kind)

    def vkey(self) -> str:
        """Return the key in text, as `parse_vkey` reads it."""
        key = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{key}"

    def verify(self, text: str, value: bytes) -> int | None:
        """Return the time of a cosignature, in seconds since 1970; None for a log's signature.

        Raises BadNote if the signature is not one of this key over this text.
        """
        at = None
        signed = text.encode()
        if self.kind == COSIGNATURE:
            at = int.from_bytes(value[:TIME_BYTES], "big")
            if at > MOST_SIZE:
                raise BadNote(f"the time of {self.name} is none")
            value, signed = value[TIME_BYTES:], _cosigned(text, at)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(value, signed)
        except (InvalidSignature, ValueError) as error:
            raise BadNote(f"the signature of {self.name} does not fit the text") from error
        return at


def key_id(name: str, public: bytes, kind: int = ED25519) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:ID_BYTES]


def is_name(text: str) -> bool:
    """Return whether this can be the name of a key, and so the origin of a log."""
    return _NAME.fullmatch(text) is not None and not _CONTROL.search(text)


def parse_vkey(text: str) -> Verifier:
    """Read a public key such as `name+0123abcd+AQ…`. Raises BadNote."""
    try:
        name, digits, key = text.split("+", 2)
        raw = _base64(key)
        found = Verifier(name, raw[1:], raw[0])
    except (ValueError, IndexError) as error:
        raise BadNote(f"{text[:200]!r} is not a verifier key") from error
    if (
        not is_name(name)
        or found.kind not in (ED25519, COSIGNATURE)
        or len(found.public) != PUBLIC_BYTES
        or digits != found.key_id.hex()
    ):
        raise BadNote(f"{text[:200]!r} is not a verifier key of Ed25519")
    return found


def sign(text: str, name: str, private: Ed25519PrivateKey) -> Signature:
    """Sign a note's text as a log does."""
    return Signature(name, key_id(name, _public(private)), private.sign(text.encode()))


def cosign(text: str, name: str, private: Ed25519PrivateKey, at: int) -> Signature:
    """Sign a checkpoint's text as a witness does, which has seen it `at` so many seconds since
    1970."""
    value = at.to_bytes(TIME_BYTES, "big") + private.sign(_cosigned(text, at))
    return Signature(name, key_id(name, _public(private), COSIGNATURE), value)


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _public(private: Ed25519PrivateKey) -> bytes:
    return private.public_key().public_bytes_raw()


def written(text: str, signatures: Iterable[Signature]) -> str:
    """Return a note as it is published."""
    return f"{text}\n{''.join(each.line() for each in signatures)}"


def parse(data: bytes | str) -> Note:
    """Read a note. Raises BadNote."""
    if isinstance(data, str):
        data = data.encode()
    if len(data) > MOST_BYTES:
        raise BadNote(f"a note has {MOST_BYTES} bytes at most, this has {len(data)}")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise BadNote("a note is UTF-8, and this is not") from error
    if _CONTROL.search(whole):
        raise BadNote("a note has no control characters, and this has")
    text, blank, rest = whole.rpartition("\n\n")
    if not blank or not rest.endswith("\n"):
        raise BadNote("a note ends with signatures after an empty line, and this does not")
    lines = rest[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise BadNote(f"a note has {MOST_SIGNATURES} signatures at most, this has {len(lines)}")
    return Note(f"{text}\n", tuple(parse_signature(line) for line in lines))


def parse_signature(line: str) -> Signature:
    """Read a line of a note, without its end. Raises BadNote."""
    name, blank, value = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not blank or not is_name(name):
        raise BadNote(f"{line[:200]!r} is not a line with a signature")
    raw = _base64(value)
    if len(raw) <= ID_BYTES:
        raise BadNote(f"the signature of {name[:200]} has no bytes")
    return Signature(name, raw[:ID_BYTES], raw[ID_BYTES:])


def _base64(text: str) -> bytes:
    """Raises BadNote, also for another text of the same bytes."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote(f"{text[:200]!r} is not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise BadNote(f"{text[:200]!r} is not base64 in its one form")
    return raw


def verified(note: Note, verifier: Verifier) -> list[int | None]:
    """Return what each signature of this key gives: the time of a cosignature, or None.

    It is empty if none of the signatures says that it is this key's. Raises BadNote if one does and
    does not fit.
    """
    return [
        verifier.verify(note.text, each.value)
        for each in note.signatures
        if (each.name, each.key_id) == (verifier.name, verifier.key_id)
    ]


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the text of a checkpoint's note. Raises BadNote."""
    origin, *rest = text.split("\n")
    if len(rest) < 3 or rest.pop() != "" or not origin or not all(rest):
        raise BadNote("a checkpoint has three lines at least, none of them empty")
    size, root, *extensions = rest
    if _SIZE.fullmatch(size) is None or int(size) > MOST_SIZE:
        raise BadNote(f"{size[:200]!r} is not the size of a tree")
    raw = _base64(root)
    if len(raw) != hashlib.sha256().digest_size:
        raise BadNote(f"{root[:200]!r} is not a root")
    return Checkpoint(origin, int(size), raw, tuple(extensions))


def checkpoint_of(data: bytes | str, log: Iterable[Verifier], origin: str) -> Checkpoint:
    """Read a note that one of the keys of a log signed, and return its checkpoint.

    Raises BadNote if it is none of this origin, or none of these keys signed it.
    """
    note = parse(data)
    found = parse_checkpoint(note.text)
    if found.origin != origin:
        raise BadNote(f"the checkpoint is of the log {found.origin[:200]!r}, not of {origin!r}")
    if not [each for key in log for each in verified(note, key)]:
        raise BadNote(f"no key of the log {origin!r} signed the checkpoint")
    return found
