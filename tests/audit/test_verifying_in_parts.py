"""An export that several processes verify in parts gets the same report, word for word, as from one
process, and as line by line: wherever the parts meet, and whatever is wrong there."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from console.audit import verify
from console.audit.chain import canonical
from console.audit.verify import (
    GENESIS,
    Keys,
    Report,
    Unreadable,
    batch_bytes,
    export_line,
    key_id,
    sentences,
    signed_bytes,
    verify_export,
)

AUDIT = Ed25519PrivateKey.from_private_bytes(b"a" * 32)
PROCESSES = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(3)]
FROM, AT, TO = (f"2026-11-{day}T00:00:00.000000Z" for day in ("01", "15", "30"))
SIZES = (1, 1, 2, 1, 5, 1, 3)
BATCHES = 40


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def text(raw: bytes) -> str:
    return b64encode(raw).decode()


def signed(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    said = {**said, "key_id": key_id(public(AUDIT))}
    return {**said, "signature": text(AUDIT.sign(signed_bytes(kind, said)))}


@dataclass
class Batch:
    """A batch to be written: `said` replaces what the process would sign, `back` is how many
    entries before the newest one it names."""

    process: int
    stream: str
    entries: list[dict[str, Any]]
    said: dict[str, Any] = field(default_factory=dict)
    back: int = 0
    is_signed: bool = True


def entry(number: int, action: str = "noted", **more: Any) -> dict[str, Any]:
    told = {"n": number, "text": 'Zoë " \\ \u2028', "prev_hash": "x", "seq": number}
    target = {"target_kind": "thing", "target_ref": str(number), "target_name": f"thing {number}"}
    who = {"actor_ref": "user:1", "actor_name": 'A, ,"prev_hash":"'}
    return {"action": action, "at": AT, "data": told, **who, **target, **more}


def plan() -> list[Batch]:
    made, number = [], 0
    for turn in range(BATCHES):
        size = SIZES[turn % len(SIZES)]
        stream = turn * 3 % 5
        entries = [entry(number + n) for n in range(size)]
        number += size
        made.append(Batch(stream % 3, f"{stream:016x}", entries, back=turn % 4))
    return made


@dataclass
class Ledger:
    """Lines and signatures of an export, before they are written."""

    lines: list[bytes] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    hashes: list[str] = field(default_factory=lambda: [GENESIS])
    text: str | None = None  # of the signatures, if they are no JSON in the console's form
    last: int | None = None
    checkpoints: list[int] = field(default_factory=list)
    signed_from: int = 1
    foreign: list[list[int]] = field(default_factory=list)

    def write(self, folder: Path) -> Path:
        folder.mkdir()
        rows = "".join(json.dumps(r, sort_keys=True) + "\n" for r in self.rows)
        certificates = [
            signed("certificate", {"key": text(public(k)), "name": "p", "from": FROM, "to": TO})
            for k in PROCESSES
        ]
        about: dict[str, Any] = {"at": AT, "signed_from": self.signed_from, "foreign": self.foreign}
        checkpoints = [
            signed("checkpoint", {"seq": seq, "hash": self.hashes[seq], **about})
            for seq in self.checkpoints
        ]
        (folder / "entries.jsonl").write_bytes(b"".join(self.lines))
        (folder / "signatures.jsonl").write_text(self.text if self.text is not None else rows)
        for name, said in (("certificates", certificates), ("checkpoints", checkpoints)):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(c) + "\n" for c in said))
        last = self.last if self.last is not None else len(self.hashes) - 1
        manifest = {"format": 1, "first": 1, "before": GENESIS, "last": last, "files": {}}
        manifest = signed("manifest", {**manifest, "head": self.hashes[last]})
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return folder


def ledger(batches: Sequence[Batch]) -> Ledger:
    made, streams = Ledger(), dict[str, tuple[int, str]]()
    for batch in batches:
        first, contents = len(made.hashes), list[bytes]()
        for said in batch.entries:
            seq, previous = len(made.hashes), made.hashes[-1]
            whole = canonical({**said, "prev_hash": previous, "seq": seq})
            before, _middle, after = whole.rpartition(
                b',"prev_hash":"%b","seq":%d' % (previous.encode(), seq)
            )
            contents += (before, after)
            made.hashes.append(hashlib.sha256(whole).hexdigest())
            made.lines.append(export_line(whole, made.hashes[-1]))
        if not batch.is_signed:
            continue
        number, prev = streams.get(batch.stream, (0, GENESIS))
        anchor, key = max(0, first - 1 - batch.back), PROCESSES[batch.process]
        row = {
            "after": anchor,
            "after_hash": made.hashes[anchor],
            "key_id": key_id(public(key)),
            "number": number + 1,
            "prev": prev,
            "stream": batch.stream,
            **batch.said,
        }
        message = batch_bytes(contents, row)
        streams[batch.stream] = (row["number"], hashlib.sha256(message).hexdigest())
        row |= {"first": first, "last": len(made.hashes) - 1}
        made.rows.append({**row, "signature": text(key.sign(message))})
    made.checkpoints = [len(made.hashes) // 5, len(made.hashes) - 3]
    return made


# --- Three ways ----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short parts and short blocks, so that a small ledger has many."""
    monkeypatch.setattr(verify, "LEAST_PART", 1)
    monkeypatch.setattr(verify, "BLOCK", 3000)


