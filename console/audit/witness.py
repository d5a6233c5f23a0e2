"""Witnesses a transparency log on its auditor's own machine:

    python witness.py key --state FOLDER --name NAME
    python witness.py serve --state FOLDER --log VKEY [--log VKEY …] [--listen HOST:PORT]
    python witness.py status --state FOLDER

This file stands alone: it needs Python 3.11 or newer with its standard library, and `cryptography`
for the signatures. docs/witness.md describes how to run it. It speaks the C2SP protocols
tlog-witness, tlog-checkpoint, tlog-cosignature (cosignature/v1) and signed-note.

A witness remembers the newest checkpoint of each log that it cosigned. It cosigns another one only
if a consistency proof shows that the log has grown from there. So whoever requires its cosignature
can't be shown two histories. The checkpoint is on the disk before its cosignature leaves.

What contradicts the history stays in a file of `FOLDER/evidence`, and an alarm stands as long as
the file is there. An alarm also stands while no checkpoint has come for `--stale` minutes. Exit
status of `status`: 0 if no alarm stands, 1 if one does, 2 if the folder can't be read.
"""

import argparse
import asyncio
import base64
import binascii
import contextlib
import errno
import fcntl
import hashlib
import hmac
import json
import os
import re
import shlex
import signal
import ssl
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519, COSIGNATURE = 0x01, 0x04
EMPTY_ROOT = hashlib.sha256(b"").digest()
MOST_PROOF_LINES = 63
# A note must be accepted with 16 signatures at least, each of which may have 5 kB.
MOST_BODY_BYTES = 128 * 1024
MOST_SIGNATURES = 64
MOST_HEAD_BYTES = 8 * 1024
MOST_CLIENTS = 256
# Of one log: what anybody can cause must not fill the disk.
MOST_EVIDENCE = 1000
HEAD_SECONDS, BODY_SECONDS, ANSWER_SECONDS = 15, 10, 10
# A clock may be set back by as much; cosignatures then repeat the last time.
CLOCK_SECONDS = 60
ALARM_SECONDS = 60
AGAIN_SECONDS, RETRY_SECONDS = 24 * 3600, 60
STALE_MINUTES = 30


class Declined(Exception):
    """An answer other than 200: its status and its words."""

    def __init__(self, status: int, words: str, kind: str = "text/plain; charset=utf-8") -> None:
        super().__init__(words)
        self.status, self.words, self.kind = status, words, kind


class Unusable(Exception):
    """The program can't go on: the text says why, and what to do."""


class Uncertain(Exception):
    """Whether the disk has a new state is not known."""


# --- Signed notes ------------------------------------------------------------------------------


