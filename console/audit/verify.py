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
oldest entries were archived, `seals.jsonl` names their files, signed. The proof of a send also has
`send.json`, the request and its author, and `deliveries.jsonl`, the outcome in each chat with the
exact text.
"""

import argparse
import base64
import hashlib
import io
import json
import sys
import zipfile
import zlib
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
SEALS, SEND, DELIVERIES = "seals.jsonl", "send.json", "deliveries.jsonl"

# The parts of a line around its entry, and what follows the data in the entry.
_HEAD, _BEFORE_HASH, _TAIL = b'{"entry":', b',"hash":"', b'"}\n'
_TAIL_SIZE = len(_BEFORE_HASH) + 64 + len(_TAIL)
_PREVIOUS = b',"prev_hash":"'


class Unreadable(Exception):
    """The input can't be read. The text states why, and what to give instead."""


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
                    f"{text!r} is no public key. Give the line that manage.py audit_key --public "
                    "prints: 32 bytes in base64."
                ) from error

    def complaint(self, kind: str, said: Mapping[str, Any]) -> str:
        """Return what is wrong with a signature; "" if it is valid."""
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
    """Something that does not verify. `seq` is the entry where it was found."""

    seq: int | None
    sentence: str


@dataclass
class Head:
    """The last entry of the chain so far: its number and hash."""

    seq: int = 0
    hash: str = GENESIS


@dataclass
class Report:
    """The result of a verification: `followed` entries up to `head`.

    `vouched` is the last entry that a valid checkpoint covers. `sealed` are the files with older
    entries, which were not read. `proved` are the sentences about a send.
    """

    followed: int = 0
    head: Head = field(default_factory=Head)
    vouched: int = 0
    checkpoints: int = 0
    findings: list[Finding] = field(default_factory=list)
    sealed: list[Mapping[str, Any]] = field(default_factory=list)
    proved: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.findings


def export_line(entry: bytes, digest: str) -> bytes:
    """Return an entry's line in an export. `entry` is its canonical form."""
    return b"".join((_HEAD, entry, _BEFORE_HASH, digest.encode(), _TAIL))


def follow(lines: Iterable[bytes], report: Report, marks: Mapping[int, str]) -> None:
    """Follow the chain from `report.head` until it ends or breaks.

    `marks` are the hashes in checkpoints, by entry. It takes the same memory for any number of
    lines.
    """
    head = report.head
    seq, previous = head.seq, head.hash.encode()
    begun_at = seq
    sha256, size = hashlib.sha256, len(_PREVIOUS)
    finding = None
    for line in lines:
        seq += 1
        entry = line[len(_HEAD) : -_TAIL_SIZE]
        digest = sha256(entry).hexdigest().encode()
        # The last occurrence: an entry's data, which comes before it, may contain the same text.
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
    """Return what is wrong with the line that should be entry `seq`."""
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
    """Return the hashes of valid checkpoints, by entry. Problems go into the report."""
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
    """Report checkpoints of entries that are gone. Call it after following the chain."""
    last = max(marks, default=0)
    if last > report.head.seq and report.holds:
        report.findings.append(
            Finding(
                report.head.seq + 1,
                f"The ledger ends with entry {report.head.seq}, and a checkpoint vouches for entry "
                f"{last}: the newest entries, {report.head.seq + 1} to {last} at least, are gone.",
            )
        )


# --- Seals -------------------------------------------------------------------------------------