KEYS = Keys([text(public(AUDIT))])


def told(path: Path, processes: int) -> tuple[bool, list[str], list[int | None]]:
    try:
        report = verify_export(path, KEYS, processes=processes)
    except Unreadable as error:
        return False, [str(error)], []
    said = [str(each) for each in sentences(report)]
    return report.holds, said, [each.seq for each in report.findings]


@contextmanager
def here(tell: Callable[[IO[bytes]], object]) -> Iterator[IO[bytes]]:
    """Follow a part as its process does, and in this one: to copy a process of tests takes much
    longer than to follow a part of these ledgers."""
    with tempfile.TemporaryFile() as file:
        with suppress(Exception):
            tell(file)
        file.seek(0)
        yield file


def same(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, list[str]]:
    """Verify in every way, and return what all of them say."""
    with monkeypatch.context() as patch:
        patch.setattr(verify, "_cut", lambda _block, _head: None)
        line_by_line = told(path, 1)
    assert told(path, 1) == line_by_line
    with monkeypatch.context() as patch:
        patch.setattr(verify, "_process", here)
        assert told(path, 2) == told(path, 3) == line_by_line
    return line_by_line[:2]


def border(path: Path) -> int:
    """Return the last entry of the first of two parts."""
    return verify._parts_of(verify._Export(path), 2)[1].head.seq


@pytest.fixture
def forks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    made, fork = [], os.fork

    def counted() -> int:
        pid = fork()
        made.append(pid)
        return pid

    monkeypatch.setattr(os, "fork", counted)
    return made


def test_the_true_ledger_holds_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: list[int]
) -> None:
    path = ledger(plan()).write(tmp_path / "export")
    holds, words = same(path, monkeypatch)
    assert (holds, len(forks)) == (True, 0)
    assert told(path, 2) == told(path, 3) == told(path, 1) == (True, words, [])
    assert len(forks) == 2 + 3
    assert f"signed {sum(len(b.entries) for b in plan())} of them" in " ".join(words)
    whole = verify._in_parts(verify._Export(path), KEYS, (), None, 2)
    assert whole is not None  # it did not need one process
    assert whole.holds


# --- What is wrong somewhere ---------------------------------------------------------------------

Change = Callable[[Ledger, int], None]


def changed(made: Ledger, seq: int) -> None:
    made.lines[seq - 1] = made.lines[seq - 1].replace(b'"thing ', b'"think ')


def changed_with_its_hash(made: Ledger, seq: int) -> None:
    whole = made.lines[seq - 1][9:-76].replace(b'"thing ', b'"think ')
    made.lines[seq - 1] = export_line(whole, hashlib.sha256(whole).hexdigest())


def chained_anew(made: Ledger, seq: int) -> None:
    """All hashes from an entry on are right, and no signature is."""
    made.checkpoints = []
    for at in range(seq - 1, len(made.lines)):
        said = json.loads(made.lines[at])["entry"]
        said["prev_hash"] = made.hashes[at]
        said["target_name"] += " "
        made.hashes[at + 1] = hashlib.sha256(canonical(said)).hexdigest()
        made.lines[at] = export_line(canonical(said), made.hashes[at + 1])


def removed(made: Ledger, seq: int) -> None:
    del made.lines[seq - 1]


def repeated(made: Ledger, seq: int) -> None:
    made.lines.insert(seq, made.lines[seq - 1])


