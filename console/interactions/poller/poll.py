"""One poll from beginning to end. Two never run at a time (docs/poller.md).

No transaction is open during calls to Interaction Server. The lock belongs to the database session:
PostgreSQL frees it when that ends, however it ends.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import structlog
from django.conf import settings
from django.db import DatabaseError, connection

from console.actors import Actor
from console.errors import Conflict, Unavailable
from console.interactions.poller.writing import (
    Poll,
    PollCounts,
    PollResult,
    poll_begin,
    poll_fail,
    poll_finish,
    poll_page,
)
from console.ixn.errors import SnapshotFailed
from console.ixn.snapshots import Reader, Snapshot, Source
from console.text.sentences import sentence_of

logger = structlog.get_logger("console.interactions")

# Any fixed number will do: it names the poller's lock.
POLL_LOCK = 0x504F4C4C49584E01

# Without the error's text, which may have a customer's data.
UNEXPECTED = "It broke off by %s, which is unexpected: see the log of whoever polled."

OpenSource = Callable[[], AbstractContextManager[Source]]


def poll_interactions(
    actor: Actor, open_source: OpenSource, *, however_many: bool = False
) -> PollResult:
    """Take a snapshot, and update the live chats from it.

    Raises Conflict if another poller is at work, and Unavailable if Interaction Server gives no
    snapshot. A failure, expected or not, is recorded for the Operations page.
    """
    with only_poller():
        began = time.monotonic()
        try:
            result = _poll(actor, open_source, however_many=however_many)
        except SnapshotFailed as error:
            logger.warning("poll failed", reason=str(error))
            poll_fail(actor, reason=str(error))
            raise Unavailable("poll_failed", sentence_of(error)) from error
        except Exception as error:
            # If the database failed, poll_fail fails too. Only the first error matters.
            with suppress(DatabaseError):
                poll_fail(actor, reason=UNEXPECTED % type(error).__name__)
            raise
        _log(result, time.monotonic() - began)
        return result


@contextmanager
def only_poller() -> Iterator[None]:
    """Hold the poller's lock. Raises Conflict if another poller has it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [POLL_LOCK])
        (is_ours,) = cursor.fetchone()
    if not is_ours:
        raise Conflict(
            "poller_at_work",
            "Another poller is at work, so this one has done nothing: there is never more than "
            "one at a time. Wait until it has ended, or let it be.",
        )
    try:
        yield
    finally:
        _unlock()


def _unlock() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [POLL_LOCK])
    except DatabaseError:
        # A lost session holds no lock any more. Only the first error matters.
        connection.close()


def _poll(actor: Actor, open_source: OpenSource, *, however_many: bool) -> PollResult:
    with open_source() as source:
        poll = poll_begin(actor)
        snapshot = source.take()
        reader = Reader(snapshot, page_size=settings.POLL.page_size)
        try:
            counts = _read(actor, poll, reader)
        finally:
            _release(snapshot)
        return poll_finish(
            actor,
            poll,
            address=source.address,
            seen=reader.ids,
            counts=counts,
            is_whole=reader.is_whole and not _is_cut_off(reader),
            however_many=however_many,
        )


def _read(actor: Actor, poll: Poll, reader: Reader) -> PollCounts:
    counts = PollCounts()
    for page in reader:
        counts += poll_page(actor, poll, page)
    return counts


def _release(snapshot: Snapshot) -> None:
    """Release a snapshot. If that fails, it goes with the connection; the poll does not fail."""
    try:
        snapshot.release()
    except SnapshotFailed as error:
        logger.warning("snapshot not released", reason=str(error))


def _is_cut_off(reader: Reader) -> bool:
    """Return whether the snapshot reached Interaction Server's limit, so chats may be left out."""
    most = settings.POLL.snapshot_limit
    return bool(most) and len(reader.ids) >= most


def _log(result: PollResult, seconds: float) -> None:
    logger.info(
        "poll ended",
        address=result.address,
        seen=result.seen,
        new=result.counts.new,
        changed=result.counts.changed,
        ended=result.ended,
        rejected=result.counts.rejected,
        unconfirmed=result.unconfirmed,
        seconds=round(seconds, 3),
    )
    if result.withheld:
        logger.warning(
            "missing chats not ended",
            count=result.withheld,
            is_whole=result.is_whole,
        )
