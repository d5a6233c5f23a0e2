"""Verifies an export of the ledger, or the proof of a send, without a database:

    python -m console.audit.verify EXPORT [EXPORT …] --key PUBLIC_KEY [--checkpoints FILE]

This file stands alone: it needs Python's standard library, and `cryptography` for the signatures.
EXPORT is the folder or the zip file that the console wrote. PUBLIC_KEY is the console's, in base64,
from somebody you trust. FILE has checkpoints that were stored outside of the console. Several
exports, the oldest first, form one ledger: the archives, and what came after. Exit status: 0 if
everything verifies, 1 if something does not, 2 if it can't be read.

An export has these files. `entries.jsonl` has a line for each entry, `{"entry":{…},"hash":"…"}`:
the entry in its canonical form, exactly the bytes that were hashed. `manifest.json` states where
the entries begin and end, and is signed. `checkpoints.jsonl` has the signed checkpoints. If the
oldest entries were archived, `seals.jsonl` names their files, signed. `tree.json` has a signed head
of the transparency log, `leaf_keys.jsonl` the keys of the salts; --tree checks the entries against
it, and --head FILE against a head that was kept elsewhere. The proof of a send also has
`send.json`, the request and its author, and `deliveries.jsonl`, the outcome in each chat with the
exact text.
"""

import argparse
import base64
import gc
import hashlib
import hmac
import io
import json
import os
import re
import signal
import sys
import zipfile
import zlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "0" * 64
FORMAT = 1
# The anchor of a batch is fewer entries before its last one.
ANCHOR_ENTRIES = 65_536
# So many batches of a stream are checked by the signature of the last one, whose number is a
# multiple of it.
BATCHES_AT_ONCE = 1024
# So many batches of all streams may wait for that.
WAITING_MOST = 64 * 1024
STREAMS = 10_000
# It has a dozen fields.
MANIFEST_MOST = 1024 * 1024
# So much of the entries is followed at once.
BLOCK = 512 * 1024
# Of a line, in bytes. The longest entry, of a send to all chats of a large site, has some MB.
LINE_MOST = 64 * 1024 * 1024
ENTRIES, MANIFEST, CHECKPOINTS = "entries.jsonl", "manifest.json", "checkpoints.jsonl"
SEALS, SEND, DELIVERIES = "seals.jsonl", "send.json", "deliveries.jsonl"
TREE, LEAF_KEYS = "tree.json", "leaf_keys.jsonl"
SIGNATURES, CERTIFICATES = "signatures.jsonl", "certificates.jsonl"
APPROVED = "approvals.jsonl"

# The parts of a line around its entry, and what follows the data in the entry.
_HEAD, _BEFORE_HASH, _TAIL = b'{"entry":', b',"hash":"', b'"}\n'
_TAIL_SIZE = len(_BEFORE_HASH) + 64 + len(_TAIL)
_PREVIOUS = b',"prev_hash":"'
_MIDDLE = b',"prev_hash":"%b","seq":%d'
_AT, _TIME_SIZE = b',"at":"', len("2026-01-01T00:00:00.000000Z")


class Unreadable(Exception):
    """The input can't be read. The text states why, and what to give instead."""


class Said(str):
    """English words that know what they are made of, so that others can say the same in another
    language: a template, and the parameters that it names."""

    template: str
    params: dict[str, Any]


def phrase(template: str, /, **params: Any) -> Said:
    """What was found, in words. `template` is a literal, for those who translate it."""
    said = Said(template.format(**params))
    said.template, said.params = template, params
    return said


def visible(text: str) -> str:
    """Return words for a terminal. What files say in them begins no line, moves no cursor and hides
    nothing: it can't pass for the verifier's own words."""
    shown = (
        each
        if each.isprintable() or each in _JOINERS
        else _INSTEAD.get(each, f"⟨U+{ord(each):04X}⟩")
        for each in text
    )
    return "".join(shown)


# Some scripts need them.
_JOINERS = "\u200c\u200d"
_INSTEAD = {"\n": "\n    "}


# --- Signatures --------------------------------------------------------------------------------


def key_id(public: bytes) -> str:
    """Return a key's id: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def signed_bytes(kind: str, said: Mapping[str, Any]) -> bytes:
    """Return the signed bytes: the kind of statement, and its content without the signature."""
    rest = {name: value for name, value in said.items() if name != "signature"}
    return f"notice-console {kind}\n".encode() + _canonical(rest)


def _canonical(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Keys:
    """The trusted public keys, by their ids."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        for text in texts:
            try:
                raw = base64.b64decode(text.strip(), validate=True)
                self._keys[key_id(raw)] = Ed25519PublicKey.from_public_bytes(raw)
            except ValueError as error:
                raise Unreadable(
                    phrase(
                        "{text!r} is no public key. Give the line that manage.py audit_key "
                        "--public prints: 32 bytes in base64.",
                        text=text,
                    )
                ) from error

    def raw(self) -> list[bytes]:
        """Return the bytes of the keys."""
        return [key.public_bytes_raw() for key in self._keys.values()]

    def complaint(self, kind: str, said: Mapping[str, Any]) -> str:
        """Return what is wrong with a signature; "" if it is valid."""
        key = self._keys.get(str(said.get("key_id")))
        if key is None:
            return phrase(
                "it is signed by the key {key}, which is not among those trusted",
                key=said.get("key_id"),
            )
        try:
            key.verify(
                base64.b64decode(str(said.get("signature")), validate=True),
                signed_bytes(kind, said),
            )
        except (InvalidSignature, ValueError):
            return phrase("its signature does not fit what it says")
        return ""


# --- The chain ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something that does not verify. `seq` is the entry where it was found."""

    seq: int | None
    sentence: Said


def broken(seq: int | None, template: str, /, **params: Any) -> Finding:
    """A finding at the entry `seq`, which the template may name, in words."""
    return Finding(seq, phrase(template, seq=seq, **params))


@dataclass
class Head:
    """The last entry of the chain so far: its number and hash."""

    seq: int = 0
    hash: str = GENESIS


@dataclass
class Report:
    """The result of a verification: `followed` entries up to `head`.

    `checked` is the entry up to whose checkpoints all are checked; below 0 before it has begun.
    `vouched` is the last entry that a valid checkpoint covers. `sealed` are the files with older
    entries, which were not read. `proved` are the sentences about a send. `treed` is the last entry
    that a signed head of the tree covers.

    `signed_from` is the first entry that a process must have signed, as a checkpoint says; 0 if
    none says so. `signed` entries are signed; `unsigned` is the last entry that is not.
    `foreign` are the first and last numbers of entries that are nobody's of the console, as a
    checkpoint says; `revoked` are for each revoked key the entry that says so, and from which on
    the key may have been somebody else's.
    """

    followed: int = 0
    head: Head = field(default_factory=Head)
    vouched: int = 0
    checked: int = -1
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    sealed: list[Mapping[str, Any]] = field(default_factory=list)
    proved: list[str] = field(default_factory=list)
    signed_from: int = 0
    signed: int = 0
    unsigned: int = 0
    foreign: list[Sequence[int]] = field(default_factory=list)
    revoked: list[Sequence[Any]] = field(default_factory=list)
    treed: int = 0

    @property
    def holds(self) -> bool:
        return not self.findings

    def fault(self, seq: int | None, template: str, /, **params: Any) -> None:
        self.findings.append(broken(seq, template, **params))

    def prove(self, template: str, /, **params: Any) -> None:
        self.proved.append(phrase(template, **params))


def export_line(entry: bytes, digest: str) -> bytes:
    """Return an entry's line in an export. `entry` is its canonical form."""
    return b"".join((_HEAD, entry, _BEFORE_HASH, digest.encode(), _TAIL))


def follow(
    lines: Iterable[bytes], report: Report, marks: Mapping[int, str], batches: "Batches"
) -> None:
    """Follow the chain from `report.head` until it ends or breaks.

    `marks` are the hashes in checkpoints, by entry. Its memory does not grow with the lines.
    """
    finding = batches.begin(report) or _follow_lines(lines, report, marks, batches)
    finding = batches.end() or finding  # what it finds is of entries before
    report.findings += [finding] if finding else []


def _follow_lines(
    lines: Iterable[bytes], report: Report, marks: Mapping[int, str], batches: "Batches"
) -> Finding | None:
    """Follow the chain line by line, and return the first thing that is wrong."""
    seq, previous = report.head.seq, report.head.hash.encode()
    finding, sha256, hashes = None, hashlib.sha256, batches.hashes
    for line in lines:
        seq += 1
        entry = line[len(_HEAD) : -_TAIL_SIZE]
        raw = sha256(entry).digest()
        digest = raw.hex().encode()
        # The last occurrence: an entry's data, which comes before it, may contain the same text.
        before, middle, after = entry.rpartition(_MIDDLE % (previous, seq))
        if (
            not (middle and after.startswith(b","))
            or not line.endswith(_BEFORE_HASH + digest + _TAIL)
            or not line.startswith(_HEAD)
        ):
            finding, seq = _diagnosis(line, seq, previous.decode()), seq - 1
            break
        hashes.put(seq, raw)
        previous = digest
        finding = batches.take(seq, (before, after))
        if finding is None and seq in marks:
            finding = _mark(marks[seq], digest.decode(), seq, report)
        if finding is not None:
            break
    report.followed += seq - report.head.seq
    report.head = Head(seq, previous.decode())
    return finding


def follow_file(
    file: "_Bounded",
    report: Report,
    marks: Mapping[int, str],
    batches: "Batches",
    watch: Callable[[bytes], object],
) -> None:
    """Follow the chain as `follow` does, many lines of a file at once, which takes less time.

    Calls `watch` with each entry that may concern approvals.
    """
    finding, stops = batches.begin(report), sorted(marks)
    for lines in file.blocks() if finding is None else ():
        cut = _cut(lines, report.head)
        if cut is None:  # line by line it tells what is wrong, and where
            finding = _follow_lines(_watching(lines, watch), report, marks, batches)
        else:
            for place in cut.watched:
                watch(cut.entries[place])
            finding = _follow_block(cut, report, marks, stops, batches)
        if finding is not None:
            break
    finding = batches.end() or finding
    report.findings += [finding] if finding else []


@dataclass(frozen=True)
class _Cut:
    """Entries that follow each other, with their hashes of 32 bytes: `contents` as in
    `batch_bytes`, `times` the least and the greatest of their times, `watched` the places of those
    that may concern approvals. `times` is None if one of them revokes a key."""

    entries: list[bytes]
    hashes: bytes
    contents: list[bytes]
    times: tuple[bytes, bytes] | None
    watched: list[int]


# Parts of a line: what begins it, with the first letters of its entry's action; its entry; and what
# follows the entry.
_LINE_HEAD = itemgetter(slice(len(_HEAD) + 19))
_LINE_ENTRY = itemgetter(slice(len(_HEAD), -_TAIL_SIZE))
_LINE_TAIL = itemgetter(slice(-_TAIL_SIZE, None))
_PREVIOUS_HASH = itemgetter(slice(64))


def _cut(lines: Sequence[bytes], head: Head) -> _Cut | None:
    """Cut lines into the entries after `head`. Returns None if one is not what it must be, and if
    their numbers have not all the same length."""
    sha256, entries = hashlib.sha256, list(map(_LINE_ENTRY, lines))
    raw = b"".join([sha256(entry).digest() for entry in entries])
    hashes = raw.hex("\n", 32).encode()
    tails = _BEFORE_HASH + hashes.replace(b"\n", _TAIL + _BEFORE_HASH) + _TAIL
    kinds = set(map(_LINE_HEAD, lines))
    if b"".join(map(_LINE_TAIL, lines)) != tails or not all(k.startswith(_HEAD) for k in kinds):
        return None
    # The last occurrence, as above. What follows it begins with the hash before and the number.
    begins, marks, rests = zip(*[entry.rpartition(_PREVIOUS) for entry in entries], strict=True)
    previous = (head.hash + raw.hex())[:-64].encode()
    seqs = range(head.seq + 1, head.seq + 1 + len(lines))
    numbers = ('","seq":' + ',","seq":'.join(map(str, seqs)) + ",").encode()
    place = 64 + len(numbers) // len(lines)
    if (
        b"".join(map(_PREVIOUS_HASH, rests)) != previous
        or b"".join(map(itemgetter(slice(64, place)), rests)) != numbers
        or set(marks) != {_PREVIOUS}
    ):
        return None
    contents = [b""] * (2 * len(lines))
    contents[::2], contents[1::2] = begins, map(itemgetter(slice(place - 1, None)), rests)
    watched, revokes = list[int](), False
    if not _NOTED.isdisjoint(kind[-8:] for kind in kinds):
        watched = [n for n, each in enumerate(begins) if each[11:19] in _BEGINNINGS]
        revokes = any(each.startswith(_REVOKED) for each in begins)
    at, skip, size = _AT, len(_AT), _TIME_SIZE
    times = [each[(begin := each.find(at) + skip) : begin + size] for each in begins]
    return _Cut(entries, raw, contents, None if revokes else (min(times), max(times)), watched)


def _follow_block(
    cut: _Cut, report: Report, marks: Mapping[int, str], stops: Sequence[int], batches: "Batches"
) -> Finding | None:
    """Check the signatures and checkpoints of entries that follow each other."""
    begin, hashes = report.head.seq, batches.hashes
    end = begin + len(cut.entries)
    hashes.put(begin + 1, cut.hashes)
    seq, finding = begin, None
    for stop in [*stops[bisect_right(stops, begin) : bisect_right(stops, end)], end]:
        contents = cut.contents[2 * (seq - begin) : 2 * (stop - begin)]
        seq, finding = batches.take_all(seq, contents, cut.times)
        if finding is None and stop in marks:
            finding = _mark(marks[stop], hashes[stop], stop, report)
        if finding is not None:
            break
    report.followed += seq - begin
    report.head = Head(seq, hashes[seq])
    return finding


def _mark(mark: str, digest: str, seq: int, report: Report) -> Finding | None:
    """Compare an entry with its checkpoint, and note that this vouches for it."""
    if mark != digest:
        return rewritten(seq, report.vouched)
    report.vouched = seq
    return None


def unsigned(seq: int) -> Finding:
    """Return the finding that nobody signed an entry."""
    return broken(
        seq,
        "Entry {seq} is signed by no process of the console: it was put in by somebody who has no "
        "key.",
    )


def rewritten(seq: int, vouched: int) -> Finding:
    """Return the finding that entry `seq` is not that of its checkpoint. The last entry before it
    that a checkpoint covers is `vouched`."""
    return broken(
        seq,
        "Entry {seq} is not the one that its checkpoint vouches for: the chain was written anew "
        "somewhere after entry {vouched}, at entry {seq} at the latest.",
        vouched=vouched,
    )


