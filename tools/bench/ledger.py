"""What the ledger costs the engine, and how fast an export is verified."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from console.audit.chain import GENESIS, canonical, entry_hash
from console.audit.verify import Report, export_line, follow
from tools.bench.measures import engine_rate, in_rounds
from tools.bench.progress import say
from tools.bench.results import Goal, Pair, Row, row
from tools.bench.world import World

ENTRIES = 200_000


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
    """An export's entries, followed as the verifier does, and the same bytes only hashed."""
    path = world.folder / "entries.jsonl"
    size = _write(path)
    follow_all(path)  # warms up

    def measure() -> Pair:
        return Pair(ENTRIES / follow_all(path), ENTRIES / _hash_all(path))

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
            goal=Goal(least=200_000, of="first"),
            note=f"An entry's line has {size / ENTRIES:.0f} bytes here.",
        )
    ]


def _write(path: Path) -> int:
    """As many entries as somebody's sends to single chats make."""
    previous = GENESIS
    with path.open("wb") as file:
        for seq in range(1, ENTRIES + 1):
            said = {"id": seq, "interaction": f"0001aB{seq:08}", "attempts": 1, "reference_id": seq}
            said["text_sha256"] = hashlib.sha256(str(seq).encode()).hexdigest()
            entry = {
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
            previous = entry_hash(entry)
            file.write(export_line(canonical(entry), previous))
        return file.tell()


def follow_all(path: Path) -> float:
    report = Report()
    started = time.perf_counter()
    with path.open("rb") as file:
        follow(file, report, {})
    seconds = time.perf_counter() - started
    if report.findings or report.followed != ENTRIES:
        raise RuntimeError(json.dumps([item.sentence for item in report.findings]))
    return seconds


def _hash_all(path: Path) -> float:
    started = time.perf_counter()
    with path.open("rb") as file:
        for line in file:
            hashlib.sha256(line).digest()
    return time.perf_counter() - started
