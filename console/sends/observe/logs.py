"""Log lines of sends and deliveries, with their ids, written after the commit.

A line before the commit could report something that never happened.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import structlog
from django.db import transaction

from console.audit.actions import Action
from console.audit.services import Record
from console.sends.models import Send, SendStatus

logger = structlog.get_logger("console.sends")

SHOWN_RANGES = 20


def compact(ids: Iterable[int]) -> str:
    """Return ids in compact form, as "3,7-12". Long lists are cut, with a count of the rest."""
    ranges: list[list[int]] = []
    for number in sorted(set(ids)):
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    words = [str(first) if first == last else f"{first}-{last}" for first, last in ranges]
    if len(words) > SHOWN_RANGES:
        left = sum(last - first + 1 for first, last in ranges[SHOWN_RANGES:])
        words = [*words[:SHOWN_RANGES], f"and {left} more"]
    return ",".join(words)


def send_created(send: Send, counts: Mapping[str, int]) -> None:
    """Log a new send, as created or started. One from a page waits for its undo seconds or its
    time; one by the API starts at once unless it is scheduled."""
    is_started = send.status == SendStatus.RUNNING
    _say("send started" if is_started else "send created", send=send.pk, **_words(counts))


def sends_changed(records: Sequence[Record]) -> None:
    """Log one line for each send that started or finished, with the counts of its ledger entry."""
    for record in records:
        _kind, ref, _name = record.target
        _say(_event(record.action), send=ref, **_words(record.data.get("counts", {})))


def send_changed(send: Send, action: Action, **facts: Any) -> None:
    """Log what somebody did with a send."""
    _say(_event(action), send=send.pk, **facts)


def delivery_unknown(**facts: Any) -> None:
    """Log a warning: somebody has to look into the delivery."""
    _warn("delivery unknown", **facts)


def late_answer(send: int, delivery: int, status: str) -> None:
    """Log what became known of an unknown delivery."""
    _say("late answer recorded", send=send, delivery=delivery, status=status)


def resolved(records: Sequence[Record]) -> None:
    """Log the evidence in these entries, one line for each delivery."""
    for record in records:
        if record.action != Action.DELIVERIES_RESOLVED:
            continue
        _kind, ref, _name = record.target
        for said in record.data["deliveries"]:
            _say(
                "evidence recorded",
                send=ref,
                delivery=said["id"],
                source=said["source"],
                verdict=said["verdict"],
                resolution=said["resolution"],
            )


def _event(action: Action) -> str:
    return action.replace(".", " ")


def _words(counts: Mapping[str, int]) -> dict[str, Any]:
    return {"count": sum(counts.values()), **counts} if counts else {}


def _say(event: str, **facts: Any) -> None:
    transaction.on_commit(partial(logger.info, event, **facts), robust=True)


def _warn(event: str, **facts: Any) -> None:
    transaction.on_commit(partial(logger.warning, event, **facts), robust=True)