def swapped(made: Ledger, seq: int) -> None:
    made.lines[seq - 1 : seq + 1] = reversed(made.lines[seq - 1 : seq + 1])


def cut_off(made: Ledger, seq: int) -> None:
    del made.lines[seq:]


def cut_off_within_a_line(made: Ledger, seq: int) -> None:
    made.lines[seq - 1 :] = [made.lines[seq - 1][:100]]


def cut_off_with_signatures(made: Ledger, seq: int) -> None:
    del made.lines[seq:]
    made.rows = [row for row in made.rows if row["last"] <= seq]


def an_empty_line(made: Ledger, seq: int) -> None:
    made.lines.insert(seq, b"\n")


def joined_lines(made: Ledger, seq: int) -> None:
    made.lines[seq - 1] = made.lines[seq - 1].rstrip(b"\n")


def another_number(made: Ledger, seq: int) -> None:
    made.lines[seq - 1] = made.lines[seq - 1].replace(b'"seq":%d,"t' % seq, b'"seq":%d0,"t' % seq)


def another_head(made: Ledger, seq: int) -> None:
    made.lines[seq - 1] = made.lines[seq - 1].replace(b'{"entry":', b'{"Entry":')


def another_tail(made: Ledger, seq: int) -> None:
    made.lines[seq - 1] = made.lines[seq - 1].replace(b',"hash":"', b',"Hash":"')


def without_a_mark(made: Ledger, seq: int) -> None:
    """An entry that begins with what follows `prev_hash`. All hashes are right."""
    chained_anew(made, seq)
    whole = b'%b","seq":%d,"target_ref":"1"}' % (made.hashes[seq - 1].encode(), seq)
    made.hashes[seq] = hashlib.sha256(whole).hexdigest()
    made.lines[seq - 1] = export_line(whole, made.hashes[seq])
    chained_anew(made, seq + 1)


def with_another_number(made: Ledger, seq: int) -> None:
    """A signature is over entries without their numbers. All hashes are right."""
    chained_anew(made, seq)
    said = json.loads(made.lines[seq - 1])["entry"]
    whole = canonical({**said, "seq": seq ^ 1})
    made.hashes[seq] = hashlib.sha256(whole).hexdigest()
    made.lines[seq - 1] = export_line(whole, made.hashes[seq])
    chained_anew(made, seq + 1)


def row_at(made: Ledger, seq: int) -> int:
    return next(n for n, row in enumerate(made.rows) if row["first"] <= seq <= row["last"])


def unsigned(made: Ledger, seq: int) -> None:
    del made.rows[row_at(made, seq)]


def rows_swapped(made: Ledger, seq: int) -> None:
    at = row_at(made, seq)
    made.rows[at - 1 : at + 1] = reversed(made.rows[at - 1 : at + 1])


def row_repeated(made: Ledger, seq: int) -> None:
    at = row_at(made, seq)
    made.rows.insert(at, made.rows[at])


def row_is(**said: Any) -> Change:
    def change(made: Ledger, seq: int) -> None:
        at = row_at(made, seq)
        made.rows[at] = {**made.rows[at], **said}

    change.__name__ = f"row_says_{'_'.join(said)}"
    return change


def row_of_more(made: Ledger, seq: int) -> None:
    made.rows[row_at(made, seq)]["last"] += 1


def other_anchor(made: Ledger, seq: int) -> None:
    made.rows[row_at(made, seq)]["after"] -= 1


def row_can_not_be_read(made: Ledger, seq: int) -> None:
    texts = [json.dumps(row, sort_keys=True) + "\n" for row in made.rows]
    texts[row_at(made, seq)] = "{\n"
    made.text = "".join(texts)


def row_of_a_huge_number(made: Ledger, seq: int) -> None:
    """Python reads no number of so many digits."""
    texts = [json.dumps(row, sort_keys=True) + "\n" for row in made.rows]
    at, last = row_at(made, seq), made.rows[row_at(made, seq)]["last"]
    texts[at] = texts[at].replace(f'"last": {last},', f'"last": {"9" * 5000},')
    made.text = "".join(texts)


def row_says_more(made: Ledger, seq: int) -> None:
    """In a place that is not looked at where signatures are checked by later ones."""
    texts = [json.dumps(row, sort_keys=True) + "\n" for row in made.rows]
    at = row_at(made, seq)
    signature = made.rows[at]["signature"]
    odd = f'{signature[:40]}", "number": 9, "signature": "'
    texts[at] = texts[at].replace(signature, odd.ljust(88, "A"))
    made.text = "".join(texts)