def begin_after(
    seals: Iterable[Mapping[str, Any]], keys: Keys, marks: Mapping[int, str], report: Report
) -> None:
    """Start a report after the archived entries, where the newest seal ends.

    Each seal has to follow the previous one, and to agree with the checkpoints.
    """
    for said in seals:
        name = f"The seal of entries {said.get('first')} to {said.get('last')} ({said.get('at')})"
        if complaint := keys.complaint("seal", said):
            report.findings.append(Finding(None, f"{name} is worth nothing: {complaint}."))
            return
        if (said["first"] - 1, said["before"]) != (report.head.seq, report.head.hash):
            sentence = f"{name} does not follow on entry {report.head.seq}, where it should."
            report.findings.append(Finding(said["first"], sentence))
            return
        if marks.get(said["last"], said["hash"]) != said["hash"]:
            sentence = (
                f"{name} ends with another entry than the one that its checkpoint vouches for: "
                "the chain was written anew before it was sealed."
            )
            report.findings.append(Finding(said["last"], sentence))
            return
        report.sealed.append(said)
        report.head = Head(said["last"], said["hash"])
        report.vouched = said["last"]


# --- An export ---------------------------------------------------------------------------------


class _Export:
    """An export's files, in a folder or a zip file, and its manifest."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.is_dir():
            self.zip = None
        elif zipfile.is_zipfile(path):
            self.zip = zipfile.ZipFile(path)
        else:
            raise Unreadable(f"{path} is neither a folder nor a zip file. Give the export itself.")
        with self.open(MANIFEST) as file:
            self.manifest = _json(file.read(), MANIFEST)

    @property
    def is_proof(self) -> bool:
        return "send" in self.manifest

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
        except (zipfile.BadZipFile, zlib.error) as error:
            raise Unreadable(f"{self.path}: {name} is damaged: {error}.") from error

    def lines(self, name: str) -> list[dict[str, Any]]:
        with self.open(name) as file:
            return [_json(line, name) for line in file if line.strip()]

    def holds_manifest(self, keys: Keys, report: Report) -> bool:
        complaint = keys.complaint("proof" if self.is_proof else "manifest", self.manifest)
        if complaint:
            sentence = f"The manifest is not the console's: {complaint}."
            report.findings.append(Finding(None, sentence))
        elif self.manifest["format"] != FORMAT:
            raise Unreadable(
                f"The export has format {self.manifest['format']}; this reads {FORMAT}."
            )
        return not complaint


def verify_export(path: Path, keys: Keys, outside: Sequence[Mapping[str, Any]] = ()) -> Report:
    """Verify one whole export, or the proof of a send. Raises Unreadable."""
    return verify_exports([path], keys, outside)


def verify_exports(
    paths: Sequence[Path], keys: Keys, outside: Sequence[Mapping[str, Any]] = ()
) -> Report:
    """Verify exports as one ledger, the oldest first; each has to begin where the last one ends.

    Raises Unreadable.
    """
    exports, report = [_Export(path) for path in paths], Report()
    if any(export.is_proof for export in exports):
        if len(exports) > 1:
            raise Unreadable("The proof of a send is verified by itself. Give it alone.")
        return verify_proof(exports[0], keys, outside)
    for export in exports:
        if not export.holds_manifest(keys, report):
            return report
    kept = [said for export in exports for said in export.lines(CHECKPOINTS)]
    marks = checked_marks([*kept, *outside], keys, report)
    first = exports[0]
    if first.manifest["first"] > 1 and not first.manifest.get("archive"):
        begin_after(first.lines(SEALS), keys, marks, report)
    else:
        report.head = Head(first.manifest["first"] - 1, first.manifest["before"])
    for export in exports:
        manifest = export.manifest
        if not report.holds or not _joins(report, export):
            return report
        with export.open(ENTRIES) as file:
            follow(file, report, marks)
        _compare(report, manifest)
    if not exports[-1].manifest.get("archive"):
        beyond(report, marks)
    return report


def _joins(report: Report, export: _Export) -> bool:
    first, before = export.manifest["first"], export.manifest["before"]
    if (first - 1, before) == (report.head.seq, report.head.hash):
        return True
    after = f"after entry {first - 1}" if first > 1 else "with entry 1"
    sentence = (
        f"{export.path.name} begins {after}, and what comes before it ends with entry "
        f"{report.head.seq}{'' if first - 1 != report.head.seq else ', which is another one'}: "
        "they don't join."
    )
    report.findings.append(Finding(first, sentence))
    return False


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
    """Read a file of checkpoints, one a line. Raises Unreadable."""
    try:
        with path.open("rb") as file:
            return [_json(line, str(path)) for line in file if line.strip()]
    except OSError as error:
        raise Unreadable(f"{path} can't be read: {error}.") from error


# --- The proof of a send -----------------------------------------------------------------------

# What an entry records once for deliveries that ended together, and what for each of them. The
# proof's files use the same names.
_SHARED = ("chat_server", "method", "visibility")
_EACH = {"interaction": None, "attempts": 0, "reason": "", "reference_id": None, "fault_code": ""}
_OPEN = ("pending", "sending")
_ASKED = ("visibility", "nickname", "why")


def verify_proof(proof: _Export, keys: Keys, outside: Sequence[Mapping[str, Any]] = ()) -> Report:
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
    for name, expected in sorted(proof.manifest["files"].items()):
        with proof.open(name) as file:
            digest = hashlib.sha256()
            while part := file.read(1024 * 1024):
                digest.update(part)
        if digest.hexdigest() != expected:
            sentence = (
                f"{name} is not the one that the console signed: something was changed in it."
            )
            report.findings.append(Finding(None, sentence))


def _chain_holds(
    proof: _Export, keys: Keys, outside: Sequence[Mapping[str, Any]], report: Report
) -> list[dict[str, Any]]:
    """Follow the entries in the file up to a checkpoint, and return those about the send."""
    send, last = proof.manifest["send"], proof.manifest["of_send_to"]
    marks = checked_marks([*proof.lines(CHECKPOINTS), *outside], keys, report)
    told: list[dict[str, Any]] = []
    with proof.open(ENTRIES) as file:
        follow(_telling_of(send, file, told), report, marks)
    _compare(report, proof.manifest)
    if report.holds and report.vouched < last:
        sentence = (
            f"No checkpoint in the file vouches for the entries of this send, which go up to "
            f"{last}: that they are the ones that were written is not proved."
        )
        report.findings.append(Finding(None, sentence))
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
            except (ValueError, KeyError, TypeError):
                pass  # following the chain finds it
        yield line


def _request_holds(
    send: Mapping[str, Any], told: Sequence[Mapping[str, Any]], report: Report
) -> None:
    """Check the request against the send's first entry."""
    created = next((entry for entry in told if entry["action"] == "send.created"), None)
    if created is None:
        sentence = f"No entry in the file tells who asked for send {send['id']}."
        report.findings.append(Finding(None, sentence))
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
            sentence = (
                f"send.json says {here!r} as the {name.replace('_', ' ')}; entry {created['seq']} "
                f"says {there!r}."
            )
            report.findings.append(Finding(created["seq"], sentence))
    report.proved.append(
        f"Send {send['id']}: {created['actor_name']} ({created['actor_ref']}) asked for it at "
        f"{created['at']}: notice {data['notice']}, version {data['version']}, visibility "
        f"{data['visibility']} (entry {created['seq']})."
    )
    _version_holds(version, created, report)
    for entry in told:
        if entry["action"].startswith("send.") and entry is not created:
            report.proved.append(
                f"{entry['action']} by {entry['actor_name']} at {entry['at']} "
                f"(entry {entry['seq']})."
            )