def decoded(text: str) -> bytes:
    """Return the bytes of standard base64 in its only form. Raises ValueError."""
    raw = base64.b64decode(text, validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError(f"{text!r} is not base64 in its usual form")
    return raw


def key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def is_key_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(map(str.isspace, name)) and name.isprintable()


@dataclass(frozen=True)
class Key:
    """A public key of notes: its name, its signature type, and 32 bytes of Ed25519."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.kind, self.public)

    @property
    def vkey(self) -> str:
        material = base64.b64encode(bytes([self.kind]) + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{material}"

    def verify(self, signature: bytes, message: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def key_of(vkey: str, kind: int) -> Key:
    """Read a verifier key of signature type `kind`. Raises ValueError, in words."""
    name, _, rest = vkey.strip().partition("+")
    number, _, material = rest.partition("+")
    try:
        raw = decoded(material)
    except (ValueError, binascii.Error):
        raw = b""
    if not is_key_name(name) or len(raw) != 33:
        raise ValueError(f"{vkey!r} is no verifier key: NAME+HASH+BASE64 of Ed25519")
    if raw[0] != kind:
        raise ValueError(f"{vkey!r} has signature type {raw[0]:#04x}; {kind:#04x} is needed here")
    key = Key(name, kind, raw[1:])
    if number != key.id.hex():
        raise ValueError(f"{vkey!r} is damaged: its hash should be {key.id.hex()}")
    return key


@dataclass(frozen=True)
class Checkpoint:
    """A log's statement: its `text` (with the last line feed) and the note's signature lines."""

    origin: str
    size: int
    root: bytes
    text: str
    lines: tuple[tuple[str, bytes, str], ...] = ()

    def signed_by(self, keys: Sequence[Key]) -> list[str]:
        """Return the lines of these keys, all of which must fit. Raises Declined."""
        found = []
        for name, raw, line in self.lines:
            for key in keys:
                if (name, raw[:4]) != (key.name, key.id):
                    continue
                if not key.verify(raw[4:], self.text.encode()):
                    raise Declined(403, f"The signature of {name} does not fit the checkpoint.")
                found.append(line)
        if not found:
            raise Declined(403, "No signature is by a key of this log that is trusted here.")
        return found


SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


def size_of(text: str) -> int:
    if not SIZE.fullmatch(text) or int(text) >= 2**63:
        raise ValueError(f"{text[:40]!r} is not a size")
    return int(text)


def checkpoint_of(note: str) -> Checkpoint:
    """Read a signed note that is a checkpoint. Raises ValueError, in words."""
    if CONTROL.search(note):
        raise ValueError("a note has no control characters")
    body, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise ValueError("a note is a text, an empty line, and lines of signatures")
    origin, *rest = body.split("\n")
    if len(rest) < 2 or not origin or not all(rest):
        raise ValueError("a checkpoint has an origin, a size, a root, and no empty line")
    root = decoded(rest[1])
    if len(root) != 32:
        raise ValueError("a root has 32 bytes")
    lines = signatures[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise ValueError(f"more than {MOST_SIGNATURES} signatures are too many")
    return Checkpoint(
        origin, size_of(rest[0]), root, f"{body}\n", tuple(map(_signature_line, lines))
    )


def _signature_line(line: str) -> tuple[str, bytes, str]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = decoded(encoded)
    if dash != "—" or not is_key_name(name) or len(raw) < 5:
        raise ValueError("a line of a signature is: — NAME BASE64")
    return name, raw, f"{line}\n"


# --- Consistency (RFC 9162, 2.1.4.2) -----------------------------------------------------------


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_consistent(
    old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the proof shows that the tree of `size` begins with the tree of `old`."""
    if old == size:
        return not proof and hmac.compare_digest(old_root, root)
    if old == 0:
        return not proof
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if old > size or not path:
        return False
    first, last = old - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    was = is_now = path[0]
    for hashed in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            was, is_now = _node(hashed, was), _node(hashed, is_now)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            is_now = _node(is_now, hashed)
        first, last = first >> 1, last >> 1
    return last == 0 and was == old_root and is_now == root


# --- The request -------------------------------------------------------------------------------


def request_of(body: bytes) -> tuple[int, list[bytes], Checkpoint]:
    """Read the old size, the proof and the checkpoint of a request. Raises Declined."""
    try:
        head, gap, note = body.decode().partition("\n\n")
        old, *proof = head.split("\n")
        if not gap or not old.startswith("old "):
            raise ValueError("a request begins with the old size; an empty line ends the proof")
        if len(proof) > MOST_PROOF_LINES:
            raise ValueError(f"a proof has {MOST_PROOF_LINES} lines at most")
        hashes = [decoded(line) for line in proof]
        if any(len(hashed) != 32 for hashed in hashes):
            raise ValueError("a line of a proof has 32 bytes")
        return size_of(old.removeprefix("old ")), hashes, checkpoint_of(note)
    except ValueError as error:  # of text, of base64, of numbers
        raise Declined(400, f"This is no request of a witness: {error}.") from error


# --- Files -------------------------------------------------------------------------------------


def to_disk(folder: Path) -> None:
    """Wait until the disk has a folder's names."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put a file into the place of another, so that at each instant one of them is whole there.

    Raises OSError if the old one stays; Uncertain if it is not known which is on the disk.
    """
    new = path.with_name(f"{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.replace(new, path)
        to_disk(path.parent)
    except OSError as error:
        raise Uncertain(f"{path}: {error}") from error


class History:
    """The checkpoints that were cosigned, a line of JSON each, by rising size."""

    BLOCK = 64 * 1024

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self._end = os.fstat(self._descriptor).st_size
        whole = self._line_start(self._end)
        if whole < self._end:  # the machine stopped while it was written
            os.ftruncate(self._descriptor, whole)
            self._end = whole
        self.newest: dict[str, Any] | None = None
        with open(path, "rb") as lines:
            for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        """Read the next line. Raises ValueError: with a gap nobody could find what forks there."""
        said = json.loads(line)
        try:
            size = checkpoint_of(said["note"]).size
            is_next = size == said["size"] and (not self.newest or size > self.newest["size"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{line[:40]!r} is no line of it") from error
        if not is_next:
            raise ValueError(f"size {size} does not follow")
        self.newest = said

    def add(self, size: int, note: str) -> None:
        """Append a checkpoint that is larger than all; skip another. Raises OSError."""
        if self.newest and self.newest["size"] >= size:
            return
        entry = {"size": size, "note": note}
        line = json.dumps(entry).encode() + b"\n"
        try:
            if os.pwrite(self._descriptor, line, self._end) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self.newest, self._end = entry, self._end + len(line)

    def find(self, size: int) -> str | None:
        """Return the note that was cosigned at a size."""
        low, high = 0, self._end
        while low < high:
            start = self._line_start((low + high) // 2)
            line = self._line(start)
            entry = json.loads(line)
            if entry["size"] == size:
                return str(entry["note"])
            if entry["size"] < size:
                low = start + len(line)
            else:
                high = start
        return None

    def _line_start(self, place: int) -> int:
        """Return where the line begins that has the byte at `place`."""
        while place > 0:
            begin = max(0, place - self.BLOCK)
            found = os.pread(self._descriptor, place - begin, begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            place = begin
        return 0

    def _line(self, start: int) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            block = os.pread(self._descriptor, self.BLOCK, start + len(line))
            if not block:
                break
            line = line + block[: block.find(b"\n") + 1 or None]
        return line


@dataclass(frozen=True)
class Known:
    """The newest checkpoint of a log that was cosigned; `note` has the log's signature and ours."""

    size: int = 0
    root: bytes = EMPTY_ROOT
    time: int = 0
    note: str = ""


def hash_of(origin: str) -> str:
    return hashlib.sha256(origin.encode()).hexdigest()


@dataclass
class Log:
    """A log that is witnessed: its keys, its state and its history."""

    origin: str
    keys: list[Key]
    path: Path
    known: Known
    history: History

    @classmethod
    def opened(cls, origin: str, keys: list[Key], folder: Path, own: Key) -> "Log":
        """Open a log's files. Raises Unusable: a lost state must not look like a new log."""
        path = folder / f"{hash_of(origin)}.json"
        history_path = folder / f"{hash_of(origin)}.history"
        known = known_of(path, origin, own)
        if known is None and history_path.exists() and history_path.stat().st_size:
            raise Unusable(
                f"{path} is missing, though {history_path} says that {origin} was cosigned. Bring "
                "the file back, or make a new witness with a new key."
            )
        if known is not None and not history_path.exists():
            raise Unusable(
                f"{history_path} is missing, though {path} says that {origin} was cosigned. Bring "
                "the file back, or make a new witness with a new key."
            )
        try:
            history = History(history_path)
        except ValueError as error:
            raise Unusable(f"{history_path} is damaged: {error}. Bring it back.") from error
        if known and history.newest and history.newest["size"] > known.size:
            raise Unusable(
                f"{path} is older than {history_path}, which says that size "
                f"{history.newest['size']} was cosigned. Bring the newest file back, or make a new "
                "witness with a new key."
            )
        (folder / f"{hash_of(origin)}.origin").write_text(f"{origin}\n", "utf-8")
        log = cls(origin, keys, path, known or Known(), history)
        if known:
            history.add(known.size, known.note)
        return log

    def keep(self, known: Known) -> None:
        """Store a checkpoint before its cosignature leaves. Raises OSError, Uncertain."""
        said = {"origin": self.origin, "size": known.size, "time": known.time, "note": known.note}
        write_whole(self.path, json.dumps(said, indent=1).encode())
        self.known = known
        try:
            self.history.add(known.size, known.note)
        except OSError as error:
            log_line(f"the history of {self.origin} lacks size {known.size}: {error}")


def known_of(path: Path, origin: str, own: Key) -> Known | None:
    """Read a log's state; None if there is none. Raises Unusable."""
    try:
        said = json.loads(path.read_bytes())
        checkpoint = checkpoint_of(said["note"])
        time_ = int(said["time"])
        cosigned = f"cosignature/v1\ntime {time_}\n{checkpoint.text}".encode()
        is_own = any(
            (name, raw[:4]) == (own.name, own.id) and own.verify(raw[12:], cosigned)
            for name, raw, _line in checkpoint.lines
        )
        if not is_own or checkpoint.origin != origin:
            raise ValueError("it does not have this witness's cosignature of this log")
        return Known(checkpoint.size, checkpoint.root, time_, said["note"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(
            f"{path} can't be read: {error}. Bring the file back as it was, or make a new witness "
            "with a new key: a witness without its memory would cosign any history."
        ) from error


# --- The key -----------------------------------------------------------------------------------


class Signer:
    """The witness's own private key, from `FOLDER/key`."""

    def __init__(self, folder: Path) -> None:
        path = folder / "key"
        try:
            _private, _key, name, _number, material = path.read_text("utf-8").strip().split("+", 4)
            raw = decoded(material)
            if raw[0] != COSIGNATURE or len(raw) != 33:
                raise ValueError("it is no key of cosignatures")
        except (OSError, ValueError, IndexError) as error:
            raise Unusable(f"{path} can't be read: {error}. The command key makes one.") from error
        self._private = Ed25519PrivateKey.from_private_bytes(raw[1:])
        self.key = Key(name, COSIGNATURE, self._private.public_key().public_bytes_raw())

    def cosignature(self, text: str, time_: int) -> str:
        """Return the line of a cosignature/v1 over a checkpoint's text."""
        signature = self._private.sign(f"cosignature/v1\ntime {time_}\n{text}".encode())
        raw = self.key.id + time_.to_bytes(8, "big") + signature
        return f"— {self.key.name} {base64.b64encode(raw).decode()}\n"


def make_key(folder: Path, name: str) -> Key:
    """Make the folder with a new key. Raises Unusable if there is one, or the name is unfit."""
    if not is_key_name(name):
        raise Unusable(f"{name!r} can't be a key's name: it must have no blank and no plus")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = Ed25519PrivateKey.generate()
    key = Key(name, COSIGNATURE, private.public_key().public_bytes_raw())
    material = base64.b64encode(bytes([COSIGNATURE]) + private.private_bytes_raw()).decode()
    text = f"PRIVATE+KEY+{name}+{key.id.hex()}+{material}\n"
    try:
        descriptor = os.open(folder / "key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Unusable(f"{folder / 'key'} is there already; one key has one folder") from error
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    to_disk(folder)
    return key


# --- Alarms ------------------------------------------------------------------------------------

FORK, SHRUNK, UNPROVEN = "fork", "shrunk", "unproven"
STOPPED, CLOCK, STATE = "stopped", "clock", "state"
WORDS = {
    FORK: "FORK: the log has signed two checkpoints of size {size} with different roots. It shows "
    "different histories to different people. The file proves it to anybody.",
    SHRUNK: "SHRUNK: a checkpoint of size {size} with the log's signature came, though size "
    "{known} was cosigned, and this witness does not know it. Either the log has lost entries or "
    "grows in two places, or somebody has sent an old checkpoint again.",
    UNPROVEN: "UNPROVEN: a checkpoint of size {size} with the log's signature came, and the proof "
    "with it does not show that it continues what was cosigned at size {known}. Either the "
    "history forks, or somebody has sent a wrong proof. It ends by itself when a proof comes.",
    STOPPED: "STOPPED: no checkpoint has come for {minutes} minutes.",
    CLOCK: "CLOCK: this machine's clock is behind the last cosignature. Nothing is cosigned until "
    "it is right.",
    STATE: "STATE: it is not known what is on the disk. Nothing is cosigned until the witness is "
    "started again.",
}


@dataclass(frozen=True)
class Alarm:
    """Something that an auditor must look at. `file` is the evidence, "" if there is none."""

    kind: str
    origin: str
    words: str
    file: str = ""


class Evidence:
    """What contradicts the history, a file each. While it is in the folder, its alarm stands."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._settled = folder, folder / "settled"
        self._not_kept: dict[str, Alarm] = {}

    def keep(self, kind: str, log: Log, offered: Checkpoint, **more: Any) -> None:
        """Store both notes, once for each statement; never raise: the answer must leave."""
        name = self._name(kind, offered)
        path = self._folder / name
        is_known = path.exists() or (self._settled / name).exists() or name in self._not_kept
        if is_known or self._is_full(kind, log):
            return
        text = _evidence_text(kind, log, offered, **more)
        try:
            write_whole(path, text.encode())
        except (OSError, Uncertain) as error:
            log_line(f"evidence may not be on the disk, so here it is: {error}\n{text}")
            said = text.split("\n")[1]
            self._not_kept[name] = Alarm(kind, log.origin, said, f"(not on the disk: {name})")

    def _is_full(self, kind: str, log: Log) -> bool:
        """Anybody can cause the other kinds; what proves a fork always finds room."""
        there = self._folder.glob(f"{kind}-{hash_of(log.origin)[:16]}-*.txt")
        is_full = len(self._not_kept) + len(list(there)) >= MOST_EVIDENCE
        if is_full:
            log_line(f"{self._folder} is full: evidence against {log.origin} was left out")
        return is_full

    def settle(self, checkpoint: Checkpoint) -> None:
        """Put an unproven checkpoint aside, since it was proved."""
        name = self._name(UNPROVEN, checkpoint)
        with contextlib.suppress(OSError):
            if (self._folder / name).exists():
                os.replace(self._folder / name, self._settled / name)

    def standing(self) -> Iterator[Alarm]:
        for path in sorted(self._folder.glob("*.txt")):
            with contextlib.suppress(OSError):
                with open(path, encoding="utf-8") as file:
                    origin, words = file.readline().strip(), file.readline().strip()
                yield Alarm(path.name.split("-")[0], origin, words, str(path))
        yield from list(self._not_kept.values())

    @staticmethod
    def _name(kind: str, offered: Checkpoint) -> str:
        said = hashlib.sha256(offered.root).hexdigest()[:16]
        return f"{kind}-{hash_of(offered.origin)[:16]}-{offered.size}-{said}.txt"


def _evidence_text(
    kind: str,
    log: Log,
    offered: Checkpoint,
    *,
    known: int = 0,
    note: str = "",
    proof: Sequence[bytes] = (),
) -> str:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    lines = [base64.b64encode(hashed).decode() for hashed in proof]
    return "\n".join(
        [
            log.origin,
            WORDS[kind].format(size=offered.size, known=known),
            f"Received at {at}.",
            "",
            "=== What this witness cosigned before",
            note,
            "=== What was offered now",
            offered.text + "\n" + "".join(line for _name, _raw, line in offered.lines),
            f"=== The consistency proof that came with it, from size {known}",
            *lines,
            "",
        ]
    )


# --- Judging -----------------------------------------------------------------------------------


def log_line(words: str) -> None:
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    sys.stderr.write(f"{at} {words}\n")
    sys.stderr.flush()


@dataclass
class Witness:
    """Judges requests, one after the other, in one thread."""

    signer: Signer
    logs: Mapping[str, Log]
    evidence: Evidence
    troubles: set[str] = field(default_factory=set)

    def add_checkpoint(self, body: bytes, now: int) -> str:
        """Return the line of the cosignature. Raises Declined."""
        old, proof, offered = request_of(body)
        log = self.logs.get(offered.origin)
        if log is None:
            raise Declined(404, "This witness does not know the log of that origin.")
        signed = offered.signed_by(log.keys)
        if old > offered.size:
            raise Declined(400, "The old size is above the size of the checkpoint.")
        if offered.size == 0 and offered.root != EMPTY_ROOT:
            raise Declined(422, "An empty tree has another root.")
        self._compare(log, offered)
        if old != log.known.size:
            raise Declined(409, f"{log.known.size}\n", "text/x.tlog.size")
        self._require_proof(log, offered, proof)
        return self._cosign(log, offered, signed, now)

    def _compare(self, log: Log, offered: Checkpoint) -> None:
        """Look for what contradicts the history, whatever the old size says."""
        known = log.known
        if offered.size > known.size or not known.note:
            return
        note = log.history.find(offered.size)
        if note is None and offered.size == known.size:
            note = known.note
        if note is None:
            self.evidence.keep(SHRUNK, log, offered, known=known.size, note=known.note)
        elif checkpoint_of(note).root != offered.root:
            self.evidence.keep(FORK, log, offered, known=offered.size, note=note)

    def _require_proof(self, log: Log, offered: Checkpoint, proof: Sequence[bytes]) -> None:
        known = log.known
        if is_consistent(known.size, known.root, offered.size, offered.root, proof):
            self.evidence.settle(offered)
            return
        if offered.size > known.size and known.size > 0:
            self.evidence.keep(
                UNPROVEN, log, offered, known=known.size, note=known.note, proof=proof
            )
        raise Declined(422, f"It is not proved that this continues size {known.size}.")

    def _cosign(self, log: Log, offered: Checkpoint, signed: Sequence[str], now: int) -> str:
        if STATE in self.troubles:
            raise Declined(500, WORDS[STATE])
        if now + CLOCK_SECONDS < log.known.time:
            self.troubles.add(CLOCK)
            raise Declined(503, WORDS[CLOCK])
        self.troubles.discard(CLOCK)
        time_ = max(now, log.known.time)
        line = self.signer.cosignature(offered.text, time_)
        note = f"{offered.text}\n{''.join(signed)}{line}"
        try:
            log.keep(Known(offered.size, offered.root, time_, note))
        except Uncertain as error:
            self.troubles.add(STATE)
            log_line(f"ALARM {log.origin}: {WORDS[STATE]} {error}")
            raise Declined(500, WORDS[STATE]) from error
        except OSError as error:
            log_line(f"nothing cosigned, since the disk refuses: {error}")
            raise Declined(503, "The witness's disk refuses to store this.") from error
        log_line(f"cosigned {log.origin} size {offered.size}")
        return line

    @property
    def newest(self) -> dict[str, Known]:
        """The newest cosigned checkpoint of each log, by its origin."""
        return {origin: log.known for origin, log in self.logs.items()}

    def checkpoint(self, hashed: str) -> str:
        """Return the newest cosigned checkpoint by its origin's hash. Raises Declined."""
        for origin, log in self.logs.items():
            if hash_of(origin) == hashed and log.known.note:
                return log.known.note
        raise Declined(404, "No checkpoint of that log was cosigned here.")


def stopped(newest: Mapping[str, Known], stale_minutes: float, since: float) -> Iterator[Alarm]:
    """Yield an alarm for each log of which nothing has come, of a new one since `since`."""
    for origin, known in newest.items():
        quiet = time.time() - (known.time if known.note else since)
        if stale_minutes and quiet >= stale_minutes * 60:
            yield Alarm(STOPPED, origin, WORDS[STOPPED].format(minutes=f"{stale_minutes:g}"))


def status_text(key: Key, newest: Mapping[str, Known], alarms: Sequence[Alarm]) -> str:
    lines = [f"witness {key.vkey}"]
    for origin, known in newest.items():
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(known.time))
        said = f"size {known.size}, cosigned at {at}" if known.note else "nothing cosigned yet"
        lines.append(f"log {origin}: {said}")
    for alarm in alarms:
        lines.append(f"ALARM {alarm.origin} {alarm.words} {alarm.file}".rstrip())
    return "\n".join([*lines, "ALARM" if alarms else "OK", ""])


class _RefuseRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without the alarm, and seem to succeed."""

    def redirect_request(self, *_arguments: Any, **_named: Any) -> None:
        return None


@dataclass
class Rung:
    """Who has heard of an alarm, and when it is due again."""

    alarm: Alarm
    stands: bool = True
    is_heard: bool = False
    due: float = 0


@dataclass
class Bell:
    """Tells of alarms: a command with the words as its input, and a POST of JSON."""

    name: str
    command: str = ""
    address: str = ""

    def ring(self, alarm: Alarm, state: str) -> bool:
        """Return whether all who are to hear of it have heard."""
        words = f"Witness {self.name}, {state}: {alarm.origin}\n{alarm.words}\n{alarm.file}\n"
        told = True
        if self.command:
            told &= self._run(words)
        if self.address:
            said = {"witness": self.name, "state": state, "alarm": alarm.kind}
            said |= {"log": alarm.origin, "text": alarm.words, "file": alarm.file}
            told &= self._post(json.dumps(said).encode())
        return told

    def _run(self, words: str) -> bool:
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command
                shlex.split(self.command), input=words.encode(), timeout=ALARM_SECONDS, check=False
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            log_line(f"the alarm's command fails: {error}")
            return False
        if done.returncode:
            log_line(f"the alarm's command ends with status {done.returncode}")
        return done.returncode == 0

    def _post(self, body: bytes) -> bool:
        request = urllib.request.Request(  # noqa: S310 - `serve` has checked its scheme
            self.address, body, {"Content-Type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.build_opener(_RefuseRedirects).open(request, timeout=ALARM_SECONDS):
                return True
        except (OSError, ValueError) as error:
            log_line(f"the alarm's address does not take it: {error}")
            return False


# --- The server --------------------------------------------------------------------------------

REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    413: "Content Too Large",
    422: "Unprocessable Entity",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
PLAIN = "text/plain; charset=utf-8"
CHECKPOINT_PATH = re.compile(r"/([0-9a-f]{64})/checkpoint")


@dataclass(frozen=True)
class Request:
    """The head of a request."""

    method: str
    path: str
    headers: Mapping[str, str]
    stays: bool


def head_of(raw: bytes) -> Request:
    """Read the head of an HTTP/1.1 request. Raises Declined."""
    first, *rest = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    parts = first.split(" ")
    if len(parts) != 3 or parts[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise Declined(400, "This is no request of HTTP/1.1.")
    headers: dict[str, str] = {}
    for line in rest:
        name, colon, value = line.partition(":")
        name = name.lower()
        is_twice = name in headers and name in ("content-length", "transfer-encoding", "host")
        if not colon or not name or name != name.strip() or is_twice:
            raise Declined(400, "A header of the request is malformed.")
        headers[name] = value.strip()
    wants = headers.get("connection", "keep-alive" if parts[2] == "HTTP/1.1" else "close").lower()
    return Request(parts[0], parts[1].partition("?")[0], headers, wants != "close")


def length_of(request: Request) -> int:
    """Return how long the body is. Raises Declined."""
    if "transfer-encoding" in request.headers:
        raise Declined(411, "Send the body with its length, not in chunks.")
    text = request.headers.get("content-length", "0" if request.method != "POST" else "")
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Declined(411, "The request does not say how long its body is.")
    if int(text) > MOST_BODY_BYTES:
        raise Declined(413, f"A request has {MOST_BODY_BYTES} bytes at most.")
    return int(text)


@dataclass
class Server:
    """Answers over HTTP, and rings for alarms."""

    witness: Witness
    bell: Bell
    stale_minutes: float
    since: float = field(default_factory=time.time)
    clients: int = 0
    judging: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection. However slow it is, it ends in time."""
        self.clients += 1
        try:
            if self.clients > MOST_CLIENTS:
                await _answer(writer, 503, "Too many connections are open.", PLAIN, stays=False)
                return
            while await self._request(reader, writer):
                pass
        except (TimeoutError, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass  # the client is slow, or gone
        finally:
            self.clients -= 1
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request. Return whether the connection stays open."""
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            request = head_of(head)
            length = length_of(request)
            if request.headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            async with asyncio.timeout(BODY_SECONDS):
                body = await reader.readexactly(length)
        except asyncio.LimitOverrunError:
            await _answer(writer, 431, "The head is too long.", PLAIN, stays=False)
            return False
        except Declined as error:
            await _answer(writer, error.status, error.words, error.kind, stays=False)
            return False
        answer = await self._judged(request, body)
        await _answer(writer, *answer, stays=request.stays)
        return request.stays

    async def _judged(self, request: Request, body: bytes) -> tuple[int, str, str]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.judging, self._judge, request, body)
        except Declined as error:
            return error.status, error.words, error.kind
        except Exception:
            log_line(traceback.format_exc())
            return 500, "The witness has failed; its log says how.", PLAIN

    def _judge(self, request: Request, body: bytes) -> tuple[int, str, str]:
        if request.path == "/add-checkpoint":
            if request.method != "POST":
                raise Declined(405, "Checkpoints come by POST.")
            return 200, self.witness.add_checkpoint(body, int(time.time())), PLAIN
        if request.method != "GET":
            raise Declined(405, "Only checkpoints are sent here, to /add-checkpoint.")
        if request.path == "/status":
            alarms = list(self.alarms().values())
            words = status_text(self.witness.signer.key, self.witness.newest, alarms)
            return 503 if alarms else 200, words, PLAIN
        if found := CHECKPOINT_PATH.fullmatch(request.path):
            return 200, self.witness.checkpoint(found[1]), PLAIN
        raise Declined(404, "Nothing is here.")

    def alarms(self) -> dict[tuple[str, str], Alarm]:
        """Return the alarms that stand, by what tells them apart."""
        standing = [Alarm(kind, "", WORDS[kind]) for kind in sorted(self.witness.troubles)]
        standing += self.witness.evidence.standing()
        standing += stopped(self.witness.newest, self.stale_minutes, self.since)
        return {(alarm.kind, alarm.file or alarm.origin): alarm for alarm in standing}

    async def watch(self) -> None:
        """Ring for each alarm when it begins, once a day while it stands, and when it ends. What
        nobody has heard is rung again a minute later."""
        loop = asyncio.get_running_loop()
        rung: dict[tuple[str, str], Rung] = {}
        while True:
            standing = await loop.run_in_executor(self.judging, self.alarms)
            for key, alarm in standing.items():
                if key not in rung:
                    rung[key] = Rung(alarm)
                    log_line(f"ALARM {alarm.origin}: {alarm.words} {alarm.file}")
            for key, each in list(rung.items()):
                if await self._ring(each, stands=key in standing):
                    del rung[key]
            await asyncio.sleep(1)

    async def _ring(self, rung: Rung, *, stands: bool) -> bool:
        """Ring if it is due. Return whether the alarm is over."""
        if stands != rung.stands:
            rung.stands, rung.due = stands, 0
        if not stands and not rung.is_heard:
            return True
        if rung.due > time.monotonic():
            return False
        told = await asyncio.to_thread(self.bell.ring, rung.alarm, "alarm" if stands else "ended")
        rung.is_heard |= told
        rung.due = time.monotonic() + (AGAIN_SECONDS if told else RETRY_SECONDS)
        return told and not stands


async def _answer(
    writer: asyncio.StreamWriter, status: int, words: str, kind: str, *, stays: bool
) -> None:
    body = words.encode() if words.endswith("\n") else f"{words}\n".encode()
    head = [
        f"HTTP/1.1 {status} {REASONS[status]}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        f"Connection: {'keep-alive' if stays else 'close'}",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode() + body)
    async with asyncio.timeout(ANSWER_SECONDS):
        await writer.drain()


# --- Commands ----------------------------------------------------------------------------------


def opened(folder: Path, vkeys: Sequence[str]) -> Witness:
    """Open a witness's folder. Raises Unusable."""
    signer = Signer(folder)
    keys: dict[str, list[Key]] = {}
    for vkey in vkeys:
        try:
            key = key_of(vkey, ED25519)
        except ValueError as error:
            raise Unusable(f"--log: {error}") from error
        keys.setdefault(key.name, []).append(key)
    for part in ("logs", "evidence/settled"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    to_disk(folder)
    logs = {
        origin: Log.opened(origin, each, folder / "logs", signer.key)
        for origin, each in keys.items()
    }
    for path in (folder / "logs").glob("*.origin"):
        if path.stem not in map(hash_of, logs):
            path.unlink()
    return Witness(signer, logs, Evidence(folder / "evidence"))


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a witness's folder alone. Raises Unusable if another program has it."""
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unusable(
                f"Another witness works with {folder}. Two of them could cosign two "
                "histories; stop the other one."
            ) from error
        yield


def _certificate(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not options.certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(options.certificate, options.certificate_key)
    except (OSError, ssl.SSLError) as error:
        raise Unusable(f"{options.certificate} can't be used: {error}") from error
    return context


async def _serve(witness: Witness, options: argparse.Namespace) -> None:
    bell = Bell(witness.signer.key.name, options.alarm_command, options.alarm_post)
    server = Server(witness, bell, options.stale)
    context = _certificate(options)
    host, _, port = options.listen.rpartition(":")
    try:
        listening = await asyncio.start_server(
            server.client,
            host.strip("[]"),
            int(port),
            limit=MOST_HEAD_BYTES,
            ssl=context,
            ssl_handshake_timeout=HEAD_SECONDS if context else None,
        )
    except (OSError, ValueError) as error:
        raise Unusable(f"{options.listen} can't be listened at: {error}") from error
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if context:
        loop.add_signal_handler(
            signal.SIGHUP, context.load_cert_chain, options.certificate, options.certificate_key
        )
    address, port = listening.sockets[0].getsockname()[:2]
    log_line(f"listening at {'https' if context else 'http'}://{address}:{port}")
    watching = asyncio.create_task(server.watch())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([watching, stopping], return_when=asyncio.FIRST_COMPLETED)
    listening.close()
    if watching.done():
        watching.result()
    watching.cancel()
    server.judging.shutdown()


def serve(options: argparse.Namespace) -> int:
    if options.alarm_post and not re.match(r"https?://", options.alarm_post):
        raise Unusable("--alarm-post needs an address that begins with https:// or http://")
    if bool(options.certificate) != bool(options.certificate_key):
        raise Unusable("--certificate and --certificate-key need each other")
    if not (options.state / "key").exists():
        raise Unusable(f"{options.state} has no key. The command key makes one.")
    with locked(options.state):
        witness = opened(options.state, options.log)
        log_line(f"witness {witness.signer.key.vkey}")
        asyncio.run(_serve(witness, options))
    return 0


def status(options: argparse.Namespace) -> int:
    """Say what stands in a folder, beside the running witness. It writes nothing."""
    own = Signer(options.state).key
    newest, alarms = {}, [*Evidence(options.state / "evidence").standing()]
    for path in sorted((options.state / "logs").glob("*.origin")):
        try:
            origin, since = path.read_text("utf-8").strip(), path.stat().st_mtime
        except (OSError, ValueError) as error:
            raise Unusable(f"{path} can't be read: {error}") from error
        newest[origin] = known_of(path.with_suffix(".json"), origin, own) or Known()
        alarms += stopped({origin: newest[origin]}, options.stale, since)
    if any(time.time() + CLOCK_SECONDS < known.time for known in newest.values()):
        alarms.append(Alarm(CLOCK, "", WORDS[CLOCK]))
    sys.stdout.write(status_text(own, newest, alarms))
    return 1 if alarms else 0


def key(options: argparse.Namespace) -> int:
    made = make_key(options.state, options.name) if options.name else Signer(options.state).key
    sys.stdout.write(f"{made.vkey}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="notice-console-witness", description="Witnesses a transparency log."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, function, words in (
        ("key", key, "make a key, or print the public key of the one that is there"),
        ("serve", serve, "cosign checkpoints over HTTP, and tell of alarms"),
        ("status", status, "say what was cosigned and which alarms stand; 1 if one does"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(function=function)
        command.add_argument("--state", type=Path, required=True, help="the witness's own folder")
        if name == "key":
            command.add_argument("--name", default="", help="of a new key: witness.example/1")
        else:
            command.add_argument(
                "--stale",
                type=float,
                default=STALE_MINUTES,
                metavar="MINUTES",
                help=f"alarm if no checkpoint comes for so long ({STALE_MINUTES}; 0: never)",
            )
        if name == "serve":
            _serve_options(command)
    return parser


def _serve_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--log", action="append", required=True, metavar="VKEY", help="of a log; again for others")
    add("--listen", default="127.0.0.1:8471", metavar="HOST:PORT", help="127.0.0.1:8471")
    add("--certificate", default="", metavar="FILE", help="for TLS; read again at SIGHUP")
    add("--certificate-key", default="", metavar="FILE", help="the certificate's private key")
    add("--alarm-command", default="", metavar="COMMAND", help="gets each alarm as its input")
    add("--alarm-post", default="", metavar="URL", help="gets each alarm as JSON")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.function(options))
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