CHANGES: list[Change] = [
    *(changed, changed_with_its_hash, chained_anew, removed, repeated, swapped, cut_off),
    *(cut_off_within_a_line, cut_off_with_signatures, an_empty_line, joined_lines, another_number),
    *(another_head, another_tail, without_a_mark, with_another_number),
    *(unsigned, rows_swapped, row_repeated, row_of_more, other_anchor, row_can_not_be_read),
    *(row_is(number=77), row_is(prev="3" * 64), row_is(stream="f" * 16), row_is(first=0)),
    *(row_is(key_id=key_id(public(AUDIT))), row_is(key_id=None), row_is(after_hash="1" * 64)),
    *(row_is(last="9"), row_says_more, row_of_a_huge_number),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_it_is_said_alike_wherever_it_is(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, at and after the place where two parts meet."""
    middle = border(ledger(plan()).write(tmp_path / "true"))
    total = len(ledger(plan()).lines)
    for seq in (3, middle - 1, middle, middle + 1, middle + 4, total - 1):
        made = ledger(plan())
        change(made, seq)
        holds, words = same(made.write(tmp_path / str(seq)), monkeypatch)
        assert not holds, (seq, words)


def test_a_damaged_signature_is_said_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later one of its stream proves the batch; the last one of a stream has none."""
    for at in range(len(ledger(plan()).rows)):
        made = ledger(plan())
        made.rows[at]["signature"] = text(b"x" * 64)
        is_last = made.rows[at]["stream"] not in [row["stream"] for row in made.rows[at + 1 :]]
        holds, _words = same(made.write(tmp_path / str(at)), monkeypatch)
        assert holds is not is_last


def damaged(raw: bytes, chance: random.Random) -> bytes:
    at, upto = chance.randrange(len(raw)), chance.randrange(3)
    odd = [
        b'"',
        b"\\",
        b"\n",
        b"\r",
        b"\0",
        b"\xff",
        b" ",
        b"0",
        b"9" * 20,
        b',"prev_hash":"',
        b"}",
    ]
    return raw[:at] + chance.choice([b"", bytes([chance.randrange(256)]), *odd]) + raw[at + upto :]


@pytest.mark.parametrize("name", ["entries.jsonl", "signatures.jsonl"])
def test_any_damage_is_said_alike(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, chance = ledger(plan()).write(tmp_path / "export"), random.Random(26)
    true = (path / name).read_bytes()
    for _ in range(40):
        (path / name).write_bytes(damaged(true, chance))
        same(path, monkeypatch)


# --- By somebody with a process's key ------------------------------------------------------------


def of(batches: list[Batch], seq: int) -> int:
    """Return the place of the batch that has an entry."""
    last = 0
    for at, batch in enumerate(batches):
        last += len(batch.entries)
        if seq <= last:
            return at
    raise AssertionError(seq)


def before_its_key(batches: list[Batch], at: int) -> None:
    batches[at].entries[0]["at"] = "2026-10-31T23:59:59.999999Z"


def after_its_key(batches: list[Batch], at: int) -> None:
    batches[at].entries[-1]["at"] = "2026-11-30T00:00:00.000001Z"


def without_a_time(batches: list[Batch], at: int) -> None:
    batches[at].entries[0]["at"] = None


def of_another_history(batches: list[Batch], at: int) -> None:
    batches[at].said = {"after_hash": "1" * 64}


def of_no_history(batches: list[Batch], at: int) -> None:
    batches[at].back, batches[at].said = 3, {"after_hash": GENESIS}


def after_itself(batches: list[Batch], at: int) -> None:
    batches[at].back = -1


def left_out_of_its_stream(batches: list[Batch], at: int) -> None:
    batches[at].said = {"number": 99}


def by_another_link(batches: list[Batch], at: int) -> None:
    batches[at].said = {"prev": "2" * 64}


def by_another_key(batches: list[Batch], at: int) -> None:
    batches[at].process = (batches[at].process + 1) % 3


def by_another_key_from_then_on(batches: list[Batch], at: int) -> None:
    for batch in batches[at:]:
        if batch.stream == batches[at].stream:
            batch.process = (batch.process + 1) % 3


def by_nobody(batches: list[Batch], at: int) -> None:
    batches[at].is_signed = False


def replayed(batches: list[Batch], at: int) -> None:
    """A batch, word for word, once more."""
    made = ledger(batches[: at + 1])
    row = made.rows[-1]
    names = ("after", "after_hash", "number", "prev")
    said = {name: row[name] for name in names}
    old = batches[at]
    batches.insert(at + 1, Batch(old.process, old.stream, old.entries, said))


def revocation(process: int, by: Ed25519PrivateKey = AUDIT) -> dict[str, Any]:
    key = key_id(public(PROCESSES[process]))
    said = {"revoked": key, "after": 1, "at": AT, "key_id": key_id(public(AUDIT))}
    said["signature"] = text(by.sign(signed_bytes("revocation", said)))
    return entry(0, "audit.key_revoked", target_ref=key, data={"revocation": said})


def revoked(batches: list[Batch], at: int) -> None:
    """The key is used afterwards."""
    batches[at].entries[0] = revocation((batches[at].process + 1) % 3)


def revoked_by_nobody(batches: list[Batch], at: int) -> None:
    batches[at].entries[0] = revocation((batches[at].process + 1) % 3, PROCESSES[0])


STOLEN = [
    *(before_its_key, after_its_key, without_a_time, of_another_history, left_out_of_its_stream),
    *(of_no_history, after_itself, by_another_link, by_another_key, by_another_key_from_then_on),
    *(by_nobody, replayed, revoked, revoked_by_nobody),
]


@pytest.mark.parametrize("forge", STOLEN, ids=lambda forge: forge.__name__)
def test_what_a_stolen_key_signs_is_said_alike(
    forge: Callable[[list[Batch], int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = of(plan(), border(ledger(plan()).write(tmp_path / "true")))
    for at in (8, middle - 1, middle, middle + 1, BATCHES - 7):
        batches = plan()
        forge(batches, at)
        holds, words = same(ledger(batches).write(tmp_path / str(at)), monkeypatch)
        assert not holds, (at, words)


def test_an_anchor_long_before_a_part_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hash is known there, which is not the hash that is nothing but zeros."""
    for at in range(of(plan(), border(ledger(plan()).write(tmp_path / "true"))) + 1, BATCHES, 4):
        batches = plan()
        for each in (at - 1, at):
            batches[each].back = sum(len(batch.entries) for batch in batches[:each]) - 3
        for name, hashed in (("none", GENESIS), ("other", "1" * 64), ("true", None)):
            batches[at].said = {"after_hash": hashed} if hashed else {}
            path = ledger(batches).write(tmp_path / f"{name}{at}")
            assert same(path, monkeypatch)[0] is (name == "true")


def test_an_anchor_that_is_too_far_back_is_said_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger(plan()).write(tmp_path / "export")
    for most, holds in ((9, True), (8, False), (7, False)):
        monkeypatch.setattr(verify, "ANCHOR_ENTRIES", most)
        assert same(path, monkeypatch)[0] is holds


def test_a_key_that_is_revoked_when_its_last_batch_is_before_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forks: list[int]
) -> None:
    """In the first part, and once more in the second."""
    batches = [batch for at, batch in enumerate(plan()) if at < 10 or batch.process != 1]
    for at in (12, len(batches) - 3):
        batches[at].entries[0] = revocation(1)
    path = ledger(batches).write(tmp_path / "export")
    holds, words = same(path, monkeypatch)
    assert told(path, 2) == (holds, words, []) == (True, words, [])
    assert len([word for word in words if "was revoked by entry" in word]) == 2
    assert len(forks) == 2


# --- What is unusual, and holds ------------------------------------------------------------------


def test_entries_of_before_signatures_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for upto in (10, 30, BATCHES // 2, BATCHES - 5, BATCHES):
        batches = plan()
        for batch in batches[:upto]:
            batch.is_signed = False
        made = ledger(batches)
        made.signed_from = made.rows[0]["first"] if made.rows else len(made.hashes)
        made.checkpoints = made.checkpoints if made.rows else []
        holds, words = same(made.write(tmp_path / str(upto)), monkeypatch)
        assert holds
        assert "are of before processes signed" in " ".join(words)


def test_foreign_entries_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    middle = of(plan(), border(ledger(plan()).write(tmp_path / "true")))
    for at in (5, middle - 1, middle, middle + 1):
        batches = plan()
        entries = [entry(n) for n in range(4)]
        batches.insert(at, Batch(0, "e" * 16, entries, {"key_id": "f" * 16}))
        made = ledger(batches)
        first = sum(len(batch.entries) for batch in batches[:at]) + 1
        made.foreign = [[first, first + 3]]
        holds, words = same(made.write(tmp_path / str(at)), monkeypatch)
        assert holds, words
        assert f"Entries {first} to {first + 3} are nobody's" in " ".join(words)


def test_signatures_in_another_form_of_json_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ledger(plan())
    made.text = "\n".join(json.dumps(row, indent=None, separators=(",", ":")) for row in made.rows)
    assert same(made.write(tmp_path / "export"), monkeypatch)[0]


def test_the_signatures_of_long_streams_are_checked_at_the_same_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "BATCHES_AT_ONCE", 4)
    assert same(ledger(plan()).write(tmp_path / "true"), monkeypatch)[0]
    for at in range(len(ledger(plan()).rows)):
        made = ledger(plan())
        row = made.rows[at]
        row["signature"] = text(b"x" * 64)
        is_last = row["stream"] not in [other["stream"] for other in made.rows[at + 1 :]]
        holds, _words = same(made.write(tmp_path / str(at)), monkeypatch)
        assert holds is not (is_last or row["number"] % 4 == 0)


def test_more_streams_than_are_kept_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "STREAMS", 3)
    assert same(ledger(plan()).write(tmp_path / "export"), monkeypatch)[0]


def test_no_more_batches_wait_for_a_signature_than_there_is_memory_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, take = list[int](), verify.Batches.take_all

    def noted(batches: verify.Batches, *args: Any) -> Any:
        taken = take(batches, *args)
        waiting.append(sum(len(stream.waiting) for stream in batches._streams.values()))
        return taken

    monkeypatch.setattr(verify, "WAITING_MOST", 9)
    monkeypatch.setattr(verify.Batches, "take_all", noted)
    path = ledger(plan()).write(tmp_path / "export")
    assert told(path, 1)[0]
    assert max(waiting) <= 9 < len(ledger(plan()).rows)
    assert told(path, 2)[0]
    made = ledger(plan())
    made.rows[-1]["signature"] = text(b"x" * 64)
    assert not told(made.write(tmp_path / "other"), 1)[0]


def test_an_anchor_that_no_part_tells_of_is_left_to_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_TOLD_ENTRIES", 2)
    batches = plan()
    path = ledger(batches).write(tmp_path / "true")
    assert verify._in_parts(verify._Export(path), KEYS, (), None, 2) is not None
    batches[of(batches, border(path)) + 1].back = 5
    path = ledger(batches).write(tmp_path / "export")
    assert verify._in_parts(verify._Export(path), KEYS, (), None, 2) is None
    assert same(path, monkeypatch)[0]


def test_an_export_that_begins_after_no_hash_is_said_to_break(tmp_path: Path) -> None:
    path = ledger(plan()).write(tmp_path / "export")
    manifest = json.loads((path / "manifest.json").read_text())
    said = {k: v for k, v in manifest.items() if k not in ("signature", "key_id")}
    (path / "manifest.json").write_text(json.dumps(signed("manifest", {**said, "before": "none"})))
    said_alone = told(path, 1)
    assert not said_alone[0]
    assert told(path, 2) == said_alone


def test_hashes_are_kept_as_far_back_as_an_anchor_may_go() -> None:
    hashes, known = verify._Hashes(), {n: hashlib.sha256(b"%d" % n) for n in range(400)}
    every = verify._Hashes.ENTRIES
    for first in (every - 150, 3 * every - 250):
        hashes.put(first, b"".join(each.digest() for each in known.values()))
        assert all(hashes[first + n] == each.hexdigest() for n, each in known.items())
        for begin, end in ((0, 0), (0, 399), (100, 200), (149, 150), (150, 151), (249, 250)):
            told = "".join(known[n].hexdigest() for n in range(begin, end + 1))
            assert hashes.between(first + begin, first + end) == told


def test_anchors_reach_over_short_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = plan()
    for at, batch in enumerate(batches):
        batch.back = at * 2  # as far back as there are entries
    path = ledger(batches).write(tmp_path / "export")
    assert same(path, monkeypatch)[0]
    whole = verify._in_parts(verify._Export(path), KEYS, (), None, 6)
    assert whole is not None
    assert whole.holds
    for at in range(0, BATCHES, 9):
        batches[at].said = {"after_hash": "1" * 64} if at else {}
        same(ledger(batches).write(tmp_path / str(at)), monkeypatch)
        batches[at].said = {}


# --- Wherever the parts meet ---------------------------------------------------------------------


def at_places(places: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> None:
    border_at, number = verify._border, iter(places)
    monkeypatch.setattr(
        verify, "_border", lambda export, _place, rows: border_at(export, next(number), rows)
    )


def some_borders(size: int) -> Iterator[list[int]]:
    chance = random.Random(18)
    for number in (1, 1, 1, 1, 1, 1, 2, 2, 3, 3):
        yield sorted(chance.randrange(size) for _ in range(number))


@pytest.mark.parametrize("change", [None, *CHANGES[::4]])
def test_any_border_gives_the_same_report(
    change: Change | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ledger(plan())
    if change is not None:
        change(made, len(made.lines) // 2)
    path = made.write(tmp_path / "export")
    alone = told(path, 1)
    for places in some_borders((path / "entries.jsonl").stat().st_size):
        with monkeypatch.context() as patch:
            at_places(places, patch)
            patch.setattr(verify, "_process", here)
            assert told(path, len(places) + 1) == alone


# --- What happens to the processes ---------------------------------------------------------------


def dies(*_args: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def no_memory(*_args: Any) -> None:
    raise MemoryError


def says_less(*args: Any) -> None:
    args[-1].write(b'told {"head": [')


@pytest.mark.parametrize("instead", [dies, no_memory, says_less])
@pytest.mark.parametrize("which", [0, 1])
def test_a_process_that_fails_proves_nothing(
    instead: Callable[..., None],
    which: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = ledger(plan()).write(tmp_path / "export")
    alone, tell = told(path, 1), verify._tell_of

    def one_fails(export: Any, part: Any, *rest: Any) -> None:
        is_first = part.entries[0] == 0
        (instead if is_first is (which == 0) else tell)(export, part, *rest)

    monkeypatch.setattr(verify, "_tell_of", one_fails)
    assert verify._in_parts(verify._Export(path), KEYS, (), None, 2) is None
    assert told(path, 2) == alone


def test_where_no_process_can_start_one_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ledger(plan()).write(tmp_path / "export")
    alone = told(path, 1)

    def refused() -> int:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(os, "fork", refused)
    assert told(path, 2) == alone
    monkeypatch.setattr(sys, "platform", "win32")
    assert verify._parts_of(verify._Export(path), 2) == []


def test_a_border_that_lies_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second part is a history of its own, which goes on from a hash that it names itself."""
    made = ledger(plan())
    path = made.write(tmp_path / "true")
    middle = border(path)
    batches = plan()
    batches[3].entries[0]["target_name"] = "another"
    other = ledger(batches)
    made.lines[middle:], made.hashes[middle + 1 :] = (
        other.lines[middle:],
        other.hashes[middle + 1 :],
    )
    made.rows = [r for r in made.rows if r["last"] <= middle]
    made.rows += [r for r in other.rows if r["first"] > middle]
    made.checkpoints = []
    holds, words = same(made.write(tmp_path / "export"), monkeypatch)
    assert not holds
    assert words[0].startswith(f"Entry {middle + 1} does not follow entry {middle}")


@pytest.mark.processes
def test_the_file_alone_verifies_in_parts(tmp_path: Path) -> None:
    """In an empty folder, by Python and cryptography alone: with two processes it says what it says
    with one."""
    batches = [
        Batch(n % 3, f"{n % 3:016x}", [entry(m, data={"text": "x" * 20_000}) for m in range(60)])
        for n in range(32)
    ]
    path = ledger(batches).write(tmp_path / "export")
    assert (path / "entries.jsonl").stat().st_size > 2 * 16 * 1024 * 1024
    alone = tmp_path / "elsewhere" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(verify.__file__, alone)

    def run(processes: int) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-I", str(alone), str(path), "--key", text(public(AUDIT))]
        return subprocess.run(
            [*words, "--processes", str(processes)],
            cwd=alone.parent,
            capture_output=True,
            text=True,
            check=False,
        )

    done = run(2)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("HOLDS\n")
    assert done.stdout == run(1).stdout


def test_a_report_is_made_of_the_parts(tmp_path: Path) -> None:
    """Also what no sentence shows."""
    path = ledger(plan()).write(tmp_path / "export")
    in_parts: Report = verify_export(path, KEYS, processes=3)
    assert in_parts == verify_export(path, KEYS)