def _version_holds(version: Mapping[str, Any], created: Mapping[str, Any], report: Report) -> None:
    digest = created["data"].get("version_sha256")
    name = f"version {version['number']} of {version['notice']}"
    if digest is None:
        report.proved.append(
            f"Not proved: the words of {name}. The entry has no digest of them, which older ones "
            "lack; the console signs them as what it has now."
        )
    elif digest != hashlib.sha256(_canonical(version)).hexdigest():
        sentence = (
            f"The words, the author or the reviewer of {name} in send.json are not those whose "
            f"digest stands in entry {created['seq']}."
        )
        report.findings.append(Finding(created["seq"], sentence))
    else:
        report.proved.append(
            f"The words of {name} are the ones that were sent; {version['author_name']} wrote and "
            f"{version['reviewer_name']} reviewed them."
        )


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
        if entry["action"].startswith("deliveries.")
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
            sentence = (
                f"Delivery {delivery['id']} is said to be {delivery['status']}, and no entry in "
                "the file tells of its end."
            )
            report.findings.append(Finding(None, sentence))
    for pk, (entry, _item) in ended.items():
        sentence = f"Entry {entry['seq']} tells of delivery {pk}, which is not in deliveries.jsonl."
        report.findings.append(Finding(entry["seq"], sentence))
    created = next((entry for entry in told if entry["action"] == "send.created"), None)
    chats = sorted(str(delivery["interaction"]) for delivery in deliveries)
    if created is not None and created["data"]["targets_sha256"] != _targets_digest(chats):
        sentence = (
            f"The chats in deliveries.jsonl are not those that were chosen (entry "
            f"{created['seq']}): one is missing, was added or is another one."
        )
        report.findings.append(Finding(created["seq"], sentence))
    _say_of_deliveries(len(deliveries), counts, report)


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
        sentence = (
            f"Delivery {pk}: deliveries.jsonl says {here.get(name)!r} as its {name}, entry {seq} "
            f"says {there[name]!r}."
        )
        report.findings.append(Finding(seq, sentence))
    counts["outcomes"] += not wrong
    if delivery["erased_at"]:
        counts["erased"] += 1
    elif "text_sha256" in item:
        text = f"{delivery['salt']}:{delivery['text']}"
        if hashlib.sha256(text.encode()).hexdigest() != item["text_sha256"]:
            sentence = (
                f"The text of delivery {pk} is not the one whose digest stands in entry {seq}."
            )
            report.findings.append(Finding(seq, sentence))
        else:
            counts["texts"] += 1
    elif delivery["text"]:
        sentence = f"Delivery {pk} has a text, and entry {seq} tells of none."
        report.findings.append(Finding(seq, sentence))


