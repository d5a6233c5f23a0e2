"""Verifies an export of the ledger, without any database:

    python -m console.audit.verify EXPORT --key PUBLIC_KEY [--checkpoints FILE]

This file stands alone: Python's standard library, and `cryptography` for the signatures. EXPORT is
the folder or the zip file that the console wrote; PUBLIC_KEY is the console's, in base64, from
somebody you trust; FILE are checkpoints that were kept outside of the console. Exit status: 0 all
that was looked at holds, 1 it does not, 2 it could not be looked at.

An export has three files. `entries.jsonl` has one line an entry, `{"entry":{…},"hash":"…"}`: the
entry in its canonical form, byte for byte what was hashed. `manifest.json` says where the entries
begin and end, and is signed. `checkpoints.jsonl` has the signed checkpoints.
"""

import argparse
import base64
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "0" * 64
FORMAT = 1
ENTRIES, MANIFEST, CHECKPOINTS = "entries.jsonl", "manifest.json", "checkpoints.jsonl"

# A line, and what stands in its entry between the data and the target.
_HEAD, _BEFORE_HASH, _TAIL = b'{"entry":', b',"hash":"', b'"}\n'
_TAIL_SIZE = len(_BEFORE_HASH) + 64 + len(_TAIL)
_PREVIOUS = b',"prev_hash":"'


class Unreadable(Exception):
    """What was given can't be looked at. The text says why, and what to give instead."""


# --- Signatures --------------------------------------------------------------------------------


def key_id(public: bytes) -> str:
    """A key's name: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def signed_bytes(kind: str, said: Mapping[str, Any]) -> bytes:
    """What is signed: the sort of statement, and all of it but the signature, canonically."""
    rest = {name: value for name, value in said.items() if name != "signature"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"notice-console {kind}\n{text}".encode()


class Keys:
    """The public keys that are trusted, by their names."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        for text in texts:
            try:
                raw = base64.b64decode(text.strip(), validate=True)
                self._keys[key_id(raw)] = Ed25519PublicKey.from_public_bytes(raw)
            except ValueError as error:
                raise Unreadable(
                    f"{text!r} is no public key. Give the line that manage.py audit_key --public "
                    "prints: 32 bytes in base64."
                ) from error

    def complaint(self, kind: str, said: Mapping[str, Any]) -> str:
        """What is wrong with a signature; empty if nothing is."""
        key = self._keys.get(str(said.get("key_id")))
        if key is None:
            return f"it is signed by the key {said.get('key_id')}, which is not among those trusted"
        try:
            key.verify(
                base64.b64decode(str(said.get("signature")), validate=True),
                signed_bytes(kind, said),
            )
        except (InvalidSignature, ValueError):
            return "its signature does not fit what it says"
        return ""


# --- The chain ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something that does not hold; `seq` is the entry at which it shows."""

    seq: int | None
    sentence: str


@dataclass
class Head:
    """How far the chain was followed: the last entry's number and hash."""

    seq: int = 0
    hash: str = GENESIS


@dataclass
class Report:
    """What was looked at: `followed` entries up to `head`; `vouched` is the last one for which a
    checkpoint that holds vouches."""

    followed: int = 0
    head: Head = field(default_factory=Head)
    vouched: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.findings


def export_line(entry: bytes, digest: str) -> bytes:
    """An entry's line in an export; `entry` is its canonical form."""
    return b"".join((_HEAD, entry, _BEFORE_HASH, digest.encode(), _TAIL))