def _diagnosis(line: bytes, seq: int, previous: str) -> Finding:
    """Return what is wrong with the line that should be entry `seq`."""
    try:
        told = json.loads(line)
        entry = told["entry"]
        found, before = entry["seq"], entry["prev_hash"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return broken(seq, "Where entry {seq} should be there is something that can't be read.")
    real = hashlib.sha256(line[len(_HEAD) : -_TAIL_SIZE]).hexdigest()
    if found != seq:
        if isinstance(found, int) and found > seq:
            return _missing(seq, found)
        return broken(
            seq,
            "Where entry {seq} should be stands entry {found}: it was put in, repeated, or "
            "has another's place.",
            found=found,
        )
    if told.get("hash") != real:
        return broken(
            seq, "Entry {seq} was changed: what it says is not what its hash was made of."
        )
    if before != previous:
        return broken(
            seq,
            "Entry {seq} does not follow entry {before}: one of the two was put in or "
            "changed, or the chain was written anew from here on.",
            before=seq - 1,
        )
    return broken(seq, "Entry {seq} is not in the form in which the console writes entries.")


def _missing(seq: int, found: int) -> Finding:
    missing = (
        phrase("Entry {seq} is", seq=seq)
        if found == seq + 1
        else phrase("Entries {seq} to {last} are", seq=seq, last=found - 1)
    )
    return broken(
        seq,
        "{missing} missing: after entry {before} comes entry {found}.",
        missing=missing,
        before=seq - 1,
        found=found,
    )


# --- Signatures of processes -------------------------------------------------------------------

_NEVER = 2**63
_REVOKED = b'{"action":"audit.key_revoked"'


# The line of a signature as the console writes it, but for an odd name of a stream. Its parts are
# compared with what they must be.
_USUAL = re.compile(
    r'^{"after": (0|[1-9][0-9]{0,17}), "after_hash": "(.{64})", "first": ([0-9]{1,18}), '
    r'"key_id": "(.{16})", "last": ([1-9][0-9]{0,17}), "number": ([0-9]{1,18}), "prev": "(.{64})", '
    r'"signature": "([!#-\[\]-~]{88})", "stream": "([!#-\[\]-~]{16})"}\n',
    re.MULTILINE | re.DOTALL,
)
_Usual = tuple[str, str, str, str, str, str, str, str, str]
# A signature: as JSON, as a line, or as the parts of a usual line.
_Row = Mapping[str, Any] | str | _Usual


def _line_of(row: _Usual) -> str:
    after, after_hash, first, key, last, number, prev, signature, stream = row
    return (
        f'{{"after": {after}, "after_hash": "{after_hash}", "first": {first}, "key_id": "{key}", '
        f'"last": {last}, "number": {number}, "prev": "{prev}", "signature": "{signature}", '
        f'"stream": "{stream}"}}'
    )


def batch_bytes(contents: Sequence[bytes], said: Mapping[str, Any]) -> bytes:
    """Return what the signature of a batch is over: the SHA-256 of its entries without their
    numbers and the hashes before them, and their place in a stream. It has the form of all signed
    statements (`signed_bytes`).

    `contents` are for each entry its canonical form up to `prev_hash`, and from after `seq` on.
    """
    entries = hashlib.sha256(b"".join(contents)).hexdigest()
    return (
        f'notice-console batch\n{{"after":{said["after"]:d},"after_hash":"{said["after_hash"]}",'
        f'"count":{len(contents) // 2},"entries":"{entries}","key_id":"{said["key_id"]}",'
        f'"number":{said["number"]:d},"prev":"{said["prev"]}","stream":"{said["stream"]}"}}'
    ).encode()


@dataclass
class _Stream:
    """A stream of a process: its last batch, and those whose signatures are not checked yet. All
    are by one key, since the signature of a later batch stands for those before it."""

    number: int
    link: str | None
    key: str = ""
    waiting: list[tuple[int, str, bytes, str]] = field(default_factory=list)


@dataclass
class _Certificate:
    key: Ed25519PublicKey
    begin: str
    end: str


class _Hashes:
    """The hashes of the last entries, by their numbers: of more than an anchor may go back, since
    those of a block come at once."""

    SIZE, ENTRIES = 32, 2 * ANCHOR_ENTRIES

    def __init__(self) -> None:
        self._raw = bytearray(self.SIZE * self.ENTRIES)

    def put(self, first: int, raw: bytes) -> None:
        """Take the hashes, of 32 bytes each, of the entry `first` and of those after it."""
        at = first % self.ENTRIES * self.SIZE
        begin = raw[: len(self._raw) - at]
        self._raw[at : at + len(begin)] = begin
        if len(begin) < len(raw):
            self.put(first + len(begin) // self.SIZE, raw[len(begin) :])

    def __getitem__(self, seq: int) -> str:
        at = seq % self.ENTRIES * self.SIZE
        return self._raw[at : at + self.SIZE].hex()

    def between(self, first: int, last: int) -> str:
        """Return the hashes from the entry `first` to the entry `last`, fewer than `ENTRIES`."""
        begin, end = (seq % self.ENTRIES * self.SIZE for seq in (first, last + 1))
        if begin <= end:
            return self._raw[begin:end].hex()
        return self._raw[begin:].hex() + self._raw[:end].hex()


class Batches:
    """Checks that a process of the console signed each batch of entries.

    `rows` are the signatures in the order of their entries, and `certificates` those of the
    processes' keys. Of what is before these rows, `known` has the number of the last batch of each
    stream, `revoked` the entries that revoked keys, and `hash_of` returns the hash of an entry;
    without it an older anchor is not compared.

    The batches of a stream are linked by hashes, so that the signature of a later one proves those
    before it.
    """

    def __init__(
        self,
        rows: "Iterable[_Row]",
        certificates: Iterable[Mapping[str, Any]],
        keys: Keys,
        *,
        known: Mapping[str, int] | None = None,
        revoked: Mapping[str, int] | None = None,
        hash_of: Callable[[int], str | None] = lambda _seq: None,
    ) -> None:
        self._rows = iter(rows)
        self._keys = keys
        self._hash_of = hash_of
        self._streams = {stream: _Stream(n, None) for stream, n in (known or {}).items()}
        self._certificates: dict[str, _Certificate | str] = {}
        # From when to when a key may sign: of those that are trusted, in the usual form.
        self._windows: dict[str, tuple[bytes, bytes]] = {}
        self._revoked = dict(revoked or {})
        for said in certificates:
            self._take_certificate(said)
        for name in self._revoked:
            self._windows.pop(name, None)
        self.hashes = _Hashes()
        # Of the present batch, as far as it was followed.
        self._contents: list[bytes] = []
        self.first = self.last = _NEVER
        self._row: Mapping[str, Any] = {}
        self._usual: _Usual | None = None  # that this row was read from
        self._from, self._begins, self._faulty = Head(), True, 0
        self._waiting = 0

    def _take_certificate(self, said: Mapping[str, Any]) -> None:
        try:
            raw = base64.b64decode(str(said["key"]), validate=True)
            found: _Certificate | str = self._keys.complaint("certificate", said) or _Certificate(
                Ed25519PublicKey.from_public_bytes(raw), str(said["from"]), str(said["to"])
            )
        except (KeyError, ValueError):
            return  # whoever it is of, there is none
        if not isinstance(self._certificates.get(key_id(raw)), _Certificate):
            self._certificates[key_id(raw)] = found
            if isinstance(found, _Certificate) and len(found.end) == _TIME_SIZE:
                self._windows[key_id(raw)] = (found.begin.encode(), found.end.encode())

    def read(self, rows: "Iterable[_Row]") -> None:
        """Go on with these signatures."""
        self._rows = iter(rows)

    def begin(self, report: Report) -> Finding | None:
        """Go on after the report's last entry."""
        self._report = report
        if self._begins:
            self._begins, self._from = False, report.head
            with suppress(ValueError):  # one that is no hash begins nothing, as following it finds
                self.hashes.put(report.head.seq, bytes.fromhex(report.head.hash))
        return self._next(report.head.seq)

    def _next(self, after: int) -> Finding | None:
        self._contents.clear()
        return self._place(next(self._rows, None), after)

    def _place(self, row: "_Row | None", after: int) -> Finding | None:
        self._usual = row if isinstance(row, tuple) else None
        if isinstance(row, tuple):
            row = _line_of(row)
        if isinstance(row, str):
            row = _json(row.encode("latin-1"), SIGNATURES)
        if row is None:
            self._row, self.first, self.last = {}, _NEVER, _NEVER
            return None
        try:
            first, last = row["first"], row["last"]
            is_good = after < first <= last < _NEVER
        except (KeyError, TypeError):
            is_good = False
        if not is_good:
            return broken(
                after + 1,
                "The next signature after entry {after} does not say which entries it is of.",
                after=after,
            )
        self._row, self.first, self.last = row, first, last
        return None

    def take(self, seq: int, content: tuple[bytes, bytes]) -> Finding | None:
        """Take the next entry, in two parts as in `batch_bytes`."""
        if seq < self.first:
            return self.unsigned(seq)
        self._contents += content
        return self._close() if seq == self.last else None

    def take_all(
        self, seq: int, contents: list[bytes], times: tuple[bytes, bytes] | None
    ) -> tuple[int, Finding | None]:
        """Take the entries after `seq`, with the least and the greatest of their times if none of
        them revokes a key. Return the last entry taken, which is the one where something was
        found."""
        before, end, finding = seq, seq + len(contents) // 2, None
        while seq < end and finding is None:
            if times and not self._contents and not self._report.foreign:
                seq, finding = self._go_on(seq, contents, times, before)
                if seq == end or finding is not None:
                    break
            if seq + 1 < self.first:
                seq += 1
                finding = self.unsigned(seq)
                continue
            upto = min(self.last, end)
            self._contents += contents[2 * (seq - before) : 2 * (upto - before)]
            seq = upto
            if seq == self.last:
                finding = self._close()
        if finding is None and self._waiting > WAITING_MOST:
            finding = self.end()
        return seq, finding

    def _go_on(
        self, seq: int, contents: list[bytes], times: tuple[bytes, bytes], before: int
    ) -> tuple[int, Finding | None]:
        """Take batches as long as they go on in their streams as nearly all do. Of any other,
        `_close` says whether it holds. `contents` begin after the entry `before`."""
        row: Any = self._usual
        begin, end, at = seq, before + len(contents) // 2, 2 * (seq - before)
        sha256, oldest, streams = hashlib.sha256, max(1, self._from.seq), self._streams
        fitting = {key for key, (a, b) in self._windows.items() if a <= times[0] and times[1] <= b}
        while row.__class__ is tuple:
            after, after_hash, first, key, until, number, prev, signature, name = row
            last, anchor, stream = int(until), int(after), streams.get(name)
            if (
                stream is None
                or prev != stream.link
                or key != stream.key
                or key not in fitting
                or number != str(stream.number + 1)
                or (stream.number + 1) % BATCHES_AT_ONCE == 0
                or first != str(seq + 1)
                or not oldest <= anchor <= seq < last <= end
                or last - anchor >= ANCHOR_ENTRIES
                or after_hash != self.hashes[anchor]
            ):
                break
            entries = sha256(b"".join(contents[at : (at := 2 * (last - before))])).hexdigest()
            signed = (
                f'notice-console batch\n{{"after":{after},"after_hash":"{after_hash}",'
                f'"count":{last - seq},"entries":"{entries}","key_id":"{key}","number":{number},'
                f'"prev":"{prev}","stream":"{name}"}}'
            ).encode()
            stream.number, stream.link = stream.number + 1, sha256(signed).hexdigest()
            stream.waiting.append((seq + 1, key, signed, signature))
            streams[name] = streams.pop(name)  # the newest ones stand last
            self._waiting += 1
            seq, row = last, next(self._rows, None)
        if seq == begin:
            return seq, None
        self._report.signed += seq - begin
        return seq, self._place(row, seq)

    def _close(self) -> Finding | None:
        """Check the present batch, all entries of which have been followed, and go on to the
        next."""
        row, contents = self._row, self._contents
        if self._is_foreign(self.first, self.last):
            return self._next(self.last)
        if complaint := self._complaint(row, contents):
            return broken(
                self.first,
                "The signature of entries {first} to {last} is worth nothing: {complaint}.",
                first=self.first,
                last=self.last,
                complaint=complaint,
            )
        self._report.signed += self.last - self.first + 1
        for place in range(0, len(contents), 2):
            if contents[place].startswith(_REVOKED):
                finding = self._revoke(self.first + place // 2, contents[place : place + 2])
                if finding is not None:
                    return finding
        return self._next(self.last)

    def _is_foreign(self, first: int, last: int) -> bool:
        return any(begin <= first and last <= end for begin, end in self._report.foreign)

    def unsigned(self, seq: int) -> Finding | None:
        """Take note of an entry that no process signed. It is a finding if one must have."""
        if self._is_foreign(seq, seq):
            return None
        self._report.unsigned = seq
        return unsigned(seq) if 0 < self._report.signed_from <= seq else None

    def _complaint(self, row: Mapping[str, Any], contents: Sequence[bytes]) -> str:
        try:
            complaint = (
                self._of_key(row["key_id"], contents)
                or self._of_anchor(row["after"], row["after_hash"])
                or self._of_stream(row["stream"], row["number"], row["prev"], row["key_id"])
            )
            message = batch_bytes(contents, row)
        except (KeyError, ValueError, TypeError):
            return phrase("it is not in the form in which the console writes signatures")
        if complaint:
            return complaint
        stream = self._streams[row["stream"]]
        stream.link = hashlib.sha256(message).hexdigest()
        stream.waiting.append((self.first, row["key_id"], message, row["signature"]))
        self._waiting += 1
        return self._checked(stream) if stream.number % BATCHES_AT_ONCE == 0 else ""

    def _of_key(self, name: str, contents: Sequence[bytes]) -> str:
        found = self._certificates.get(name)
        if found is None:
            return phrase("nobody certified the key {key}", key=name)
        if not isinstance(found, _Certificate):
            return phrase(
                "the certificate of the key {key} is none: {complaint}", key=name, complaint=found
            )
        if name in self._revoked:
            return phrase(
                "its key {key} was revoked by entry {seq}", key=name, seq=self._revoked[name]
            )
        begin, end, size = found.begin.encode(), found.end.encode(), len(found.end)
        for head in contents[::2]:
            place = head.find(_AT) + len(_AT)
            at = head[place : place + size]
            if not begin <= at <= end:
                return phrase(
                    "its key {key} was certified from {begin} to {end}, and the entry says {at}",
                    key=name,
                    begin=found.begin,
                    end=found.end,
                    at=at.decode(),
                )
        return ""

    def _of_anchor(self, after: int, digest: str) -> str:
        if not 0 <= after < self.first or self.last - after >= ANCHOR_ENTRIES:
            return phrase(
                "it was made after entry {after}, and stands elsewhere: it was moved or repeated",
                after=after,
            )
        if after == 0:
            known: str | None = GENESIS
        elif after >= self._from.seq:
            known = self.hashes[after]
        else:
            known = self._hash_of(after)
        if known is not None and known != digest:
            return phrase(
                "it was made for another history, after another entry {after}", after=after
            )
        return ""

    def _of_stream(self, stream: str, number: int, prev: str, key: str) -> str:
        known = self._streams.pop(stream, None)
        if known is None:
            if number == 1 and prev != GENESIS:
                return phrase("it is the first of a stream, and names one before it")
            known = _Stream(number - 1, None)
        self._streams[stream] = known  # the newest ones stand last
        if number != known.number + 1 or prev != (known.link or prev):
            return phrase(
                "it is batch {number} of the stream {stream}, of which {known} was the last: one "
                "was removed, repeated or put in",
                number=number,
                stream=stream,
                known=known.number,
            )
        if known.key not in ("", key):
            return phrase(
                "it is in the stream {stream} of the key {known}, and says that it is by the key "
                "{key}",
                stream=stream,
                known=known.key,
                key=key,
            )
        known.number, known.key = number, key
        if len(self._streams) > STREAMS:
            return self._checked(self._streams.pop(next(iter(self._streams))))
        return ""

    def _checked(self, stream: _Stream) -> str:
        """Return what is wrong with the signatures that were not checked yet: that of the last
        batch is one of all that it is linked to."""
        waiting, stream.waiting = stream.waiting, []
        self._waiting -= len(waiting)
        if not waiting or self._is_signed(*waiting[-1][1:]):
            return ""
        self._faulty = next(each[0] for each in waiting if not self._is_signed(*each[1:]))
        return phrase(
            "what stands from entry {first} on is not what was signed", first=self._faulty
        )

    def _is_signed(self, name: str, message: bytes, signature: str) -> bool:
        found = self._certificates[name]
        try:
            if isinstance(found, _Certificate):
                found.key.verify(base64.b64decode(signature, validate=True), message)
                return True
        except (InvalidSignature, ValueError, TypeError):
            pass
        return False

    def _revoke(self, seq: int, content: Sequence[bytes]) -> Finding | None:
        """Trust a key no more, by an entry that says so with the audit key's signature."""
        entry = json.loads(b"".join(content))
        said: Any = entry["data"].get("revocation") if isinstance(entry["data"], dict) else None
        if not isinstance(said, dict):
            complaint: str = phrase("the audit key's signature is missing")
        else:
            complaint = self._keys.complaint("revocation", said)
            if not complaint and entry["target_ref"] != said["revoked"]:
                complaint = phrase("what the audit key signed is of another key")
        if complaint:
            return broken(
                seq,
                "The revocation in entry {seq} is worth nothing: {complaint}.",
                complaint=complaint,
            )
        self._revoked[said["revoked"]] = seq
        self._windows.pop(said["revoked"], None)
        self._report.revoked.append([said["revoked"], seq, said["after"]])
        return None

    def end(self) -> Finding | None:
        """Check what is not checked yet, at the end of some lines."""
        for stream in self._streams.values():
            if complaint := self._checked(stream):
                return broken(
                    self._faulty,
                    "A signature is worth nothing: {complaint}.",
                    complaint=complaint,
                )
        return None

    def left(self) -> Finding | None:
        """Return the finding that there are signatures of entries that are gone."""
        return signed_and_gone(self.first, self.last) if self._row else None


def signed_and_gone(first: int, last: int) -> Finding:
    """Return the finding that signed entries are not there."""
    return broken(
        first,
        "A process signed entries {first} to {last}, and they are gone.",
        first=first,
        last=last,
    )


def must_be_signed(report: Report) -> None:
    """Report an entry that no process signed, if a checkpoint says that one must have."""
    if report.holds and 0 < report.signed_from <= report.unsigned:
        report.findings.append(unsigned(report.unsigned))


# --- Checkpoints -------------------------------------------------------------------------------


def checked_marks(
    checkpoints: Iterable[Mapping[str, Any]], keys: Keys, report: Report
) -> dict[int, str]:
    """Return the hashes of valid checkpoints, by entry. Problems go into the report."""
    marks: dict[int, str] = {}
    for said in checkpoints:
        name = phrase(
            "The checkpoint of entry {seq} ({at})", seq=said.get("seq"), at=said.get("at")
        )
        if complaint := keys.complaint("checkpoint", said):
            report.fault(
                None, "{name} is worth nothing: {complaint}.", name=name, complaint=complaint
            )
            continue
        seq, digest = said["seq"], said["hash"]
        if marks.setdefault(seq, digest) != digest:
            report.fault(seq, "{name} contradicts another one, which is signed as well.", name=name)
        take_signed(report, said)
        report.checkpoints += 1
    return marks


def take_signed(report: Report, said: Mapping[str, Any]) -> None:
    """Take from a valid checkpoint what it says of the signatures of processes."""
    if isinstance(begin := said.get("signed_from"), int):
        report.signed_from = min(begin, report.signed_from or begin)
    report.foreign += [pair for pair in said.get("foreign", ()) if pair not in report.foreign]


def beyond(report: Report, marks: Mapping[int, str]) -> None:
    """Report checkpoints of entries that are gone. Call it after following the chain."""
    last = max(marks, default=0)
    if last > report.head.seq and report.holds:
        report.fault(
            report.head.seq + 1,
            "The ledger ends with entry {head}, and a checkpoint vouches for entry "
            "{last}: the newest entries, {next} to {last} at least, are gone.",
            head=report.head.seq,
            last=last,
            next=report.head.seq + 1,
        )


# --- Seals -------------------------------------------------------------------------------------


def begin_after(
    seals: Iterable[Mapping[str, Any]], keys: Keys, marks: Mapping[int, str], report: Report
) -> None:
    """Start a report after the archived entries, where the newest seal ends.

    Each seal has to follow the previous one, and to agree with the checkpoints.
    """
    for said in seals:
        name = phrase(
            "The seal of entries {first} to {last} ({at})",
            first=said.get("first"),
            last=said.get("last"),
            at=said.get("at"),
        )
        if complaint := keys.complaint("seal", said):
            report.fault(
                None, "{name} is worth nothing: {complaint}.", name=name, complaint=complaint
            )
            return
        if (said["first"] - 1, said["before"]) != (report.head.seq, report.head.hash):
            report.fault(
                said["first"],
                "{name} does not follow on entry {head}, where it should.",
                name=name,
                head=report.head.seq,
            )
            return
        if marks.get(said["last"], said["hash"]) != said["hash"]:
            report.fault(
                said["last"],
                "{name} ends with another entry than the one that its checkpoint vouches for: "
                "the chain was written anew before it was sealed.",
                name=name,
            )
            return
        report.sealed.append(said)
        report.head = Head(said["last"], said["hash"])
        report.vouched = said["last"]


# --- Approvals ---------------------------------------------------------------------------------

# The actions by which somebody approves, each with the kind of what is approved.
APPROVALS = {
    "version.approved": "version",
    "preset.approved": "preset",
    "playbook.approved": "playbook",
    "send.approved": "send",
    "user.created": "role",
    "user.changed": "role",
    "user.reactivated": "role",
}
KINDS = ("version", "preset", "playbook", "send", "role")
RULES_SET = "approvals.rules_set"
BY_KEY = "security_key"
# By these a person's security key becomes known, and by these it is not theirs any more.
_KEYS_BEGIN = {"user.second_factor_added", "user.security_key_noted"}
_KEYS_END = {"user.second_factor_removed", "user.second_factor_reset"}
OF_APPROVALS = {*APPROVALS, RULES_SET, *_KEYS_BEGIN, *_KEYS_END}
# Where an action stands in a line of an export, and how the actions above begin there.
_AT_ACTION = len(b'{"entry":{"action":"')
_BEGINNINGS = {action.encode()[:8] for action in OF_APPROVALS}
_NOTED = {*_BEGINNINGS, _REVOKED[11:19]}
# What a signed approval has, and nothing else: a test changes each.
_SIGNED = {"grade", "rule", "also", "statement", "assertion"}
_STATED = {
    *("format", "kind", "action", "ref", "name", "approver", "approver_name", "decision"),
    *("content_sha256", "site", "nonce", "asked_at"),
}
_ASSERTED = {"credential_id", "public_key", "authenticator_data", "client_data", "signature"}
APPROVAL_FORMAT = 1
_DECIDED = {"confirmation", "release_at", "rows"}
# For so long after the console has asked for it an approval may be entered.
APPROVAL_SECONDS = 600
# Parts of an authenticator's data: the digest of the site's name, flags, counter.
_FLAGS_AT, _COUNTER_AT, _LEAST_AUTHENTICATOR_DATA = 32, 33, 37
_PRESENT, _VERIFIED = 1, 4
# The signature methods (COSE), and the names of a key's parts by number.
ES256, EDDSA, RS256 = -7, -8, -257
METHODS = (ES256, EDDSA, RS256)


def approval_content(data: Mapping[str, Any], also: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an approver signs: the entry's data, and what else was approved. What is only
    known when it is approved is left out: when a send leaves, and the rows in the database."""
    return {**{name: each for name, each in data.items() if name not in _DECIDED}, **also}


# What an approver signs of the rows, and what of a row is only known afterwards.
ROWS_SIGNED, _ROW_DECIDED = "rows_sha256", "reviewed_at"


def approved_rows(action: str, rows: Mapping[str, Any]) -> str:
    """Return the digest of what the database has after an approval, as its approver signs it."""
    # Who is created has no number yet when the console asks.
    numbered = action != "user.created" or len(rows) != 1
    said = {
        key if numbered else key.partition(":")[0]: row
        and {name: each for name, each in row.items() if name != _ROW_DECIDED}
        for key, row in rows.items()
    }
    return hashlib.sha256(_canonical(said)).hexdigest()


def statement_digest(statement: Mapping[str, Any]) -> bytes:
    """Return the challenge that an approver's security key signs."""
    return hashlib.sha256(_canonical(statement)).digest()


def key_fingerprint(public: bytes) -> str:
    """Return the SHA-256 by which people compare a security key's public key (COSE)."""
    return hashlib.sha256(public).hexdigest()


def from_web(text: object) -> bytes:
    """Decode base64url without padding. Raises ValueError for any other form of the same bytes."""
    raw = base64.urlsafe_b64decode(str(text) + "=" * (-len(str(text)) % 4))
    if to_web(raw) != text:
        raise ValueError("not base64url without padding")
    return raw


def to_web(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _cose_parts(raw: bytes) -> dict[int, Any]:
    """Read a public key: a map in CBOR of whole numbers to whole numbers and byte strings."""
    at = 0

    def head() -> tuple[int, int]:
        nonlocal at
        kind, info = raw[at] >> 5, raw[at] & 31
        at += 1
        if info > 25:
            raise ValueError("this length is not in a public key")
        size = max(0, info - 23)
        number = int.from_bytes(raw[at : at + size]) if size else info
        at += size
        return kind, number

    def item() -> Any:
        nonlocal at
        kind, number = head()
        if kind in (0, 1):
            return -1 - number if kind else number
        if kind != 2 or at + number > len(raw):
            raise ValueError("a part is neither a number nor a byte string")
        at += number
        return raw[at - number : at]

    kind, size = head()
    if kind != 5:
        raise ValueError("it is no map")
    parts = {item(): item() for _ in range(size)}
    if at != len(raw):
        raise ValueError("something follows it")
    return parts


def signed_by_key(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether a security key signed `message`. Raises ValueError for a key of another
    kind."""
    try:
        parts = _cose_parts(public)
        kind, method = parts[1], parts[3]
        if (kind, method, parts.get(-1)) == (2, ES256, 1):
            point = b"\4" + parts[-2] + parts[-3]
            curve = ec.SECP256R1()
            es_key = ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
            es_key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        elif (kind, method, parts.get(-1)) == (1, EDDSA, 6):
            Ed25519PublicKey.from_public_bytes(parts[-2]).verify(signature, message)
        elif (kind, method) == (3, RS256):
            numbers = (int.from_bytes(parts[-2]), int.from_bytes(parts[-1]))
            rs_key = rsa.RSAPublicNumbers(*numbers).public_key()
            rs_key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            raise ValueError("none of ES256, EdDSA (Ed25519) and RS256")
    except InvalidSignature:
        return False
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("a part is missing") from error
    return True


def assertion_complaint(assertion: Mapping[str, Any], challenge: bytes, site: str) -> str:
    """Return what is wrong with a security key's answer to a challenge; "" if it holds."""
    try:
        data, client = (from_web(assertion[n]) for n in ("authenticator_data", "client_data"))
        public, signature = (from_web(assertion[n]) for n in ("public_key", "signature"))
        told = json.loads(client)
        origin = urlsplit(str(told["origin"]))
        if not signed_by_key(public, signature, data + hashlib.sha256(client).digest()):
            return phrase("the security key's signature does not fit")
        if told["type"] != "webauthn.get" or from_web(told["challenge"]) != challenge:
            return phrase("the security key signed another statement")
    except (ValueError, KeyError, TypeError, AttributeError):
        return phrase("the security key's answer can't be read")
    host = origin.hostname or ""
    is_here = host == site or host.endswith(f".{site}")
    if not is_here or not (origin.scheme == "https" or _is_this_machine(host)):
        return phrase(
            "the browser was at {origin}, not at {site}", origin=told["origin"], site=site
        )
    if told.get("crossOrigin") or data[:_FLAGS_AT] != hashlib.sha256(site.encode()).digest():
        return phrase("the security key answered to another site")
    if len(data) < _LEAST_AUTHENTICATOR_DATA or not data[_FLAGS_AT] & _PRESENT:
        return phrase("nobody touched the security key")
    return ""


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


@dataclass(frozen=True)
class SecurityKey:
    """A person's security key, by the entry `seq` that made it known."""

    seq: int
    public: str


# What an entry raises that is not in the console's form.
_ODD = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


def _watching(lines: Iterable[bytes], watch: Callable[[bytes], object]) -> Iterator[bytes]:
    for line in lines:
        if line[_AT_ACTION : _AT_ACTION + 8] in _BEGINNINGS:
            watch(line[len(_HEAD) : -_TAIL_SIZE])
        yield line


class Approvals:
    """Follows who may approve by which security key, and whether approvals hold by that.

    `approvers` are the fingerprints of persons' keys, by their references, that somebody had from
    these persons themselves. `is_whole` says that no entry before the first is missing: a key that
    none made known is nobody's then.
    """

    def __init__(
        self, approvers: Mapping[str, Collection[str]] | None = None, *, is_whole: bool = True
    ) -> None:
        self.approvers = approvers or {}
        self.is_whole = is_whole
        self.keys: dict[str, dict[str, SecurityKey]] = {}
        self.rules: dict[str, Any] | None = None
        self.rules_seq = 0
        self.findings: list[Finding] = []
        self.counts = dict.fromkeys((BY_KEY, "weaker", "unmarked", "unknown_key"), 0)
        self.pinned = 0
        self._nonces: set[str] = set()
        self._counters: dict[str, int] = {}

    def watching(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines unchanged, and take what concerns approvals from them."""
        return _watching(lines, self.watch)

    def watch(self, entry: bytes) -> None:
        """Take an entry in its canonical form."""
        with suppress(*_ODD):  # following the chain finds it
            self.take(json.loads(entry))

    def take(self, entry: Mapping[str, Any]) -> None:
        """Take the next entry. A fault of it is one of `findings`."""
        action, data = entry["action"], entry["data"]
        if action == RULES_SET:
            self.rules, self.rules_seq = data, entry["seq"]
        elif action in _KEYS_BEGIN and "public_key" in data:
            known = SecurityKey(entry["seq"], data["public_key"])
            self.keys.setdefault(entry["target_ref"], {})[data["credential_id"]] = known
        elif action == "user.second_factor_reset":
            self.keys.pop(entry["target_ref"], None)
        elif action in _KEYS_END:
            self.keys.get(entry["target_ref"], {}).pop(data.get("credential_id"), None)
        elif is_approval(entry):
            try:
                complaint = self._complaint(entry)
            except (ValueError, KeyError, TypeError, AttributeError):
                complaint = phrase("what it says of its confirmation can't be read")
            if complaint:
                self._fault(entry, complaint)
        elif "confirmation" in data:
            self._fault(entry, phrase("it is no approval any more"))

    def _fault(self, entry: Mapping[str, Any], complaint: str) -> None:
        self.findings.append(
            broken(
                entry["seq"],
                "The approval by {name} ({ref}) in entry {seq} does not hold: {complaint}.",
                name=entry["actor_name"],
                ref=entry["actor_ref"],
                complaint=complaint,
            )
        )

    def rule(self, kind: str) -> str:
        return str(self.rules[kind]) if self.rules else "off"

    def _complaint(self, entry: Mapping[str, Any]) -> str:
        approval, kind = entry["data"].get("confirmation"), APPROVALS[entry["action"]]
        if approval is None:
            self.counts["unmarked"] += 1
            # Older consoles entered no rules, and the directory's roles are not approved here.
            by_directory = kind == "role" and entry["actor_ref"].startswith("system:")
            is_new = self.rules is not None and not by_directory
            return phrase("it does not say how it was confirmed") if is_new else ""
        if approval["rule"] != self.rule(kind) and (self.is_whole or self.rules):
            return phrase(
                "it says that the rule was {here}; by entry {at} it was {there}",
                here=approval["rule"],
                at=self.rules_seq,
                there=self.rule(kind),
            )
        if approval["grade"] == BY_KEY:
            return self._signed_complaint(entry, approval)
        self.counts["weaker"] += 1
        return self._weaker_complaint(entry, approval)

    def _weaker_complaint(self, entry: Mapping[str, Any], approval: Mapping[str, Any]) -> str:
        """The rule asks for a security key of everybody, or of whoever has one."""
        if set(approval) != {"grade", "rule"}:
            return phrase("it says more of its confirmation than one without a security key has")
        by_console = entry["actor_ref"].startswith("system:")
        if approval["rule"] == "required" and not (
            by_console and APPROVALS[entry["action"]] == "role"
        ):
            return phrase("the rule required the approver's security key, and none has signed it")
        mine = self.keys.get(entry["actor_ref"].removeprefix("user:"))
        if approval["rule"] == "registered" and mine:
            return phrase("the approver has a security key, and it has not signed")
        return ""

    def _signed_complaint(self, entry: Mapping[str, Any], approval: Mapping[str, Any]) -> str:
        statement, assertion = approval["statement"], approval["assertion"]
        shapes = (set(approval), set(statement), set(assertion))
        if shapes != (_SIGNED, _STATED, _ASSERTED):
            return phrase("what it says of its confirmation is not in the console's form")
        if complaint := self._statement_complaint(entry, approval):
            return complaint
        challenge = statement_digest(statement)
        if complaint := assertion_complaint(assertion, challenge, statement["site"]):
            return complaint
        if statement["nonce"] in self._nonces:
            return phrase("its statement was used before")
        self._nonces.add(statement["nonce"])
        if complaint := self._key_complaint(entry, assertion):
            return complaint
        self.counts[BY_KEY] += 1
        return ""

    def _statement_complaint(self, entry: Mapping[str, Any], approval: Mapping[str, Any]) -> str:
        statement, also, data = approval["statement"], approval["also"], entry["data"]
        said = {
            "format": APPROVAL_FORMAT,
            "kind": APPROVALS[entry["action"]],
            "action": entry["action"],
            # Who is created has no number yet when the console asks.
            "ref": "" if entry["action"] == "user.created" else entry["target_ref"],
            "name": entry["target_name"],
            "approver": entry["actor_ref"],
            "approver_name": entry["actor_name"],
            "decision": "approve",
            "content_sha256": hashlib.sha256(_canonical(approval_content(data, also))).hexdigest(),
        }
        for name, expected in said.items():
            if statement[name] != expected or name in also:
                return phrase(
                    "what was signed says {signed!r} as the {name}, the entry {told!r}",
                    signed=statement[name],
                    name=name,
                    told=expected,
                )
        kind = said["kind"]
        if entry["target_kind"] != ("user" if kind == "role" else kind):
            return phrase("it is of something else, {kind!r}", kind=entry["target_kind"])
        if set(also) & set(data):
            return phrase("what was signed says the same thing twice")
        # Consoles of before did not sign the rows.
        rows = approved_rows(entry["action"], data.get("rows", {}))
        if also.get(ROWS_SIGNED, rows) != rows:
            return phrase("the rows in the entry are not those that were signed")
        sites = self.rules["sites"] if self.rules else [statement["site"]]
        if not _is_among(statement["site"], sites):
            return phrase("{site} is none of the console's names", site=statement["site"])
        waited = _seconds(statement["asked_at"], entry["at"])
        if not -CLOCK_SECONDS <= waited <= APPROVAL_SECONDS + CLOCK_SECONDS:
            return phrase("it was asked for at {asked}", asked=statement["asked_at"])
        return _release_complaint(entry, also)

    def _key_complaint(self, entry: Mapping[str, Any], assertion: Mapping[str, Any]) -> str:
        ref, public = entry["actor_ref"], assertion["public_key"]
        fingerprint = key_fingerprint(from_web(public))
        if ref in self.approvers:
            if fingerprint not in self.approvers[ref]:
                return phrase(
                    "the security key {fingerprint} is not one that you have from this person",
                    fingerprint=fingerprint,
                )
            self.pinned += 1
        mine = self.keys.get(ref.removeprefix("user:"), {})
        known = mine.get(assertion["credential_id"])
        if known is None and self.is_whole:
            return phrase("no entry before it says that this security key is this person's")
        if known is not None and known.public != public:
            return phrase("entry {at} says another public key of this security key", at=known.seq)
        self.counts["unknown_key"] += known is None
        counter = int.from_bytes(from_web(assertion["authenticator_data"])[_COUNTER_AT:][:4])
        before = self._counters.get(public, 0)
        self._counters[public] = counter
        if (counter or before) and counter <= before:
            return phrase("this security key has counted less than before: there is a copy of it")
        return ""

    def tell(self, report: Report) -> None:
        """Put into the report what was found, and what was proved."""
        report.findings += self.findings
        counts = self.counts
        if counts[BY_KEY]:
            report.prove(
                "Approvals signed by the approver's own security key: {number:,}. Each signature "
                "is over what its entry says.",
                number=counts[BY_KEY],
            )
        if counts[BY_KEY] > self.pinned:
            report.prove(
                "Not proved: that {number:,} of these keys' answers are of these persons' keys, "
                "other than by the console's entries. Give --approver with what they told you.",
                number=counts[BY_KEY] - self.pinned,
            )
        if counts["unknown_key"]:
            report.prove(
                "Not proved: whose security key signed {number:,} of them. The entries that say so "
                "are older than the first one here.",
                number=counts["unknown_key"],
            )
        if counts["weaker"]:
            report.prove(
                "Approvals without a security key's signature: {number:,}. That it was the "
                "approver who confirmed them, the console alone says.",
                number=counts["weaker"],
            )


def is_approval(entry: Mapping[str, Any]) -> bool:
    """Return whether somebody approves something by an entry. A change of a person is an approval
    if it gives or takes roles."""
    kind = APPROVALS.get(entry["action"])
    return kind is not None and (kind != "role" or bool(entry["data"].get("roles")))


# By so much the clocks of web servers and database may differ.
CLOCK_SECONDS = 60


def _seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _is_among(site: str, names: Iterable[str]) -> bool:
    """Return whether `site` is one of the names, of which `.name` includes all below it."""
    return any(
        name in ("*", site) or (name.startswith(".") and f".{site}".endswith(name))
        for name in names
    )


def _release_complaint(entry: Mapping[str, Any], also: Mapping[str, Any]) -> str:
    """A send leaves at the time that its approver saw, or when it was approved."""
    data = entry["data"]
    if entry["action"] != "send.approved":
        return ""
    if data["status"] == "scheduled":
        is_right = data["release_at"] == also["scheduled_at"]
    else:
        is_right = abs(_seconds(data["release_at"], entry["at"])) <= CLOCK_SECONDS
    return "" if is_right else phrase("it leaves at another time than the approver saw")


# --- An export ---------------------------------------------------------------------------------


class _Bounded:
    """A file of an export. Each line and each reading has an end: a small zip file may hold a line
    of gigabytes. What is longer comes in pieces, which are no entries."""

    def __init__(self, file: IO[bytes], end: int | None = None) -> None:
        self._file, self._end = file, end

    def __iter__(self) -> Iterator[bytes]:
        return iter(partial(self._file.readline, LINE_MOST), b"")

    def blocks(self) -> Iterator[list[bytes]]:
        """Yield lines, many at once, up to the place `end`, where a line ends."""
        while block := self._file.read(self._most()):
            lines = io.BytesIO(block).readlines()
            if not block.endswith(b"\n"):
                lines[-1] += self._file.readline(max(1, LINE_MOST - len(lines[-1])))
            yield lines

    def _most(self) -> int:
        return BLOCK if self._end is None else min(BLOCK, self._end - self._file.tell())

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size if size >= 0 else LINE_MOST)


class _Export:
    """An export's files, in a folder or a zip file, and its manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self.zip = None
        elif zipfile.is_zipfile(path):
            self.zip = zipfile.ZipFile(path)
        else:
            raise Unreadable(
                phrase(
                    "{path} is neither a folder nor a zip file. Give the export itself.", path=path
                )
            )
        with self.open(MANIFEST) as file:
            text = file.read(MANIFEST_MOST + 1)
        if len(text) > MANIFEST_MOST:
            raise Unreadable(phrase("{name} is too long.", name=MANIFEST))
        self.manifest = _json(text, MANIFEST)

    @property
    def is_proof(self) -> bool:
        return "send" in self.manifest

    @contextmanager
    def open(self, name: str) -> Iterator["_Bounded"]:
        try:
            if self.zip is None:
                with (self.path / name).open("rb") as file:
                    yield _Bounded(file)
            else:
                with self.zip.open(name) as file:
                    yield _Bounded(io.BufferedReader(file, 1024 * 1024))  # type: ignore[type-var]
        except (FileNotFoundError, KeyError) as error:
            raise Unreadable(
                phrase(
                    "{path} has no {name}. Export the ledger once more.", path=self.path, name=name
                )
            ) from error
        except (zipfile.BadZipFile, zlib.error) as error:
            raise Unreadable(
                phrase(
                    "{path}: {name} is damaged: {error}.", path=self.path, name=name, error=error
                )
            ) from error

    def lines(self, name: str) -> list[dict[str, Any]]:
        with self.open(name) as file:
            return [_json(line, name) for line in file if line.strip()]

    @contextmanager
    def open_between(self, name: str, begin: int, end: int) -> Iterator[_Bounded]:
        """Open a plain file from one place to another."""
        with (self.path / name).open("rb") as file:
            file.seek(begin)
            yield _Bounded(file, end)

    def signatures(self, begin: int = 0, end: int | None = None) -> Iterator[str | _Usual]:
        """Yield the lines of the processes' signatures, each character a byte, or the parts of
        usual ones, from one place of a plain file to another. Exports of older consoles have none.
        """
        if self.has(SIGNATURES):
            with (
                self.open(SIGNATURES) if end is None else self.open_between(SIGNATURES, begin, end)
            ) as file:
                for lines in file.blocks():
                    usual = _USUAL.findall(b"".join(lines).decode("latin-1"))
                    if len(usual) == len(lines):
                        yield from usual
                    else:
                        told = (line.rstrip(b"\n").decode("latin-1") for line in lines)
                        yield from (line for line in told if line.strip())

    def certificates(self) -> list[dict[str, Any]]:
        return self.lines(CERTIFICATES) if self.has(CERTIFICATES) else []

    def has(self, name: str) -> bool:
        if self.zip is None:
            return (self.path / name).exists()
        return name in self.zip.namelist()

    def holds_manifest(self, keys: Keys, report: Report) -> bool:
        complaint = keys.complaint("proof" if self.is_proof else "manifest", self.manifest)
        if complaint:
            report.fault(
                None, "The manifest is not the console's: {complaint}.", complaint=complaint
            )
        elif self.manifest["format"] != FORMAT:
            raise Unreadable(
                phrase(
                    "The export has format {found}; this reads {format}.",
                    found=self.manifest["format"],
                    format=FORMAT,
                )
            )
        return not complaint


# Fingerprints of persons' security keys, by the persons' references.
Approvers = Mapping[str, Collection[str]]


def verify_export(
    path: Path,
    keys: Keys,
    outside: Sequence[Mapping[str, Any]] = (),
    heads: Sequence[bytes] | None = None,
    approvers: Approvers | None = None,
    processes: int = 1,
) -> Report:
    """Verify one whole export, or the proof of a send. Raises Unreadable."""
    return verify_exports([path], keys, outside, heads, approvers, processes)


def verify_exports(
    paths: Sequence[Path],
    keys: Keys,
    outside: Sequence[Mapping[str, Any]] = (),
    heads: Sequence[bytes] | None = None,
    approvers: Approvers | None = None,
    processes: int = 1,
) -> Report:
    """Verify exports as one ledger, the oldest first; each has to begin where the last one ends.

    The tree is checked unless `heads` is None: against the heads in the exports, and against these
    others. `approvers` are as in Approvals, `processes` as in `_in_parts`. Raises Unreadable."""
    exports, report = [_Export(path) for path in paths], Report()
    if any(export.is_proof for export in exports):
        _require_alone(exports, heads)
        return verify_proof(exports[0], keys, outside, approvers)
    if not all(export.holds_manifest(keys, report) for export in exports):
        return report
    alone = exports[0] if len(exports) == 1 and heads is None else None
    if alone and (whole := _in_parts(alone, keys, outside, approvers, processes)):
        return whole
    kept = [said for export in exports for said in export.lines(CHECKPOINTS)]
    marks = checked_marks([*kept, *outside], keys, report)
    tree = None if heads is None else _Tree(keys, report, heads)
    _begin_with(exports[0], keys, marks, report)
    batches = Batches((), [said for export in exports for said in export.certificates()], keys)
    approvals = Approvals(approvers, is_whole=exports[0].manifest["first"] == 1)
    for export in exports:
        if not report.holds or not _joins(report, export):
            return report
        _entries_hold(export, report, marks, batches, tree, approvals)
    if report.holds:
        approvals.tell(report)
    if not exports[-1].manifest.get("archive"):
        beyond(report, marks)
        if tree:
            tree.finish()
    for export in exports if report.holds else ():
        _files_hold(export, report)
    return report


def _require_alone(exports: Sequence[_Export], heads: Sequence[bytes] | None) -> None:
    if len(exports) > 1:
        raise Unreadable(phrase("The proof of a send is verified by itself. Give it alone."))
    if heads is not None:
        raise Unreadable(
            phrase("The proof of a send has nothing of the tree: leave out --tree and --head.")
        )


def _begin_with(first: _Export, keys: Keys, marks: Mapping[int, str], report: Report) -> None:
    if first.manifest["first"] > 1 and not first.manifest.get("archive"):
        begin_after(first.lines(SEALS), keys, marks, report)
    else:
        report.head = Head(first.manifest["first"] - 1, first.manifest["before"])


def _entries_hold(
    export: _Export,
    report: Report,
    marks: Mapping[int, str],
    batches: Batches,
    tree: "_Tree | None",
    approvals: Approvals,
) -> None:
    batches.read(export.signatures())
    with export.open(ENTRIES) as file:
        if tree:
            follow(approvals.watching(tree.lines(export, file)), report, marks, batches)
        else:
            follow_file(file, report, marks, batches, approvals.watch)
    _compare(report, export.manifest)
    _all_signed(report, batches)
    if tree and report.holds:
        tree.end(export)


def _all_signed(report: Report, batches: Batches) -> None:
    finding = batches.left()
    if report.holds and finding is not None:
        report.findings.append(finding)
    must_be_signed(report)


def _joins(report: Report, export: _Export) -> bool:
    first, before = export.manifest["first"], export.manifest["before"]
    if (first - 1, before) == (report.head.seq, report.head.hash):
        return True
    after = phrase("after entry {seq}", seq=first - 1) if first > 1 else phrase("with entry 1")
    report.fault(
        first,
        "{file} begins {after}, and what comes before it ends with entry {head}{which}: they "
        "don't join.",
        file=export.path.name,
        after=after,
        head=report.head.seq,
        which=phrase(", which is another one") if first - 1 == report.head.seq else "",
    )
    return False


def _compare(report: Report, manifest: Mapping[str, Any]) -> None:
    last, head = manifest["last"], report.head
    if not report.holds or (head.seq, head.hash) == (last, manifest["head"]):
        return
    if head.seq < last:
        report.fault(
            head.seq + 1,
            "The export ends with entry {head}; by its manifest the last one is {last}.",
            head=head.seq,
            last=last,
        )
    else:
        report.fault(
            last + 1,
            "The export goes on after entry {last}, where by its manifest it ends.",
            last=last,
        )


def _json(text: bytes, name: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise Unreadable(
            phrase("{name} can't be read: {error}.", name=name, error=error)
        ) from error
    if not isinstance(said, dict):
        raise Unreadable(phrase("{name} can't be read: it is no object.", name=name))
    return said


def checkpoints_of(path: Path) -> list[dict[str, Any]]:
    """Read a file of checkpoints, one a line. Raises Unreadable."""
    return [said for said, _end in checkpoints_from(path)]


def checkpoints_from(path: Path, place: int = 0) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the checkpoints of a file from a place in it on, each with the place where its line
    ends. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            file.seek(place)
            for line in file:
                place += len(line)
                if line.strip():
                    yield _json(line, str(path)), place
    except OSError as error:
        raise Unreadable(
            phrase("{path} can't be read: {error}.", path=path, error=error)
        ) from error


# --- A long export, in parts -------------------------------------------------------------------

# A process that follows less than so many bytes of entries is not worth its start.
LEAST_PART = 16 * 1024 * 1024
# So many lines at most are read to find where a batch ends.
_LINES_TO_BORDER = 10_000
_ENTRY, _TOLD = b"entry ", b"told "
_PIPE_BUFFER = 4 * 1024 * 1024
# A part tells the hashes of so many entries. A batch of the next part that was signed after an
# older one is unusual.
_TOLD_ENTRIES = 4096


def _in_parts(
    export: _Export,
    keys: Keys,
    outside: Sequence[Mapping[str, Any]],
    approvers: Approvers | None,
    processes: int,
) -> Report | None:
    """Verify one long export by several processes. Each follows a part of the entries, from a head
    that it takes from the file; then each part has to go on from what the part before ended with.

    Returns a report only if all holds. In any other case, also if a process dies, it is one process
    that says what is wrong, and where.
    """
    parts = _parts_of(export, processes)
    if len(parts) < 2:
        return None
    report = Report()
    marks = checked_marks([*export.lines(CHECKPOINTS), *outside], keys, report)
    _begin_with(export, keys, marks, report)
    if not report.holds or not _joins(report, export):
        return None
    approvals = Approvals(approvers, is_whole=export.manifest["first"] == 1)
    batches_of = partial(_PartOfBatches, certificates=export.certificates(), keys=keys)
    parts[0] = replace(parts[0], head=report.head)
    try:
        if not _parts_join(export, parts, report, marks, batches_of, approvals):
            return None
    except (OSError, MemoryError, Unreadable):
        return None
    _compare(report, export.manifest)
    must_be_signed(report)
    if not report.holds:
        return None
    approvals.tell(report)
    if not export.manifest.get("archive"):
        beyond(report, marks)
    return report if report.holds else None


@dataclass(frozen=True)
class _Part:
    """A part of an export: where its entries and its signatures stand in their files, and which
    entry should come before it."""

    head: Head
    entries: tuple[int, int]
    rows: tuple[int, int]


def _parts_of(export: _Export, processes: int) -> list[_Part]:
    """Cut a plain export into parts that end with a batch. Nothing that is read here is believed.

    Elsewhere than on Linux a process can't be split, so there is one part.
    """
    if export.zip is not None or sys.platform != "linux" or processes < 2:
        return []
    try:
        size = (export.path / ENTRIES).stat().st_size
        rows = (export.path / SIGNATURES).stat().st_size if export.has(SIGNATURES) else 0
        number = min(processes, size // LEAST_PART)
        borders = [_border(export, size * n // number, rows) for n in range(1, number)]
    except (OSError, *_ODD):
        return []
    begins = [(Head(), 0, 0), *borders]
    ends = [(entries, rows_end) for _head, entries, rows_end in borders] + [(size, rows)]
    return [
        _Part(head, (entries, upto), (rows_begin, rows_end))
        for (head, entries, rows_begin), (upto, rows_end) in zip(begins, ends, strict=True)
        if entries < upto
    ]


def _border(export: _Export, place: int, rows: int) -> tuple[Head, int, int]:
    """Return the last entry of a batch that stands after `place`, and where the next entry and its
    signature stand in their files. Raises ValueError if none is near."""
    with (export.path / ENTRIES).open("rb") as file:
        file.seek(place)
        file.readline(LINE_MOST)
        line = file.readline(LINE_MOST)
        seq = json.loads(line)["entry"]["seq"]
        last, row_at = _end_of_batch(export, seq, rows) if rows else (seq, 0)
        if last - seq > _LINES_TO_BORDER:
            raise ValueError("no batch ends near it")
        for _ in range(last - seq):
            line = file.readline(LINE_MOST)
        return Head(last, json.loads(line)["hash"]), file.tell(), row_at


def _end_of_batch(export: _Export, seq: int, size: int) -> tuple[int, int]:
    """Return the last entry of the batch that has the entry `seq`, or `seq` if none has, and where
    the signature of the next one stands. The file with the signatures has `size` bytes."""
    with (export.path / SIGNATURES).open("rb") as file:
        low, high = 0, size
        while high - low > BLOCK:
            file.seek((low + high) // 2)
            file.readline(LINE_MOST)
            at = file.tell()
            if at >= high or json.loads(file.readline(LINE_MOST))["first"] > seq:
                high = (low + high) // 2
            else:
                low = at
        file.seek(low)
        last, at = seq, low
        for line in file:
            row = json.loads(line)
            if row["first"] > seq:
                break
            last, at = max(seq, row["last"]), at + len(line)
        return last, at


class _PartOfBatches(Batches):
    """The batches of a part. What they say of those before it is noted: `met` has the first batch
    of each stream, its number, link and key, and `anchors` the hashes of entries before it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.met: dict[str, tuple[int, str, str]] = {}
        self.anchors: dict[int, str] = {}

    def _of_anchor(self, after: int, digest: str) -> str:
        if 0 < after < self._from.seq and self.anchors.setdefault(after, digest) != digest:
            return phrase("two histories")
        return super()._of_anchor(after, digest)

    def _of_stream(self, stream: str, number: int, prev: str, key: str) -> str:
        if stream not in self._streams:
            self.met[stream] = (number, prev, key)
        return super()._of_stream(stream, number, prev, key)

    def told(self, report: Report, *, is_last: bool) -> dict[str, Any]:
        """Return what was found, and what the parts after this one have to go on from."""
        last = report.head.seq
        first = last if is_last else max(self._from.seq, last - _TOLD_ENTRIES)
        return {
            "followed": report.followed,
            "head": [last, report.head.hash],
            "vouched": report.vouched,
            "signed": report.signed,
            "unsigned": report.unsigned,
            "revoked": report.revoked,
            "met": [*self.met.items()],
            "anchors": [*self.anchors.items()],
            "streams": [
                [name, [stream.number, stream.link, stream.key]]
                for name, stream in self._streams.items()
            ],
            "first": first,
            "hashes": self.hashes.between(first, last),
        }


def _tell_of(
    export: _Export,
    part: _Part,
    report: Report,
    marks: Mapping[int, str],
    batches_of: Callable[[Iterable[_Row]], _PartOfBatches],
    pipe: IO[bytes],
) -> None:
    """Follow a part, and write into `pipe` the entries that may concern approvals, and what it ends
    with; nothing of the latter unless all in the part holds."""
    batches = batches_of(export.signatures(*part.rows))
    is_last = part.entries[1] == (export.path / ENTRIES).stat().st_size
    with export.open_between(ENTRIES, *part.entries) as file:
        follow_file(file, report, marks, batches, lambda e: pipe.write(_ENTRY + e + b"\n"))
    is_usual = len(batches.met) <= STREAMS and batches.left() is None
    if report.holds and is_usual:
        pipe.write(_TOLD + json.dumps(batches.told(report, is_last=is_last)).encode() + b"\n")
    pipe.flush()


def _parts_join(
    export: _Export,
    parts: Sequence[_Part],
    report: Report,
    marks: Mapping[int, str],
    batches_of: Callable[[Iterable[_Row]], _PartOfBatches],
    approvals: Approvals,
) -> bool:
    """Follow the parts, each by a process, and put what they found into the report. Returns whether
    all hold, and each goes on from the one before."""
    with ExitStack() as stack:
        pipes = []
        for part in parts:
            own = Report(head=part.head, signed_from=report.signed_from, foreign=report.foreign)
            tell = partial(_tell_of, export, part, own, marks, batches_of)
            pipes.append(stack.enter_context(_process(tell)))
        _files_hold(export, report)
        joint = _Joint(report)
        return report.holds and all(
            joint.goes_on(part, pipe, approvals) for part, pipe in zip(parts, pipes, strict=True)
        )


@contextmanager
def _process(tell: Callable[[IO[bytes]], object]) -> Iterator[IO[bytes]]:
    """Run `tell` in a process of its own, with a pipe that the caller reads. If it fails, the pipe
    just ends."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            gc.disable()  # it makes many objects, and no cycles
            with os.fdopen(writing, "wb", _PIPE_BUFFER) as pipe:
                tell(pipe)
        finally:
            os._exit(0)  # what matters is in the pipe, or is not
    os.close(writing)
    try:
        with os.fdopen(reading, "rb") as pipe:
            yield pipe
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


class _Joint:
    """What the parts so far ended with, which the next one has to go on from."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._begin, self._streams = report.head.seq, dict[str, list[Any]]()
        self._first, self._hashes = report.head.seq, report.head.hash

    def goes_on(self, part: _Part, pipe: IO[bytes], approvals: Approvals) -> bool:
        """Take the next part. Returns whether all in it holds, and it goes on from here."""
        told: Any = None
        for line in pipe:
            if line.startswith(_ENTRY):
                approvals.watch(line[len(_ENTRY) : -1])
            elif line.startswith(_TOLD) and line.endswith(b"\n"):
                told = json.loads(line[len(_TOLD) :])
        if told is None or part.head != self._report.head or not self._fits(told):
            return False
        report = self._report
        report.head = Head(*told["head"])
        report.followed += told["followed"]
        report.signed += told["signed"]
        report.vouched = told["vouched"] or report.vouched
        report.unsigned = told["unsigned"] or report.unsigned
        report.revoked += told["revoked"]
        self._streams |= dict(told["streams"])
        # Of the last entries the hashes are kept, for anchors of batches to come.
        if told["first"] == part.head.seq:
            whole = self._hashes + told["hashes"][64:]
            self._hashes = whole[-64 * (_TOLD_ENTRIES + 1) :]
        else:
            self._hashes = told["hashes"]
        self._first = report.head.seq - len(self._hashes) // 64 + 1
        return True

    def _fits(self, told: Mapping[str, Any]) -> bool:
        """Return whether the part's batches go on in their streams, after these entries, and by
        keys that were not revoked before."""
        for name, (number, prev, key) in told["met"]:
            known = self._streams.get(name)
            if known is not None and known != [number - 1, prev, key]:
                return False
        gone = {key for key, _seq, _after in self._report.revoked}
        used = {key for _name, (_number, _link, key) in told["streams"]}
        return not gone & used and all(self._has(seq, digest) for seq, digest in told["anchors"])

    def _has(self, seq: int, digest: str) -> bool:
        """Return whether an entry has this hash. What is before the export is not known."""
        at = 64 * (seq - self._first)
        return seq < self._begin or (at >= 0 and self._hashes[at : at + 64] == digest)


# --- The tree ----------------------------------------------------------------------------------

# Entries whose salts have a key in common.
_TILE = 256
_DELIVERIES_KEY = b'"deliveries":['


def _hash(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _derived(key: bytes, words: str) -> bytes:
    return hmac.digest(key, words.encode(), "sha256")


def leaf_of(entry: bytes, digest: bytes, key: bytes) -> bytes:
    """Return the hash of an entry's leaf. `entry` is its canonical form, `digest` its hash, `key`
    the key of its salts."""
    at = entry.rfind(_PREVIOUS)
    said = b'%b,"hash":"%b"%b' % (entry[:at], digest, entry[at:])
    if _DELIVERIES_KEY in entry:
        told = json.loads(entry)
        items = told["data"].pop("deliveries", None) if isinstance(told["data"], dict) else None
        if isinstance(items, list):
            tree = Peaks()
            for number, item in enumerate(items):
                salt = _derived(key, f"item {number}")[:16]
                tree.push(_hash(b"\x00", _hash(salt, _canonical(item))))
            told["data"]["deliveries_root"] = tree.root().hex()
            said = _canonical({**told, "hash": digest.decode()})
    return _hash(b"\x00", _hash(_derived(key, "leaf")[:16], said))


class Peaks:
    """A growing Merkle tree of RFC 6962: the hashes of its complete subtrees, the largest first."""

    def __init__(self, size: int = 0, hashes: Sequence[bytes] = ()) -> None:
        self.size, self.hashes = size, [*hashes]

    def push(self, leaf: bytes) -> None:
        rest = self.size
        while rest & 1:
            leaf = _hash(b"\x01", self.hashes.pop(), leaf)
            rest >>= 1
        self.hashes.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self.hashes:
            return _hash()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = _hash(b"\x01", left, root)
        return root


def goes_on(old: Peaks, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether `path` shows that the tree of `size` leaves with this root begins with `old`
    (RFC 9162, 2.1.4.2)."""
    number, last = old.size - 1, size - 1
    if not 0 <= number < last:
        return (old.size, old.root(), [*path]) == (size, root, [])
    path = [*path] if old.size & number else [old.root(), *path]
    if not path:
        return False
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = _hash(b"\x01", each, before), _hash(b"\x01", each, after)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            after = _hash(b"\x01", after, each)
        number, last = number >> 1, last >> 1
    return (before, after, last) == (old.root(), root, 0)


def head_of(note: bytes, keys: Keys) -> tuple[int, bytes]:
    """Return size and root of a signed head of the tree. Raises Unreadable."""
    try:
        text, _empty, lines = note.decode().rpartition("\n\n")
        origin, size, root = text.split("\n")
        signatures = [line.removeprefix("\u2014 ").split(" ") for line in lines.splitlines()]
        signed = f"{text}\n".encode()
        for name, value in signatures:
            given = base64.b64decode(value, validate=True)
            for raw in keys.raw() if name == origin else ():
                if given[:4] == _hash(f"{name}\n".encode(), b"\x01", raw)[:4]:
                    Ed25519PublicKey.from_public_bytes(raw).verify(given[4:], signed)
                    return int(size), base64.b64decode(root, validate=True)
    except (ValueError, InvalidSignature) as error:
        raise Unreadable(phrase("A head of the tree is damaged, or not signed by it.")) from error
    raise Unreadable(phrase("A head of the tree is not signed by one of the trusted keys."))


class _Tree:
    """Checks the entries of exports, as they are followed, against heads of the tree.

    It begins with the first export that has something of the tree.
    """

    def __init__(self, keys: Keys, report: Report, heads: Sequence[bytes]) -> None:
        self._keys, self._report = keys, report
        self._peaks: Peaks | None = None
        self._roots: dict[int, bytes] = {}
        # The sizes of heads that were kept elsewhere, and were not come by yet.
        self._elsewhere = set[int]()
        for note in heads:
            size, root = head_of(note, keys)
            self._expect(size, root)
            self._elsewhere.add(size)

    def _expect(self, size: int, root: bytes) -> None:
        if self._roots.setdefault(size, root) != root:
            self._report.fault(
                size, "Two signed heads of the tree of {seq} entries contradict each other."
            )

    def lines(self, export: _Export, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the lines unchanged, and add each entry to the tree once the chain has passed it.

        Raises Unreadable.
        """
        if "tree" not in export.manifest:
            if self._peaks is not None:
                self._peaks = None
            yield from lines
            return
        self._begin(export)
        with export.open(LEAF_KEYS) as file:
            keys = self._leaf_keys(file)
            seq = export.manifest["first"] - 1
            for line in lines:
                yield line
                seq += 1
                if seq <= export.manifest["tree"] and self._report.holds:
                    self._add(seq, line, next(keys, None))

    def _begin(self, export: _Export) -> None:
        head, hashes, _path = self._said(export)
        size, one_before = export.manifest["first"] - 1, self._peaks
        if len(hashes) != size.bit_count():
            raise Unreadable(phrase("{name} is not whole.", name=TREE))
        before = Peaks(size, hashes)
        if one_before and one_before.size == size and one_before.root() != before.root():
            self._report.fault(
                size,
                "The tree of {file} does not go on from the one before.",
                file=export.path.name,
            )
        self._peaks = before
        self._expect(*head_of(head.encode(), self._keys))

    def _said(self, export: _Export) -> tuple[str, list[bytes], list[bytes]]:
        """Return the head, the peaks before the first entry, and the path to the head."""
        with export.open(TREE) as file:
            said = _json(file.read(), TREE)
        try:
            before, path = (
                [bytes.fromhex(each) for each in said[name]] for name in ("before", "consistency")
            )
            return str(said["head"]), before, path
        except (KeyError, TypeError, ValueError) as error:
            raise Unreadable(phrase("{name} is not whole.", name=TREE)) from error

    def _leaf_keys(self, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield an entry's number and the key of its salts, in order."""
        for line in lines:
            said = _json(line, LEAF_KEYS)
            try:
                key = bytes.fromhex(said["key"])
                if "seq" in said:
                    yield int(said["seq"]), key
                    continue
                first = int(said["tile"]) * _TILE + 1
            except (KeyError, TypeError, ValueError) as error:
                raise Unreadable(phrase("{name} is not whole.", name=LEAF_KEYS)) from error
            for seq in range(first, first + _TILE):
                yield seq, _derived(key, f"entry {seq}")

    def _add(self, seq: int, line: bytes, found: tuple[int, bytes] | None) -> None:
        if found is None or found[0] != seq or self._peaks is None:
            self._report.fault(seq, "{name} has no key for entry {seq}.", name=LEAF_KEYS)
            return
        digest = line[-_TAIL_SIZE + len(_BEFORE_HASH) : -len(_TAIL)]
        self._peaks.push(leaf_of(line[len(_HEAD) : -_TAIL_SIZE], digest, found[1]))
        expected = self._roots.get(seq)
        if expected is not None and self._peaks.root() != expected:
            self._fork(seq)
        elif expected is not None:
            self._report.treed = seq
            self._elsewhere.discard(seq)

    def _fork(self, seq: int) -> None:
        self._report.fault(
            seq,
            "Entries 1 to {seq} are not those of the signed head of the tree: at least one of "
            "them was changed, put in or removed.",
        )

    def finish(self) -> None:
        """Report the heads kept elsewhere that have more entries than there are.

        Raises Unreadable for those of entries that are not here.
        """
        for size in sorted(self._elsewhere) if self._report.holds else ():
            if size <= self._report.head.seq:
                raise Unreadable(
                    phrase(
                        "The head of {size} entries can't be compared: give all exports, the "
                        "oldest first, that have the tree up to there.",
                        size=size,
                    )
                )
            self._report.fault(
                self._report.head.seq + 1,
                "The ledger ends with entry {last}, and a signed head of the tree has {size} "
                "entries: the newest are gone.",
                last=self._report.head.seq,
                size=size,
            )

    def end(self, export: _Export) -> None:
        """Check that the head goes on from the export's last entry, if it has more entries."""
        size, last = export.manifest.get("tree", 0), export.manifest["last"]
        if size <= last or self._peaks is None:
            return
        _head, _before, path = self._said(export)
        if size in self._roots and goes_on(self._peaks, size, self._roots[size], path):
            self._report.treed = last
        else:
            self._fork(last)


# --- The proof of a send -----------------------------------------------------------------------

# What an entry records once for deliveries that ended together, and what for each of them. The
# proof's files use the same names.
_SHARED = ("chat_server", "method", "visibility")
_EACH = {"interaction": None, "attempts": 0, "reason": "", "reference_id": None, "fault_code": ""}
_OPEN = ("pending", "sending")
# What stands beside an unknown outcome, and changes none.
_RESOLVED = "deliveries.resolved"
_BESIDE = {"deliveries.late_answer", _RESOLVED}
# What an entry says of one piece of evidence, and what it leaves out if it is empty.
_EVIDENCE = ("evidence", "source", "verdict", "looked_in", "line_at", "replaces")
_BY = ("actor_ref", "actor_name")
_ASKED = ("visibility", "nickname", "why")


def verify_proof(
    proof: _Export,
    keys: Keys,
    outside: Sequence[Mapping[str, Any]] = (),
    approvers: Approvers | None = None,
) -> Report:
    """Verify the proof of a send.

    It checks the chain up to a signed checkpoint, and that the entries confirm the request, the
    texts and the outcomes.
    """
    manifest, report = proof.manifest, Report()
    if not proof.holds_manifest(keys, report):
        return report
    report.head = Head(manifest["first"] - 1, manifest["before"])
    try:
        told = _chain_holds(proof, keys, outside, report)
        if report.holds:
            with proof.open(SEND) as file:
                send = _json(file.read(), SEND)
            _request_holds(send, told, report)
            _approvals_hold(proof, send, told, approvers, report)
            _deliveries_hold(send, proof.lines(DELIVERIES), told, report)
    except (KeyError, TypeError, AttributeError, Unreadable):
        # The files are not in the console's form. If one of them was changed, that is a finding,
        # too.
        _files_hold(proof, report)
        if report.holds:
            raise
    else:
        _files_hold(proof, report)
    if not report.holds:
        report.proved = []
    return report


def _files_hold(proof: _Export, report: Report) -> None:
    """Compare the files with the digests in the manifest. Older exports have none."""
    for name, expected in sorted(proof.manifest.get("files", {}).items()):
        with proof.open(name) as file:
            digest = hashlib.sha256()
            while part := file.read(1024 * 1024):
                digest.update(part)
        if digest.hexdigest() != expected:
            report.fault(
                None,
                "{name} is not the one that the console signed: something was changed in it.",
                name=name,
            )


def _chain_holds(
    proof: _Export, keys: Keys, outside: Sequence[Mapping[str, Any]], report: Report
) -> list[dict[str, Any]]:
    """Follow the entries in the file up to a checkpoint, and return those about the send."""
    send, last = proof.manifest["send"], proof.manifest["of_send_to"]
    marks = checked_marks([*proof.lines(CHECKPOINTS), *outside], keys, report)
    told: list[dict[str, Any]] = []
    batches = Batches(proof.signatures(), proof.certificates(), keys)
    with proof.open(ENTRIES) as file:
        follow(_telling_of(send, file, told), report, marks, batches)
    _compare(report, proof.manifest)
    _all_signed(report, batches)
    if report.holds and report.vouched < last:
        report.fault(
            None,
            "No checkpoint in the file vouches for the entries of this send, which go up to "
            "{last}: that they are the ones that were written is not proved.",
            last=last,
        )
    return [entry for entry in told if entry["seq"] <= last]


def _telling_of(send: int, lines: Iterable[bytes], told: list[dict[str, Any]]) -> Iterator[bytes]:
    """Yield the lines unchanged, and append the entries of this send to `told`."""
    end = b'"target_ref":"%d"}' % send
    for line in lines:
        if line[-_TAIL_SIZE - len(end) : -_TAIL_SIZE] == end:
            try:
                entry = json.loads(line)["entry"]
                if entry["target_kind"] == "send":
                    told.append(entry)
            except _ODD:
                pass  # following the chain finds it
        yield line


def _request_holds(
    send: Mapping[str, Any], told: Sequence[Mapping[str, Any]], report: Report
) -> None:
    """Check the request against the send's first entry."""
    created = next((entry for entry in told if entry["action"] == "send.created"), None)
    if created is None:
        report.fault(None, "No entry in the file tells who asked for send {id}.", id=send["id"])
        return
    data, version = created["data"], send["version"]
    said = {
        **{name: (send[name], data[name]) for name in _ASKED},
        "actor_ref": (send["actor_ref"], created["actor_ref"]),
        "actor_name": (send["actor_name"], created["actor_name"]),
        "notice": (version["notice"], data["notice"]),
        "number of the version": (version["number"], data["version"]),
    }
    for name, (here, there) in said.items():
        if here != there:
            report.fault(
                created["seq"],
                "send.json says {here!r} as the {name}; entry {seq} says {there!r}.",
                here=here,
                name=name.replace("_", " "),
                there=there,
            )
    report.prove(
        "Send {id}: {actor_name} ({actor_ref}) asked for it at {at}: notice {notice}, version "
        "{version}, visibility {visibility} (entry {seq}).",
        id=send["id"],
        actor_name=created["actor_name"],
        actor_ref=created["actor_ref"],
        at=created["at"],
        notice=data["notice"],
        version=data["version"],
        visibility=data["visibility"],
        seq=created["seq"],
    )
    _version_holds(version, created, report)
    _say_what_followed(created, told, report)


def _say_what_followed(
    created: Mapping[str, Any], told: Sequence[Mapping[str, Any]], report: Report
) -> None:
    for entry in told:
        if entry["action"].startswith("send.") and entry is not created:
            report.prove(
                "{action} by {actor_name} at {at} (entry {seq}).",
                action=entry["action"],
                actor_name=entry["actor_name"],
                at=entry["at"],
                seq=entry["seq"],
            )


def _version_holds(version: Mapping[str, Any], created: Mapping[str, Any], report: Report) -> None:
    digest = created["data"].get("version_sha256")
    name = phrase(
        "version {number} of {notice}", number=version["number"], notice=version["notice"]
    )
    if digest is None:
        report.prove(
            "Not proved: the words of {name}. The entry has no digest of them, which older "
            "ones lack; the console signs them as what it has now.",
            name=name,
        )
    elif digest != hashlib.sha256(_canonical(version)).hexdigest():
        report.fault(
            created["seq"],
            "The words, the author or the reviewer of {name} in send.json are not those whose "
            "digest stands in entry {seq}.",
            name=name,
        )
    else:
        report.prove(
            "The words of {name} are the ones that were sent; {author_name} wrote and "
            "{reviewer_name} reviewed them.",
            name=name,
            author_name=version["author_name"],
            reviewer_name=version["reviewer_name"],
        )


def _approvals_hold(
    proof: _Export,
    send: Mapping[str, Any],
    told: Sequence[Mapping[str, Any]],
    approvers: Approvers | None,
    report: Report,
) -> None:
    """Check who approved the version and released the send, and by what."""
    _approver_holds(send, told, report)
    if APPROVED not in proof.manifest["files"]:
        report.prove("Not proved: how the version was approved. Older proofs do not tell it.")
        return
    entries = _shown_entries(proof, report)
    released = [entry for entry in told if entry["action"] == "send.approved"]
    approvals = Approvals(approvers, is_whole=not proof.manifest.get("sealed"))
    both = sorted([*entries, *released], key=lambda entry: int(entry["seq"]))
    _follow_approvals(approvals, both, report)
    created = next(entry for entry in told if entry["action"] == "send.created")
    for entry in released:
        _release_is_of(created, entry, report)
    if approvals.counts["unknown_key"]:
        report.prove(
            "Not proved: whose security key signed. The entries that say so may be in an archive: "
            "the ledger begins here after entry {sealed}.",
            sealed=proof.manifest["sealed"],
        )
    for version in _versions_in(send["version"]):
        _approval_is_of(version, entries, report)
    covered = _covered(proof)
    earlier = sorted(entry["seq"] for entry in entries if entry["seq"] not in covered)
    if earlier:
        report.prove(
            "Not proved by this file alone: that entries {earlier} stand in the ledger. They are "
            "older than the chain in it; an export of the ledger has them.",
            earlier=", ".join(map(str, earlier)),
        )


def _covered(proof: _Export) -> range:
    return range(proof.manifest["first"], proof.manifest["last"] + 1)


def _shown_entries(proof: _Export, report: Report) -> list[dict[str, Any]]:
    """Return the entries about approvals. Those that the chain in the file has, too, have to be
    the same there."""
    shown: dict[int, bytes] = {}
    entries = []
    with proof.open(APPROVED) as file:
        for line in file:
            entry = _json(line, APPROVED)["entry"]
            if line != export_line(
                _canonical(entry), hashlib.sha256(_canonical(entry)).hexdigest()
            ):
                report.fault(
                    entry["seq"],
                    "Entry {seq} in approvals.jsonl was changed: what it says is not what its hash "
                    "was made of.",
                )
            shown[entry["seq"]] = line
            entries.append(entry)
    covered = _covered(proof)
    if any(seq in covered for seq in shown):
        with proof.open(ENTRIES) as file:
            for seq, line in zip(covered, file, strict=False):
                if seq in shown and shown[seq] != line:
                    report.fault(seq, "Entry {seq} in approvals.jsonl is not the ledger's.")
    return entries


def _approver_holds(
    send: Mapping[str, Any], told: Sequence[Mapping[str, Any]], report: Report
) -> None:
    """Check who released the send by what its entries say. Another time withdraws an approval."""
    there, seq = ("", ""), None
    for entry in told:
        if entry["action"] == "send.approved":
            there, seq = (entry["actor_ref"], entry["actor_name"]), entry["seq"]
        elif entry["data"].get("approval") == "voided":
            there, seq = ("", ""), entry["seq"]
    here = (send["approved_by_ref"], send["approved_by_name"])
    if here != there:
        report.fault(
            seq,
            "send.json says that {here!r} approved the send; the entries say {there!r}.",
            here=" ".join(here),
            there=" ".join(there),
        )


def _say_how(entry: Mapping[str, Any], *, is_signed: bool, report: Report) -> None:
    names = {
        "kind": APPROVALS[entry["action"]],
        "what": f"{entry['target_name']} ({entry['target_ref']})",
        "actor_name": entry["actor_name"],
        "actor_ref": entry["actor_ref"],
        "seq": entry["seq"],
    }
    approval = entry["data"].get("confirmation")
    if is_signed:
        public = from_web(approval["assertion"]["public_key"])
        report.prove(
            "Approval of the {kind} {what}: signed by {actor_name} ({actor_ref}) with the security "
            "key {fingerprint} (entry {seq}).",
            fingerprint=key_fingerprint(public),
            **names,
        )
    elif approval is not None:
        report.prove(
            "Approval of the {kind} {what}: by {actor_name} ({actor_ref}), of the grade {grade} "
            "(entry {seq}). That it was they, the console alone says.",
            grade=approval["grade"],
            **names,
        )
    else:
        report.prove(
            "Approval of the {kind} {what}: by {actor_name} ({actor_ref}), as the console says "
            "(entry {seq}). How it was confirmed is not in it.",
            **names,
        )


def _release_is_of(created: Mapping[str, Any], approved: Mapping[str, Any], report: Report) -> None:
    """Check that the send which an approver's key signed is the one that was asked for."""
    also = approved["data"].get("confirmation", {}).get("also", {})
    for name, signed in also.items():
        if name in created["data"] and created["data"][name] != signed:
            report.fault(
                approved["seq"],
                "The approver signed {signed!r} as the {name} (entry {seq}), and entry {created} "
                "says {asked!r}.",
                signed=signed,
                name=name,
                created=created["seq"],
                asked=created["data"][name],
            )


def _versions_in(version: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the version and those of the snippets in it."""
    yield version
    for snippet in version.get("snippets", []):
        yield from _versions_in(snippet)


def _approval_is_of(
    version: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], report: Report
) -> None:
    """Check that a version in the file is the one that was approved, by its reviewer."""
    ref = f"{version['notice']}/{version['number']}"
    found = [e for e in entries if (e["action"], e["target_ref"]) == ("version.approved", ref)]
    if not found:
        report.prove(
            "Not proved: how version {ref} was approved. No entry of that is in the file.", ref=ref
        )
        return
    data = {**found[-1]["data"], **found[-1]["data"].get("confirmation", {}).get("also", {})}
    here = {
        "reviewer_ref": found[-1]["actor_ref"],
        "reviewer_name": found[-1]["actor_name"],
        **data,
    }
    for name in ("reviewer_ref", "reviewer_name", *_WORDS):
        if name in here and here[name] != version.get(name, here[name]):
            report.fault(
                found[-1]["seq"],
                "The {name} of version {ref} in the file is not what was approved (entry {seq}).",
                name=name,
                ref=ref,
            )


# What the digest of a version and the entry of its approval both have.
_WORDS = ("default_locale", "bodies", "message_type", "notice_class", "fields")


def _deliveries_hold(
    send: Mapping[str, Any],
    deliveries: Sequence[Mapping[str, Any]],
    told: Sequence[Mapping[str, Any]],
    report: Report,
) -> None:
    """Check each delivery's outcome and text digest against the entries."""
    ended = {
        item["id"]: (entry, item)
        for entry in told
        if entry["action"].startswith("deliveries.") and entry["action"] not in _BESIDE
        for item in entry["data"]["deliveries"]
    }
    counts = dict.fromkeys(("outcomes", "texts", "erased", "open"), 0)
    for delivery in deliveries:
        known = ended.pop(delivery["id"], None)
        if known is not None:
            _outcome_holds(send, delivery, *known, report, counts)
        elif delivery["status"] in _OPEN:
            counts["open"] += 1
        else:
            report.fault(
                None,
                "Delivery {id} is said to be {status}, and no entry in the file tells of its end.",
                id=delivery["id"],
                status=delivery["status"],
            )
    for pk, (entry, _item) in ended.items():
        report.fault(
            entry["seq"],
            "Entry {seq} tells of delivery {pk}, which is not in deliveries.jsonl.",
            pk=pk,
        )
    _targets_hold(deliveries, told, report)
    _say_of_deliveries(len(deliveries), counts, report)
    _evidence_holds(deliveries, told, report)


def _evidence_holds(
    deliveries: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]], report: Report
) -> None:
    """Check that the evidence of unknown deliveries, and what stands by it, is what entries say."""
    entries: dict[int, list[tuple[int, Mapping[str, Any]]]] = {}
    for entry in told:
        for item in entry["data"]["deliveries"] if entry["action"] == _RESOLVED else ():
            by = {name: entry[name] for name in _BY}
            entries.setdefault(item["id"], []).append((entry["seq"], {**item, **by}))
    resolved = dict.fromkeys(("delivered", "not_delivered", "contested"), 0)
    unknown = 0
    for delivery in deliveries:
        unknown += delivery["status"] == "unknown"
        known = entries.pop(delivery["id"], [])
        _one_evidence_holds(delivery, known, report)
        if known and known[-1][1]["resolution"]:
            resolved[known[-1][1]["resolution"]] += 1
            resolved["contested"] += known[-1][1].get("contested", False)
    for pk, ((seq, _item), *_others) in entries.items():
        report.fault(
            seq, "Entry {seq} tells of delivery {pk}, which is not in deliveries.jsonl.", pk=pk
        )
    if unknown:
        report.prove(
            "Unknown: {unknown:,}. By evidence that came later {delivered:,} of them were "
            "delivered and {not_delivered:,} were not; of {contested:,} the evidence differs. The "
            "entries tell who said so. Whether they are right can't be proved.",
            unknown=unknown,
            **resolved,
        )


def _one_evidence_holds(
    delivery: Mapping[str, Any], known: Sequence[tuple[int, Mapping[str, Any]]], report: Report
) -> None:
    pk, here = delivery["id"], delivery.get("evidence", [])
    names = (*_EVIDENCE, *_BY)
    there = [{name: item[name] for name in names if name in item} for _seq, item in known]
    if there != [{name: each[name] for name in names if name in each} for each in here]:
        report.fault(
            known[-1][0] if known else None,
            "The evidence of delivery {pk} in deliveries.jsonl is not what the entries tell.",
            pk=pk,
        )
        return
    stands = known[-1][1]["resolution"] if known else ""
    if delivery.get("resolution", "") != stands:
        report.fault(
            known[-1][0] if known else None,
            "Delivery {pk} is said to be resolved as {here!r}, and the entries say {there!r}.",
            pk=pk,
            here=delivery.get("resolution", ""),
            there=stands,
        )
    for (seq, item), each in zip(known, here, strict=True):
        remark = f"{each.get('salt', '')}:{each.get('remark', '')}"
        digest = hashlib.sha256(remark.encode()).hexdigest()
        if each.get("remark") and digest != item.get("remark_sha256"):
            report.fault(
                seq,
                "A remark on delivery {pk} is not the one whose digest stands in entry {seq}.",
                pk=pk,
            )


def _targets_hold(
    deliveries: Sequence[Mapping[str, Any]], told: Sequence[Mapping[str, Any]], report: Report
) -> None:
    created = next((entry for entry in told if entry["action"] == "send.created"), None)
    chats = sorted(str(delivery["interaction"]) for delivery in deliveries)
    if created is not None and created["data"]["targets_sha256"] != _targets_digest(chats):
        report.fault(
            created["seq"],
            "The chats in deliveries.jsonl are not those that were chosen (entry {seq}): one "
            "is missing, was added or is another one.",
        )


def _outcome_holds(
    send: Mapping[str, Any],
    delivery: Mapping[str, Any],
    entry: Mapping[str, Any],
    item: Mapping[str, Any],
    report: Report,
    counts: dict[str, int],
) -> None:
    pk, seq, data = delivery["id"], entry["seq"], entry["data"]
    here = {**delivery, "visibility": send["visibility"]}
    there = {
        "status": entry["action"].removeprefix("deliveries."),
        **{name: data[name] for name in _SHARED},
        **{name: item.get(name, default) for name, default in _EACH.items()},
    }
    if there["status"] in ("skipped", "failed") and there["attempts"] == here["attempts"] + 1:
        # Older consoles counted an attempt that they were about to make, and then did not make.
        there["attempts"] -= 1
    wrong = [name for name, value in there.items() if here.get(name) != value]
    for name in wrong:
        report.fault(
            seq,
            "Delivery {pk}: deliveries.jsonl says {here!r} as its {name}, entry {seq} says "
            "{there!r}.",
            pk=pk,
            here=here.get(name),
            name=name,
            there=there[name],
        )
    counts["outcomes"] += not wrong
    _text_holds(delivery, seq, item, report, counts)


def _text_holds(
    delivery: Mapping[str, Any],
    seq: int,
    item: Mapping[str, Any],
    report: Report,
    counts: dict[str, int],
) -> None:
    pk = delivery["id"]
    if delivery["erased_at"]:
        counts["erased"] += 1
    elif "text_sha256" in item:
        text = f"{delivery['salt']}:{delivery['text']}"
        if hashlib.sha256(text.encode()).hexdigest() != item["text_sha256"]:
            report.fault(
                seq,
                "The text of delivery {pk} is not the one whose digest stands in entry {seq}.",
                pk=pk,
            )
        else:
            counts["texts"] += 1
    elif delivery["text"]:
        report.fault(seq, "Delivery {pk} has a text, and entry {seq} tells of none.", pk=pk)


def _say_of_deliveries(total: int, counts: Mapping[str, int], report: Report) -> None:
    report.prove(
        "Deliveries: {total:,} in the file. {outcomes:,} ended as the entries tell, and "
        "{texts:,} have the exact text whose digest stands there.",
        total=total,
        outcomes=counts["outcomes"],
        texts=counts["texts"],
    )
    if counts["erased"]:
        report.prove(
            "Not proved: the texts of {erased:,} deliveries, which were erased. Their digests "
            "stand in the entries, and nothing can be compared with them any more.",
            erased=counts["erased"],
        )
    if counts["open"]:
        report.prove(
            "Not proved: anything of {open:,} deliveries that had not ended yet.",
            open=counts["open"],
        )
    report.prove(
        "Delivered means that Chat Server confirmed it. That somebody read it can't be "
        "proved. Entries of other things are there because the chain needs them."
    )


def _targets_digest(chats: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([chats]).encode()).hexdigest()


# --- The proof of one delivery -----------------------------------------------------------------
# docs/proof-format.md has the bytes.

_PROOF_MOST = 5 * 1024 * 1024
_PROOF_KEYS = {
    *("format", "kind", "delivery", "send", "made_at", "head", "hashes", "entries", "version"),
    *("key_id", "signature"),
}
_ENTRY_KEYS = {"seq", "leaf", "salt", "path"}
_LEAF_KEYS = {
    *("action", "actor_name", "actor_ref", "at", "data", "hash", "prev_hash", "seq"),
    *("target_kind", "target_name", "target_ref"),
}
_ITEM_KEYS = {"index", "of", "said", "salt", "path"}
_OUTCOMES = {
    f"deliveries.{status}" for status in ("delivered", "failed", "unknown", "skipped", "cancelled")
}
_LOG_KEY, _WITNESS_KEY = b"\x01", b"\x04"
# Of a cosignature, in seconds since 1970.
_YEAR_10000, _LATEST = 253_402_300_800, 2**63 - 1


class _Broken(Exception):
    """What does not hold in a proof of one delivery: the words are the finding's."""

    def __init__(self, template: str, /, **params: Any) -> None:
        super().__init__(template)
        self.sentence = phrase(template, **params)


@dataclass(frozen=True)
class Witness:
    """A witness's public key, under its name."""

    name: str
    key: Ed25519PublicKey
    id: bytes


def witness_of(vkey: str) -> Witness:
    """Read a witness's key, `name+id+key`. Raises Unreadable."""
    try:
        name, digits, key = vkey.strip().split("+", 2)
        raw = base64.b64decode(key, validate=True)
        found = _note_key_id(name, raw[:1], raw[1:])
        if raw[:1] != _WITNESS_KEY or found.hex() != digits or not name:
            raise ValueError
        return Witness(name, Ed25519PublicKey.from_public_bytes(raw[1:]), found)
    except ValueError as error:
        raise Unreadable(
            phrase(
                "{vkey!r} is no witness's key. Give the line that the witness's program prints: "
                "name+id+key.",
                vkey=vkey,
            )
        ) from error


def verify_delivery(
    path: Path,
    keys: Keys,
    witnesses: Sequence[Witness] = (),
    quorum: int = 0,
    approvers: Approvers | None = None,
) -> Report:
    """Verify the proof of one delivery; with `quorum`, also that so many of these witnesses
    cosigned. `approvers` are as in Approvals. Raises Unreadable."""
    if path.stat().st_size > _PROOF_MOST:
        raise Unreadable(phrase("{path} is too long for the proof of a delivery.", path=path))
    return verify_delivery_bytes(path.read_bytes(), keys, witnesses, quorum, approvers)


def verify_delivery_bytes(
    data: bytes,
    keys: Keys,
    witnesses: Sequence[Witness] = (),
    quorum: int = 0,
    approvers: Approvers | None = None,
) -> Report:
    """Verify the content of such a file."""
    report = Report()
    try:
        said = _proof_said(data)
        if complaint := keys.complaint("delivery", said):
            raise _Broken("The proof is not the console's: {complaint}.", complaint=complaint)
        size, root = _head_holds(said["head"], keys, witnesses, quorum, report)
        entries = [_entry_holds(each, said, size, root) for each in said["entries"]]
        _delivery_holds(said, entries, report)
        _its_approvals_hold(said, entries, approvers, report)
        if "timestamp" in said:
            report.prove(
                "Not proved here: the time stamp of the head, of RFC 3161. Whoever has the "
                "authority's certificate checks it with openssl ts -verify."
            )
    except _Broken as broken_by:
        report.findings.append(Finding(None, broken_by.sentence))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
        report.fault(None, "The file is not in the form of a proof of one delivery.")
    if not report.holds:
        report.proved = []
    return report


def _proof_said(data: bytes) -> dict[str, Any]:
    said = json.loads(data, parse_float=_refuse_number, parse_constant=_refuse_number)
    if _canonical(said) + b"\n" != data:
        raise _Broken("The file is not in canonical form: something was changed in it.")
    more = {"text", "text_salt"} if "text" in said else set()
    more |= {"timestamp"} if "timestamp" in said else set()
    if said.keys() != _PROOF_KEYS | more or (said["format"], said["kind"]) != (1, "delivery"):
        raise _Broken("The file is not a proof of one delivery in the format that this reads.")
    if not all(type(said[name]) is int for name in ("format", "delivery", "send")):
        raise _Broken("The file is not a proof of one delivery in the format that this reads.")
    datetime.strptime(said["made_at"], "%Y-%m-%dT%H:%M:%S.%fZ")
    parts = [*said["entries"], *(each["item"] for each in said["entries"] if "item" in each)]
    used = {place for each in parts for place in each["path"]}
    if len(set(said["hashes"])) != len(said["hashes"]) or used != {*range(len(said["hashes"]))}:
        raise _Broken("The file has a hash twice, or one that no path leads over.")
    for text in [*said["hashes"], *([said["timestamp"]] if "timestamp" in said else [])]:
        if not text or base64.b64encode(_decoded(text)).decode() != text:
            raise ValueError(text)
    return dict(said)


def _refuse_number(text: str) -> object:
    raise ValueError(text)


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _salt(text: str) -> bytes:
    salt = bytes.fromhex(text)
    if salt.hex() != text or len(salt) != 16:
        raise ValueError(text)
    return salt


def _note_key_id(name: str, kind: bytes, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + public).digest()[:4]


def _head_holds(
    note: str, keys: Keys, witnesses: Sequence[Witness], quorum: int, report: Report
) -> tuple[int, bytes]:
    """Check the signed head of the tree, and return its size and root."""
    text, _blank, lines = note.partition("\n\n")
    text += "\n"
    origin, size, root, *_extensions = text.split("\n")
    if not lines.endswith("\n") or str(int(size)) != size:
        raise _Broken("The head of the tree is no signed note.")
    signatures = [_note_signature(line) for line in lines[:-1].split("\n")]
    if not any(_is_logs(each, origin, text, keys) for each in signatures):
        raise _Broken("The console has not signed the head of the tree.")
    seen = {name: at for each in signatures for name, at in _cosigned(each, text, witnesses)}
    if len(seen) < quorum:
        raise _Broken(
            "{number} of these witnesses cosigned the head of the tree, and {quorum} are needed.",
            number=len(seen),
            quorum=quorum,
        )
    report.prove(
        "The entries are in the tree {origin} of {size:,} entries, whose head the console signed.",
        origin=origin,
        size=int(size),
    )
    for name, at in sorted(seen.items()):
        when = datetime.fromtimestamp(at, UTC).isoformat() if at < _YEAR_10000 else _second(at)
        report.prove("The witness {name} cosigned this head at {when}.", name=name, when=when)
    if not seen:
        report.prove(
            "Not proved: that the console showed nobody another tree. No witness is given."
        )
    return int(size), base64.b64decode(root, validate=True)


def _second(at: int) -> str:
    return phrase("second {at} since 1970", at=at)


def _note_signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, value = line.split(" ")
    raw = base64.b64decode(value, validate=True)
    if dash != "\u2014" or not name or len(raw) <= 4:
        raise ValueError(line)
    return name, raw[:4], raw[4:]


def _is_logs(signature: tuple[str, bytes, bytes], origin: str, text: str, keys: Keys) -> bool:
    name, number, value = signature
    for raw in keys.raw():
        if name == origin and number == _note_key_id(origin, _LOG_KEY, raw):
            if _is_by(Ed25519PublicKey.from_public_bytes(raw), value, text.encode()):
                return True
            raise _Broken("The console's signature of the head of the tree does not fit it.")
    return False


def _cosigned(
    signature: tuple[str, bytes, bytes], text: str, witnesses: Sequence[Witness]
) -> Iterator[tuple[str, int]]:
    name, number, value = signature
    for witness in witnesses:
        if (name, number) == (witness.name, witness.id):
            at = int.from_bytes(value[:8], "big")
            signed = f"cosignature/v1\ntime {at}\n{text}".encode()
            if at > _LATEST or not _is_by(witness.key, value[8:], signed):
                raise _Broken("The cosignature of {name} does not fit the head.", name=name)
            yield name, at


def _is_by(key: Ed25519PublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed)
    except InvalidSignature:
        return False
    return True


def _entry_holds(
    said: Mapping[str, Any], proof: Mapping[str, Any], size: int, root: bytes
) -> dict[str, Any]:
    """Check that an entry is in the tree. Return what it says, with `item` if it has one."""
    seq, leaf = said["seq"], _one_reading(said["leaf"])
    if said.keys() != _ENTRY_KEYS | ({"item"} if "item" in said else set()) or leaf["seq"] != seq:
        raise ValueError(seq)
    if leaf.keys() != _LEAF_KEYS or type(seq) is not int:
        raise ValueError(seq)
    if not _is_in(said, said["leaf"], seq - 1, size, root, proof["hashes"]):
        raise _Broken("Entry {seq} in the file is not the one in the tree.", seq=seq)
    if ("item" in said) != ("deliveries_root" in leaf["data"]):
        raise ValueError(seq)
    if "item" not in said:
        return dict(leaf)
    item = said["item"]
    if item.keys() != _ITEM_KEYS:
        raise ValueError(seq)
    inner = bytes.fromhex(leaf["data"]["deliveries_root"])
    if not _is_in(item, item["said"], item["index"], item["of"], inner, proof["hashes"]):
        raise _Broken("What entry {seq} says of the delivery is not what is in the tree.", seq=seq)
    return {**leaf, "item": _one_reading(item["said"])}


def _one_reading(text: str) -> Any:
    """Read canonical JSON. Raises ValueError for any other form: of a name that stands there twice
    some would read the first value, and some the last."""
    said = json.loads(text, parse_float=_refuse_number, parse_constant=_refuse_number)
    if _canonical(said) != text.encode():
        raise ValueError(text)
    return said


def _is_in(
    said: Mapping[str, Any], text: str, index: int, size: int, root: bytes, hashes: Sequence[str]
) -> bool:
    """Follow a path from a leaf to the root of a tree (RFC 9162, 2.1.3.2)."""
    salt = _salt(said["salt"])
    if not (type(index) is int and type(size) is int and 0 <= index < size):
        return False
    data = hashlib.sha256(salt + text.encode()).digest()
    found = hashlib.sha256(b"\0" + data).digest()
    last = size - 1
    for place in said["path"]:
        if type(place) is not int or place < 0 or last == 0:
            return False
        other = _decoded(hashes[place])
        if index & 1 or index == last:
            found = hashlib.sha256(b"\1" + other + found).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + other).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and found == root


def _delivery_holds(
    said: Mapping[str, Any], entries: Sequence[dict[str, Any]], report: Report
) -> None:
    """Check that the entries tell of this delivery, and say what they prove."""
    send, delivery = str(said["send"]), said["delivery"]
    if [each["seq"] for each in entries] != sorted({each["seq"] for each in entries}):
        raise ValueError(send)
    for each in entries:
        kind, _dot, rest = each["action"].partition(".")
        is_of_send = (each["target_kind"], each["target_ref"]) == ("send", send)
        if (
            not rest
            or kind not in ("send", "deliveries", "version")
            or (kind != "version") != is_of_send
        ):
            raise _Broken("Entry {seq} is of something else.", seq=each["seq"])
        if (kind == "deliveries") != ("item" in each) or (
            "item" in each and each["item"]["id"] != delivery
        ):
            raise _Broken("Entry {seq} tells of another delivery.", seq=each["seq"])
    created = _only(entries, {"send.created"}, "tells who asked for the delivery")
    ended = _only(entries, _OUTCOMES, "tells how the delivery ended")
    _say_request(said, created, report)
    version = ("version", "{notice}/{version}".format(**created["data"]))
    for each in entries:
        is_of_version = (each["target_kind"], each["target_ref"]) == version
        if each["action"].startswith("version.") and not is_of_version:
            raise _Broken("Entry {seq} is of another version.", seq=each["seq"])
    for each in entries:
        if each["action"].startswith(("send.", "version.")) and each is not created:
            report.prove(
                "{action} ({target}) by {actor_name} ({actor_ref}) at {at} (entry {seq}).",
                target=each["target_name"],
                **{name: each[name] for name in ("action", "actor_name", "actor_ref", "at", "seq")},
            )
    _say_outcome(said, ended, report)
    for each in entries:
        if each["action"] in _BESIDE:
            report.prove(
                "{action} at {at} (entry {seq}): {said}.",
                **{name: each[name] for name in ("action", "at", "seq")},
                said=json.dumps(each["item"], sort_keys=True, ensure_ascii=False),
            )


def _its_approvals_hold(
    said: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    approvers: Approvers | None,
    report: Report,
) -> None:
    """Check the approvals among the entries. Which rule was in force, and whose security key one
    is, other entries say, which the file has not."""
    approvals = Approvals(approvers, is_whole=False)
    _follow_approvals(approvals, entries, report)
    created = _only(entries, {"send.created"}, "tells who asked for the delivery")
    for entry in entries:
        if entry["action"] == "send.approved":
            _release_is_of(created, entry, report)
    for version in _versions_in(json.loads(said["version"])):
        _approval_is_of(version, entries, report)
    if approvals.counts["weaker"] or approvals.counts["unmarked"]:
        report.prove(
            "Not proved: that it was these persons who approved, where no security key signed."
        )
    if approvals.counts[BY_KEY] > approvals.pinned:
        report.prove(
            "Not proved: whose the security keys are that signed. Give --approver with what the "
            "approvers told you."
        )


def _follow_approvals(
    approvals: Approvals, entries: Iterable[Mapping[str, Any]], report: Report
) -> None:
    """Take the entries, and say of each approval by what it was confirmed."""
    for entry in entries:
        before = len(approvals.findings), approvals.counts[BY_KEY]
        approvals.take(entry)
        if is_approval(entry) and len(approvals.findings) == before[0]:
            _say_how(entry, is_signed=approvals.counts[BY_KEY] > before[1], report=report)
    report.findings += approvals.findings


def _only(entries: Sequence[Mapping[str, Any]], actions: set[str], words: str) -> Mapping[str, Any]:
    found = [each for each in entries if each["action"] in actions]
    if len(found) != 1:
        raise _Broken("{number} entries in the file {words}.", number=len(found), words=words)
    return found[0]


def _say_request(said: Mapping[str, Any], created: Mapping[str, Any], report: Report) -> None:
    data = created["data"]
    report.prove(
        "Delivery {delivery}: {actor_name} ({actor_ref}) asked for it at {at}, with send {send}: "
        "notice {notice}, version {version}, visibility {visibility} (entry {seq}).",
        delivery=said["delivery"],
        send=said["send"],
        **{name: created[name] for name in ("actor_name", "actor_ref", "at", "seq")},
        **{name: data[name] for name in ("notice", "version", "visibility")},
    )
    digest = hashlib.sha256(said["version"].encode()).hexdigest()
    version = _one_reading(said["version"])
    if digest != data.get("version_sha256") or (version["notice"], version["number"]) != (
        data["notice"],
        data["version"],
    ):
        raise _Broken(
            "The version in the file is not the one whose digest stands in entry {seq}.",
            seq=created["seq"],
        )
    report.prove(
        "{author_name} wrote this version, and {reviewer_name} reviewed it.",
        author_name=version["author_name"],
        reviewer_name=version["reviewer_name"],
    )


def _say_outcome(said: Mapping[str, Any], ended: Mapping[str, Any], report: Report) -> None:
    item, status = ended["item"], ended["action"].removeprefix("deliveries.")
    report.prove(
        "The delivery to the chat {interaction} ended as {status} at {at} (entry {seq}).",
        interaction=item["interaction"],
        status=status,
        at=ended["at"],
        seq=ended["seq"],
    )
    if "text" not in said:
        report.prove("Not proved: the text. There is none, or it was erased.")
        return
    digest = hashlib.sha256(f"{said['text_salt']}:{said['text']}".encode()).hexdigest()
    if digest != item.get("text_sha256"):
        raise _Broken(
            "The text in the file is not the one whose digest stands in entry {seq}.",
            seq=ended["seq"],
        )
    report.prove("The text was exactly: {text}", text=said["text"])


def approvers_of(texts: Iterable[str]) -> dict[str, set[str]]:
    """Read fingerprints of persons' security keys, each as REF=FINGERPRINT. Raises Unreadable."""
    found: dict[str, set[str]] = {}
    for text in texts:
        ref, _equals, fingerprint = text.partition("=")
        plain = fingerprint.replace(" ", "").lower()
        if not ref or len(plain) != 64 or set(plain) - set("0123456789abcdef"):
            raise Unreadable(
                phrase(
                    "{text!r} is no person's key. Give a reference and a fingerprint of 64 "
                    "digits, such as user:12=0af3…, as the person's account shows them.",
                    text=text,
                )
            )
        found.setdefault(ref, set()).add(plain)
    return found


# --- Sentences ---------------------------------------------------------------------------------


def sentences(report: Report) -> Iterator[str]:
    """Yield what was proved, and what was not."""
    for finding in report.findings:
        yield finding.sentence
    yield from report.proved
    for seal in report.sealed:
        yield phrase(
            "Entries {first:,} to {last:,} are not here but in the file {file} (SHA-256 "
            "{sha256}), sealed at {at}. Verify it with this, before it, to prove them, too.",
            first=seal["first"],
            last=seal["last"],
            file=seal["file"],
            sha256=seal["sha256"],
            at=seal["at"],
        )
    if report.followed:
        first = report.head.seq - report.followed + 1
        yield phrase(
            "Followed {followed:,} entries, {first:,} to {head:,}: each is what its hash was "
            "made of, and each follows the one before.",
            followed=report.followed,
            first=first,
            head=report.head.seq,
        )
    yield from _of_signatures(report)
    yield from _vouched_for(report)
    if report.holds and report.vouched < report.head.seq:
        yield phrase(
            "For entries {next:,} to {head:,} no checkpoint vouches yet: that they are the "
            "ones that were written is not proved, and newer ones may be missing.",
            next=report.vouched + 1,
            head=report.head.seq,
        )
    yield "HOLDS" if report.holds else "DOES NOT HOLD"


def _of_signatures(report: Report) -> Iterator[str]:
    if report.signed:
        yield phrase(
            "Processes of the console signed {signed:,} of them, with keys that the audit key "
            "certified.",
            signed=report.signed,
        )
    if report.followed and report.unsigned:
        yield phrase(
            "Entries up to {unsigned:,} are of before processes signed: for them only the chain "
            "and the checkpoints speak.",
            unsigned=report.unsigned,
        )
    for key, seq, since in report.revoked:
        yield phrase(
            "The key {key} was revoked by entry {seq}: what it signed after entry {since} may be "
            "somebody else's.",
            key=key,
            seq=seq,
            since=since,
        )
    for begin, end in report.foreign:
        yield phrase(
            "Entries {begin} to {end} are nobody's of the console, as its operator has said: "
            "believe nothing of them.",
            begin=begin,
            end=end,
        )


def _vouched_for(report: Report) -> Iterator[str]:
    if report.vouched:
        yield phrase(
            "Up to entry {vouched:,} a signed checkpoint vouches for it: nothing of that was "
            "changed, removed or put in since.",
            vouched=report.vouched,
        )
    if report.treed:
        yield phrase(
            "Up to entry {treed:,} it is in the tree, as its signed head says: whoever has seen "
            "that head, or an earlier one, can prove any other history false.",
            treed=report.treed,
        )


def _verify(options: argparse.Namespace) -> Report:
    keys, paths = Keys(options.key), options.exports
    is_delivery = len(paths) == 1 and paths[0].suffix == ".json"
    _require_fitting(options, is_delivery=is_delivery)
    if is_delivery:
        witnesses = [witness_of(text) for text in options.witness]
        approvers = approvers_of(options.approver)
        return verify_delivery(paths[0], keys, witnesses, options.quorum, approvers)
    outside = checkpoints_of(options.checkpoints) if options.checkpoints else []
    heads = [path.read_bytes() for path in options.head or ()]
    approvers = approvers_of(options.approver)
    tree = heads if heads or options.tree else None
    return verify_exports(paths, keys, outside, tree, approvers, options.processes)


def _require_fitting(options: argparse.Namespace, *, is_delivery: bool) -> None:
    """Raise Unreadable for what would be passed over: whoever asks for it must not believe that it
    was checked."""
    if is_delivery and (options.checkpoints or options.tree or options.head):
        raise Unreadable(
            phrase(
                "The proof of a delivery has its own head of the tree, and no chain: leave out "
                "--checkpoints, --tree and --head. Witnesses say whether others have seen its head."
            )
        )
    if not is_delivery and (options.witness or options.quorum):
        raise Unreadable(
            phrase(
                "Only the proof of a delivery has cosignatures: leave out --witness and --quorum. "
                "With --head an export is compared with what a witness has."
            )
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m console.audit.verify", description="Verifies an export of the ledger."
    )
    parser.add_argument(
        "exports",
        type=Path,
        nargs="+",
        metavar="EXPORT",
        help="the folder or zip file; of an archived ledger all of them, the oldest first",
    )
    parser.add_argument(
        "--key", action="append", required=True, help="a public key in base64; several for several"
    )
    parser.add_argument(
        "--witness",
        action="append",
        default=[],
        metavar="VKEY",
        help="of the proof of a delivery: the key of a witness; several for several",
    )
    parser.add_argument(
        "--quorum", type=int, default=0, help="how many of these witnesses must have cosigned"
    )
    parser.add_argument(
        "--checkpoints", type=Path, help="checkpoints that were kept outside, one a line"
    )
    parser.add_argument(
        "--approver",
        action="append",
        default=[],
        metavar="REF=FINGERPRINT",
        help="a person's reference (user:12) and the fingerprint of their security key, which the "
        "person told you; several for several",
    )
    parser.add_argument(
        "--tree", action="store_true", help="also check the entries against the tree's signed head"
    )
    parser.add_argument(
        "--head",
        type=Path,
        action="append",
        help="a head of the tree that was kept elsewhere, as a witness has it; checks the tree",
    )
    parser.add_argument(
        "--processes",
        type=int,
        default=_cores(),
        help="so many processes at most share a long export in a folder, on Linux; without it as "
        "many as there are cores",
    )
    return parser


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        report = _verify(options)
    except OSError as error:
        sys.stderr.write(f"{visible(str(error))}\n")
        return 2
    except Unreadable as error:
        sys.stderr.write(f"{visible(str(error))}\n")
        return 2
    for sentence in sentences(report):
        sys.stdout.write(f"{visible(sentence)}\n")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
