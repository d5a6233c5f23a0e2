"""What the ledger costs the engine, and how fast an export is verified."""

import base64
import hashlib
import json
import os
import subprocess
import sys
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

from console.audit.chain import GENESIS, canonical, canonical_time
from console.audit.checkpoints import new_key, signed, trusted_keys
from console.audit.export import json_lines
from console.audit.signing import ProcessKey, Signature, Stream, certified_key, signed_batch
from console.audit.verify import (
    CERTIFICATES,
    CHECKPOINTS,
    FORMAT,
    MANIFEST,
    SIGNATURES,
    Keys,
    export_line,
)
from console.audit.verify import ENTRIES as ENTRIES_FILE
from tools.bench.measures import engine_rate, in_rounds
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

ENTRIES = 400_000
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
    """A whole export, verified by as many processes as there are cores, and its lines only hashed
    by one. Beside it the CPU that both take, and one process alone."""
    made, processes = _write(world.folder / "export"), len(os.sched_getaffinity(0))
    key = base64.b64encode(made.keys.raw()[0]).decode()
    words = ["tools.bench.verifying", made.folder, key, processes, world.rounds]
    done = subprocess.run(
        [sys.executable, "-m", *map(str, words)], check=True, stdout=subprocess.PIPE, text=True
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    rounds = [Pair(made.entries / each["all"][0], made.entries / each["bare"][0]) for each in told]
    cpu = [each["bare"][1] / each["all"][1] for each in told]
    one = [each["bare"][1] / each["one"][1] for each in told]
    return [
        row(
            "verifier",
            f"verifying {ENTRIES:,} entries by {processes} processes : bare SHA-256 by one",
            rounds,
            unit="entries/s",
            goal=Goal(least=0.5),
            note=f"By the clock; an entry's line has {made.size / made.entries:.0f} bytes here; "
            f"{len(made.signatures):,} batches are signed.\n"
            f"By the CPU of all {processes} processes together: {median(cpu):.3f}. "
            f"One process alone: {median(one):.3f}.",
            cpu=cpu,
            one=one,
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
            at = canonical_time(BEGIN + turn * timedelta(seconds=1.234567))
            for _ in range(BATCHES[turn % len(BATCHES)]):
                seq += 1
                whole = canonical(_entry(seq, previous, at))
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
    digests = {
        name: hashlib.sha256((made.folder / name).read_bytes()).hexdigest() for name in parts
    }
    said = {"format": FORMAT, "first": 1, "before": GENESIS, "last": made.entries}
    manifest = signed("manifest", {**said, "head": made.head, "files": digests})
    (made.folder / MANIFEST).write_text(json.dumps(manifest))


def _entry(seq: int, previous: str, at: str) -> dict[str, Any]:
    said = {"id": seq, "interaction": f"0001aB{seq:08}", "attempts": 1, "reference_id": seq}
    said["text_sha256"] = hashlib.sha256(str(seq).encode()).hexdigest()
    return {
        "seq": seq,
        "at": at,
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