def follow(lines: Iterable[bytes], report: Report, marks: Mapping[int, str]) -> None:
    """Follow the chain from `report.head` on, until it ends or breaks. `marks` are the hashes that
    checkpoints vouch for, by number. Needs the same memory for any number of lines."""
    head = report.head
    seq, previous = head.seq, head.hash.encode()
    begun_at = seq
    sha256, size = hashlib.sha256, len(_PREVIOUS)
    finding = None
    for line in lines:
        seq += 1
        entry = line[len(_HEAD) : -_TAIL_SIZE]
        digest = sha256(entry).hexdigest().encode()
        # The last one: the same words in an entry's data stand before it.
        at = entry.rfind(_PREVIOUS)
        expected = b'%b"seq":%d,' % (previous + b'",', seq)
        if (
            line[-_TAIL_SIZE:] != b"%b%b%b" % (_BEFORE_HASH, digest, _TAIL)
            or entry[at + size : at + size + len(expected)] != expected
            or line[: len(_HEAD)] != _HEAD
        ):
            seq -= 1
            finding = _diagnosis(line, seq + 1, previous.decode())
            break
        previous = digest
        if seq in marks:
            if marks[seq].encode() != digest:
                finding = Finding(
                    seq,
                    f"Entry {seq} is not the one that its checkpoint vouches for: the chain was "
                    f"written anew somewhere after entry {report.vouched}, at entry {seq} at the "
                    "latest.",
                )
                break
            report.vouched = seq
    report.followed += seq - begun_at
    report.head = Head(seq, previous.decode())
    if finding is not None:
        report.findings.append(finding)


def _diagnosis(line: bytes, seq: int, previous: str) -> Finding:
    """What is wrong with the line that should be entry `seq`."""
    try:
        told = json.loads(line)
        entry = told["entry"]
        found, before = entry["seq"], entry["prev_hash"]
    except (ValueError, KeyError, TypeError):
        return Finding(seq, f"Where entry {seq} should be there is something that can't be read.")
    real = hashlib.sha256(line[len(_HEAD) : -_TAIL_SIZE]).hexdigest()
    if found != seq:
        if isinstance(found, int) and found > seq:
            missing = f"Entry {seq} is" if found == seq + 1 else f"Entries {seq} to {found - 1} are"
            return Finding(seq, f"{missing} missing: after entry {seq - 1} comes entry {found}.")
        return Finding(
            seq,
            f"Where entry {seq} should be stands entry {found}: it was put in, repeated, or has "
            "another's place.",
        )
    if told.get("hash") != real:
        return Finding(
            seq, f"Entry {seq} was changed: what it says is not what its hash was made of."
        )
    if before != previous:
        return Finding(
            seq,
            f"Entry {seq} does not follow entry {seq - 1}: one of the two was put in or changed, "
            "or the chain was written anew from here on.",
        )
    return Finding(seq, f"Entry {seq} is not in the form in which the console writes entries.")


# --- Checkpoints -------------------------------------------------------------------------------


def checked_marks(
    checkpoints: Iterable[Mapping[str, Any]], keys: Keys, report: Report
) -> dict[int, str]:
    """The hashes that signed checkpoints vouch for, by entry; what is wrong with one goes into the
    report."""
    marks: dict[int, str] = {}
    for said in checkpoints:
        name = f"The checkpoint of entry {said.get('seq')} ({said.get('at')})"
        if complaint := keys.complaint("checkpoint", said):
            report.findings.append(Finding(None, f"{name} is worth nothing: {complaint}."))
            continue
        seq, digest = said["seq"], said["hash"]
        if marks.setdefault(seq, digest) != digest:
            report.findings.append(
                Finding(seq, f"{name} contradicts another one, which is signed as well.")
            )
        report.checkpoints += 1
    return marks


def beyond(report: Report, marks: Mapping[int, str]) -> None:
    """Checkpoints for entries that are not there any more. Call it when the chain was followed."""
    last = max(marks, default=0)
    if last > report.head.seq and report.holds:
        report.findings.append(
            Finding(
                report.head.seq + 1,
                f"The ledger ends with entry {report.head.seq}, and a checkpoint vouches for entry "
                f"{last}: the newest entries, {report.head.seq + 1} to {last} at least, are gone.",
            )
        )


# --- An export ---------------------------------------------------------------------------------


