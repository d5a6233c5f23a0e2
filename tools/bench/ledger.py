"""What the ledger costs the engine, and how fast an export is verified."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from django.test import override_settings

from console.audit.chain import GENESIS, canonical
from console.audit.checkpoints import new_key, signed, trusted_keys
from console.audit.export import json_lines
from console.audit.signing import ProcessKey, Signature, Stream, certified_key, signed_batch
from console.audit.verify import (
    CERTIFICATES,
    CHECKPOINTS,
    FORMAT,
    MANIFEST,
    SIGNATURES,
    Batches,
    Keys,
    Report,
    export_line,
    follow,
    verify_export,
)
from console.audit.verify import ENTRIES as ENTRIES_FILE
from tools.bench.measures import engine_rate, in_rounds
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

ENTRIES = 200_000
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def ledger(world: World) -> list[Row]:
    """The engine as it is, and with nothing entered into the ledger."""
    ids = world.chats(world.medium)

    def measure() -> Pair:
        with_ledger = engine_rate(ids)
        with _ledger_off():
            return Pair(with_ledger, engine_rate(ids))

    return [
        row(
            "ledger",
            "engine : engine with the ledger off",
            in_rounds("ledger", world, measure),
            unit="deliveries/s",
            goal=Goal(least=0.8),
            deliveries=len(ids),
        )
    ]


@contextmanager
def _ledger_off() -> Iterator[None]:
    # Also nothing is made ready for it.
    with (
        patch("console.audit.services.record_many"),
        patch("console.sends.proof.ledger.record_many"),
        patch("console.sends.engine.record.ended_records", return_value=[]),
    ):
        yield


def verifier(world: World) -> list[Row]:
    """An export's entries and their signatures, followed by one process, and the same bytes only
    hashed. Beside it the whole verification, which also reads the lines of the signatures."""
    made = _write(world.folder / "export")
    verify_all(made), _verify_export(made)  # warms up

    def measure() -> Pair:
        return Pair(made.entries / verify_all(made), made.entries / _hash_all(made.path))

    rounds, wholes = [], []
    for number in range(world.rounds):
        rounds.append(measure())
        wholes.append(made.entries / _verify_export(made) / rounds[-1].second)
        say(f"verifier: round {number + 1} of {world.rounds}, ratio {rounds[-1].ratio:.3f}")
    return [
        row(
            "verifier",
            f"verifying {ENTRIES:,} entries : bare SHA-256 over them",
            rounds,
            unit="entries/s",
            goal=Goal(least=0.5),
            note=f"An entry's line has {made.size / made.entries:.0f} bytes here; "
            f"{len(made.signatures):,} batches are signed. CPU time of one process.\n"
            f"The whole export, with the lines of its signatures read: {median(wholes):.3f}.",
            whole=wholes,
        )
    ]


# How many entries a batch has, in turns: most are one act of a person, some a worker's step.
BATCHES = (1, 1, 1, 2, 1, 4, 1, 24)
STREAMS = 12


@dataclass
class Made:
    """An export in a folder: its entries, their signatures, and who may sign."""

    folder: Path
    size: int
    signatures: list[dict[str, Any]]
    certificates: list[Mapping[str, Any]]
    keys: Keys
    entries: int = 0
    head: str = GENESIS

    @property
    def path(self) -> Path:
        return self.folder / ENTRIES_FILE


def _write(folder: Path) -> Made:
    """As many entries as somebody's sends to single chats make, by processes that sign them."""
    folder.mkdir()
    with override_settings(AUDIT_KEY=new_key(), AUDIT_OLD_KEYS=[]):
        process = certified_key("bench", BEGIN, timedelta(days=365))
        made = Made(folder, 0, [], [process.certificate], trusted_keys())
        _write_entries(made, process)
        _write_rest(made)
    return made


def _write_entries(made: Made, process: ProcessKey) -> None:
    streams = [Stream(f"{number:016x}", process.id) for number in range(STREAMS)]
    seq, previous = 0, GENESIS
    with made.path.open("wb") as file:
        for turn in count():
            anchor, contents = (seq, previous), list[bytes]()
            for _ in range(BATCHES[turn % len(BATCHES)]):
                seq += 1
                whole = canonical(_entry(seq, previous))
                contents += whole.split(b',"prev_hash":"%b","seq":%d' % (previous.encode(), seq))
                previous = hashlib.sha256(whole).hexdigest()
                file.write(export_line(whole, previous))
            batch = signed_batch(process, streams[turn * 7 % STREAMS], anchor, contents)
            made.signatures.append(_as_line(batch, anchor[0] + 1, seq))
            if seq >= ENTRIES:
                break
        made.entries, made.size, made.head = seq, file.tell(), previous


def _write_rest(made: Made) -> None:
    parts: dict[str, list[Any]] = {
        SIGNATURES: made.signatures,
        CERTIFICATES: made.certificates,
        CHECKPOINTS: [],
    }
    for name, items in parts.items():
        (made.folder / name).write_bytes(b"".join(json_lines(items)))
    said = {"format": FORMAT, "first": 1, "before": GENESIS, "last": made.entries}
    manifest = signed("manifest", {**said, "head": made.head, "files": {}})
    (made.folder / MANIFEST).write_text(json.dumps(manifest))


def _entry(seq: int, previous: str) -> dict[str, Any]:
    said = {"id": seq, "interaction": f"0001aB{seq:08}", "attempts": 1, "reference_id": seq}
    said["text_sha256"] = hashlib.sha256(str(seq).encode()).hexdigest()
    return {
        "seq": seq,
        "at": "2026-11-26T12:00:00.000000Z",
        "actor_ref": "system:worker",
        "actor_name": "Notice Console (worker)",
        "action": "deliveries.delivered",
        "target_kind": "send",
        "target_ref": str(seq),
        "target_name": f"send {seq}",
        "data": {
            "chat_server": "chat-east",
            "method": "Message",
            "visibility": "ALL",
            "deliveries": [said],
        },
        "prev_hash": previous,
    }


def _as_line(signed: Signature, first: int, last: int) -> dict[str, Any]:
    """Return a signature as an export has it."""
    said = {**asdict(signed), "first": first, "last": last}
    return {**said, "signature": base64.b64encode(signed.signature).decode()}


def verify_all(made: Made) -> float:
    """Return the seconds of CPU that following the entries takes."""
    report = Report()
    started = time.process_time()
    with made.path.open("rb") as file:
        follow(file, report, {}, Batches(made.signatures, made.certificates, made.keys))
    return _seconds(started, made, report)


def _verify_export(made: Made) -> float:
    started = time.process_time()
    return _seconds(started, made, verify_export(made.folder, made.keys))


def _seconds(started: float, made: Made, report: Report) -> float:
    seconds = time.process_time() - started
    if report.findings or (report.followed, report.signed) != (made.entries, made.entries):
        raise RuntimeError(json.dumps([item.sentence for item in report.findings]))
    return seconds


def _hash_all(path: Path) -> float:
    started = time.process_time()
    with path.open("rb") as file:
        for line in file:
            hashlib.sha256(line).digest()
    return time.process_time() - started
