"""Ways to change the proof of a send, each with the words by which it is found."""

import json
from collections.abc import Callable
from typing import Any

from console.audit.verify import CHECKPOINTS, DELIVERIES, ENTRIES, MANIFEST, SEND


def in_lines(name: str, change: Callable[[list[dict[str, Any]]], object]) -> Any:
    def tamper(files: dict[str, bytes]) -> None:
        rows = [json.loads(line) for line in files[name].splitlines()]
        change(rows)
        files[name] = b"".join(json.dumps(row).encode() + b"\n" for row in rows)

    return tamper


def replaced(name: str, old: bytes, new: bytes) -> Any:
    def tamper(files: dict[str, bytes]) -> None:
        assert old in files[name]
        files[name] = files[name].replace(old, new, 1)

    return tamper


WAYS: dict[str, tuple[Any, str]] = {
    "a text": (
        in_lines(DELIVERIES, lambda rows: rows[0].update(text="Something else")),
        "The text of delivery {first} is not the one whose digest stands in entry",
    ),
    "a salt": (
        in_lines(DELIVERIES, lambda rows: rows[0].update(salt="00")),
        "The text of delivery {first} is not the one",
    ),
    "an outcome": (
        in_lines(DELIVERIES, lambda rows: rows[1].update(status="delivered")),
        "deliveries.jsonl says 'delivered' as its status, entry",
    ),
    "a reference": (
        in_lines(DELIVERIES, lambda rows: rows[0].update(reference_id=99)),
        "deliveries.jsonl says 99 as its reference_id, entry",
    ),
    "a text that is said to be erased": (
        in_lines(DELIVERIES, lambda rows: rows[0].update(text="", erased_at="2026-01-01")),
        "deliveries.jsonl is not the one that the console signed",
    ),
    "an end that is said not to have come": (
        in_lines(DELIVERIES, lambda rows: rows[2].update(status="pending")),
        "deliveries.jsonl says 'pending' as its status",
    ),
    "a delivery that is missing": (
        in_lines(DELIVERIES, lambda rows: rows.pop(1)),
        "which is not in deliveries.jsonl",
    ),
    "a delivery that was added": (
        in_lines(DELIVERIES, lambda rows: rows.append({**rows[0], "id": 10**9})),
        "is said to be delivered, and no entry",
    ),
    "another chat": (
        in_lines(DELIVERIES, lambda rows: rows[0].update(interaction="c9")),
        "The chats in deliveries.jsonl are not those that were chosen",
    ),
    "the sender": (
        replaced(SEND, b'"actor_name": "Sue"', b'"actor_name": "Eve"'),
        "send.json says 'Eve' as the actor name; entry",
    ),
    "the words of the version": (
        replaced(SEND, "Grüße".encode(), b"Money"),
        "The words, the author or the reviewer of version 1 of greeting",
    ),
    "the reviewer": (
        replaced(SEND, b'"Reviewer"', b'"Somebody"'),
        "The words, the author or the reviewer of version 1 of greeting",
    ),
    "an approval that was none": (
        replaced(SEND, b'"approved_by_name": ""', b'"approved_by_name": "Eve"'),
        "send.json is not the one that the console signed",
    ),
    "a field that is gone": (
        replaced(SEND, b'"version"', b'"verzion"'),
        "send.json is not the one that the console signed",
    ),
    "what is no JSON": (
        replaced(DELIVERIES, b"{", b"["),
        "deliveries.jsonl is not the one that the console signed",
    ),
    "an entry": (
        replaced(ENTRIES, b'"deliveries.failed"', b'"deliveries.passed"'),
        "was changed: what it says is not what its hash was made of",
    ),
    "an entry that is missing": (
        lambda files: files.update(
            {ENTRIES: b"".join(files[ENTRIES].splitlines(keepends=True)[:-1])}
        ),
        "by its manifest the last one is",
    ),
    "the checkpoint's hash": (
        in_lines(CHECKPOINTS, lambda rows: rows[0].update(hash="0" * 64)),
        "is worth nothing: its signature does not fit what it says",
    ),
    "no checkpoint": (
        lambda files: files.update({CHECKPOINTS: b""}),
        "No checkpoint in the file vouches for the entries of this send",
    ),
    "the manifest": (
        replaced(MANIFEST, b'"of_send_to"', b'"of_send_too"'),
        "The manifest is not the console's: its signature does not fit",
    ),
    "another send's manifest": (
        lambda files: files.update(
            {MANIFEST: json.dumps({**json.loads(files[MANIFEST]), "send": 10**6}).encode()}
        ),
        "The manifest is not the console's: its signature does not fit",
    ),
}