class _Export:
    """The files of an export: a folder or a zip file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self.zip = None
        elif zipfile.is_zipfile(path):
            self.zip = zipfile.ZipFile(path)
        else:
            raise Unreadable(f"{path} is neither a folder nor a zip file. Give the export itself.")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        try:
            if self.zip is None:
                with (self.path / name).open("rb") as file:
                    yield file
            else:
                with self.zip.open(name) as file:
                    yield io.BufferedReader(file, 1024 * 1024)  # type: ignore[type-var]
        except (FileNotFoundError, KeyError) as error:
            raise Unreadable(f"{self.path} has no {name}. Export the ledger once more.") from error


def verify_export(path: Path, keys: Keys, outside: Sequence[Mapping[str, Any]] = ()) -> Report:
    """Look at a whole export. Raises Unreadable where that can't be done."""
    export, report = _Export(path), Report()
    with export.open(MANIFEST) as file:
        manifest = _json(file.read(), MANIFEST)
    if complaint := keys.complaint("manifest", manifest):
        report.findings.append(Finding(None, f"The manifest is not the console's: {complaint}."))
        return report
    if manifest["format"] != FORMAT:
        raise Unreadable(f"The export has format {manifest['format']}; this reads {FORMAT}.")
    with export.open(CHECKPOINTS) as file:
        kept = [_json(line, CHECKPOINTS) for line in file]
    marks = checked_marks([*kept, *outside], keys, report)
    report.head = Head(manifest["first"] - 1, manifest["before"])
    with export.open(ENTRIES) as file:
        follow(file, report, marks)
    _compare(report, manifest)
    beyond(report, marks)
    return report


def _compare(report: Report, manifest: Mapping[str, Any]) -> None:
    last, head = manifest["last"], report.head
    if not report.holds or (head.seq, head.hash) == (last, manifest["head"]):
        return
    if head.seq < last:
        sentence = f"The export ends with entry {head.seq}; by its manifest the last one is {last}."
    else:
        sentence = f"The export goes on after entry {last}, where by its manifest it ends."
    report.findings.append(Finding(min(head.seq, last) + 1, sentence))


def _json(text: bytes, name: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError as error:
        raise Unreadable(f"{name} can't be read: {error}.") from error
    if not isinstance(said, dict):
        raise Unreadable(f"{name} can't be read: it is no object.")
    return said


def checkpoints_of(path: Path) -> list[dict[str, Any]]:
    """A file of checkpoints, one a line. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            return [_json(line, str(path)) for line in file if line.strip()]
    except OSError as error:
        raise Unreadable(f"{path} can't be read: {error}.") from error


# --- In words ----------------------------------------------------------------------------------


def sentences(report: Report) -> Iterator[str]:
    """What was proved, and what was not."""
    for finding in report.findings:
        yield finding.sentence
    if report.followed:
        first = report.head.seq - report.followed + 1
        yield (
            f"Followed {report.followed:,} entries, {first:,} to {report.head.seq:,}: "
            "each is what its hash was made of, and each follows the one before."
        )
    if report.vouched:
        yield (
            f"Up to entry {report.vouched:,} a signed checkpoint vouches for it: nothing of that "
            "was changed, removed or put in since."
        )
    if report.holds and report.vouched < report.head.seq:
        yield (
            f"For entries {report.vouched + 1:,} to {report.head.seq:,} no checkpoint vouches yet: "
            "that they are the ones that were written is not proved, and newer ones may be missing."
        )
    yield "HOLDS" if report.holds else "DOES NOT HOLD"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m console.audit.verify", description="Verifies an export of the ledger."
    )
    parser.add_argument("export", type=Path, help="the folder or zip file")
    parser.add_argument(
        "--key", action="append", required=True, help="a public key in base64; several for several"
    )
    parser.add_argument(
        "--checkpoints", type=Path, help="checkpoints that were kept outside, one a line"
    )
    options = parser.parse_args(arguments)
    try:
        outside = checkpoints_of(options.checkpoints) if options.checkpoints else []
        report = verify_export(options.export, Keys(options.key), outside)
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for sentence in sentences(report):
        sys.stdout.write(f"{sentence}\n")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