def _say_of_deliveries(total: int, counts: Mapping[str, int], report: Report) -> None:
    report.proved.append(
        f"Deliveries: {total:,} in the file. {counts['outcomes']:,} ended as the entries tell, and "
        f"{counts['texts']:,} have the exact text whose digest stands there."
    )
    if counts["erased"]:
        report.proved.append(
            f"Not proved: the texts of {counts['erased']:,} deliveries, which were erased. Their "
            "digests stand in the entries, and nothing can be compared with them any more."
        )
    if counts["open"]:
        report.proved.append(
            f"Not proved: anything of {counts['open']:,} deliveries that had not ended yet."
        )
    report.proved.append(
        "Delivered means that Chat Server confirmed it. That somebody read it can't be proved. "
        "Entries of other things are there because the chain needs them."
    )


def _targets_digest(chats: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([chats]).encode()).hexdigest()


# --- Sentences ---------------------------------------------------------------------------------


def sentences(report: Report) -> Iterator[str]:
    """Yield what was proved, and what was not."""
    for finding in report.findings:
        yield finding.sentence
    yield from report.proved
    for seal in report.sealed:
        yield (
            f"Entries {seal['first']:,} to {seal['last']:,} are not here but in the file "
            f"{seal['file']} (SHA-256 {seal['sha256']}), sealed at {seal['at']}. Verify it with "
            "this, before it, to prove them, too."
        )
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
        "--checkpoints", type=Path, help="checkpoints that were kept outside, one a line"
    )
    options = parser.parse_args(arguments)
    try:
        outside = checkpoints_of(options.checkpoints) if options.checkpoints else []
        report = verify_exports(options.exports, Keys(options.key), outside)
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for sentence in sentences(report):
        sys.stdout.write(f"{sentence}\n")
    return 0 if report.holds else 1


if __name__ == "__main__":
    sys.exit(main())
