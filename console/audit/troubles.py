"""What a person should know of checkpoints and of the tree, for /readyz and Operations."""

from collections.abc import Callable, Iterator

from django.conf import settings

from console.audit.metrics import (
    ledger_not_outside_seconds,
    state_compared,
    tree_not_published_seconds,
    tree_refusal,
    tree_unsigned_seconds,
    unsigned_and_refusal,
)
from console.audit.siem.standing import stream_troubles
from console.audit.tlog.outside import folder
from console.audit.witnessing.quorum import witness_troubles
from console.text.sentences import Sentence

UNSIGNED_SECONDS = 900.0
# Twice that, since it follows on a checkpoint.
NOT_OUTSIDE_SECONDS = 1800.0
# Three nights.
COMPARED_SECONDS = 259_200.0


def ledger_troubles() -> Iterator[Sentence]:
    yield from troubles_of_trust()
    if settings.CHECKPOINTS_TO and (seconds := _late(ledger_not_outside_seconds)):
        yield Sentence(
            "checkpoints_not_outside",
            "Checkpoints of the ledger have not left for {seconds:.0f} s. The worker's log says "
            "why.",
            seconds=seconds,
        )
    refused = tree_refusal()
    if refused is not None:
        yield refused
    elif seconds := _late(tree_unsigned_seconds):
        yield Sentence(
            "tree_late",
            "Entries of the ledger have waited for the tree for {seconds:.0f} s.",
            seconds=seconds,
        )
    elif folder() is not None and (seconds := _late(tree_not_published_seconds)):
        yield Sentence(
            "tree_not_published",
            "The tree of the ledger has not been published for {seconds:.0f} s. The worker's log "
            "says why.",
            seconds=seconds,
        )
    yield from stream_troubles()


def state_troubles() -> Iterator[Sentence]:
    """Yield what the nightly comparison of the state with the ledger found, or that there is
    none."""
    if not settings.STATE_CHECK:
        return
    number, seconds = state_compared()
    if number:
        yield Sentence(
            "state_differs",
            "The database differs from the ledger in {number} places: the page Proof of the trail "
            "names them.",
            number=number,
        )
    if seconds > COMPARED_SECONDS:
        yield Sentence(
            "state_not_compared",
            "The database has not been compared with the ledger for {seconds:.0f} s.",
            seconds=seconds,
        )


def troubles_of_trust() -> Iterator[Sentence]:
    """Yield why the trail may not be believed now: checkpoints or cosignatures are late, the
    ledger does not hold, or a witness contradicts. It is cheap enough for each page."""
    unsigned, refusal = unsigned_and_refusal()
    if unsigned > UNSIGNED_SECONDS:
        yield Sentence(
            "checkpoints_late",
            "Entries of the ledger have waited for a checkpoint for {seconds:.0f} s.",
            seconds=unsigned,
        )
    if refusal is not None:
        yield Sentence(
            "ledger_refused",
            "No checkpoint is made since {at}: at entry {seq} the ledger does not hold. Verify "
            "the trail, and find out who wrote to the database.",
            at=refusal.at,
            seq=refusal.seq,
        )
    yield from witness_troubles()


def _late(waits: Callable[[], float]) -> float:
    """Return how long it waits, if that is too long; else 0."""
    seconds = waits()
    return seconds if seconds > NOT_OUTSIDE_SECONDS else 0.0
