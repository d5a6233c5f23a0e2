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
from typing import Any
from unittest.mock import patch

from django.test import override_settings

from console.audit.chain import GENESIS, canonical
from console.audit.checkpoints import new_key, trusted_keys
from console.audit.signing import Signature, Stream, certified_key, signed_batch
from console.audit.verify import Batches, Keys, Report, export_line, follow
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
            goal=Goal(least=0.75),
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
    """An export's entries and their signatures, verified as anybody would, and the same bytes only
    hashed."""
    made = _write(world.folder / "entries.jsonl")
    verify_all(made)  # warms up

    def measure() -> Pair:
        return Pair(made.entries / verify_all(made), made.entries / _hash_all(made.path))

    rounds = []
    for number in range(world.rounds):
        rounds.append(measure())
        say(f"verifier: round {number + 1} of {world.rounds}, ratio {rounds[-1].ratio:.3f}")
    return [
        row(
            "verifier",
            f"verifying {ENTRIES:,} entries : bare SHA-256 over them",
            rounds,
            unit="entries/s",
            goal=Goal(least=0.5),
            note=f"An entry's line has {made.size / made.entries:.0f} bytes here; "
            f"{len(made.signatures):,} batches are signed.",
        )
    ]


# How many entries a batch has, in turns: most are one act of a person, some a worker's step.
BATCHES = (1, 1, 1, 2, 1, 4, 1, 24)
STREAMS = 12


@dataclass
class Made:
    """An export's entries in a file, their signatures, and who may sign."""

    path: Path
    size: int
    signatures: list[dict[str, Any]]
    certificates: list[Mapping[str, Any]]
    keys: Keys
    entries: int = 0


def _write(path: Path) -> Made:
    """As many entries as somebody's sends to single chats make, by processes that sign them."""
    with override_settings(AUDIT_KEY=new_key(), AUDIT_OLD_KEYS=[]):
        process = certified_key("bench", BEGIN, timedelta(days=365))
        made = Made(path, 0, [], [process.certificate], trusted_keys())
    streams = [Stream(f"{number:016x}", process.id) for number in range(STREAMS)]
    seq, previous = 0, GENESIS
    with path.open("wb") as file:
        for turn in count():
            anchor, contents = (seq, previous), list[bytes]()
            for _ in range(BATCHES[turn % len(BATCHES)]):
                seq += 1
                whole = canonical(_entry(seq, previous))
                contents += whole.split(b',"prev_hash":"%b","seq":%d' % (previous.encode(), seq))
                previous = hashlib.sha256(whole).hexdigest()
                file.write(export_line(whole, previous))
            signed = signed_batch(process, streams[turn * 7 % STREAMS], anchor, contents)
            made.signatures.append(_as_line(signed, anchor[0] + 1, seq))
            if seq >= ENTRIES:
                break
        made.entries, made.size = seq, file.tell()
    return made


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
    report = Report()
    started = time.perf_counter()
    with made.path.open("rb") as file:
        follow(file, report, {}, Batches(made.signatures, made.certificates, made.keys))
    seconds = time.perf_counter() - started
    if report.findings or (report.followed, report.signed) != (made.entries, made.entries):
        raise RuntimeError(json.dumps([item.sentence for item in report.findings]))
    return seconds


def _hash_all(path: Path) -> float:
    started = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            hashlib.sha256(line).digest()
    return time.perf_counter() - started
