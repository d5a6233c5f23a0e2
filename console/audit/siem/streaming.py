"""Streams the ledger to a receiver: reads a batch, has it taken, moves on. It goes no faster than
the receiver takes, and holds one batch in memory."""

import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import structlog
from django.conf import settings

from console.audit.models import AuditStream
from console.audit.siem.cef import cef
from console.audit.siem.links import Link, NotTaken, linked
from console.audit.siem.message import MESSAGE_BYTES, Message, bounded
from console.audit.siem.ocsf import ocsf
from console.audit.siem.positions import stream_end, stream_fail, stream_move_on, stream_take
from console.audit.siem.reading import next_batch
from console.audit.siem.settings import CEF, SYSLOG, Destination
from console.audit.siem.syslog import syslog
from console.site.version import console_version

# Of one job. What is left, the next one does a few seconds later.
RUN_SECONDS = 45.0

logger = structlog.get_logger("console.audit")


def never() -> bool:
    return False


def stream_to(place: str, *, stopping: Callable[[], bool] = never) -> int:
    """Stream to a receiver what is new, and return how many messages it has taken.

    0 also if another worker does it, or if the receiver is resting after a failure.
    """
    destination = next((each for each in settings.SIEM_TO if each.name == place), None)
    row = stream_take(place) if destination is not None else None
    if row is None or destination is None:
        return 0
    before = row.streamed
    try:
        is_closed = _carry(destination, row, stopping)
    except NotTaken as problem:
        stream_fail(row, problem.said, wait_seconds=problem.wait_seconds)
        logger.warning("stream not taken", receiver=destination.name, problem=str(problem.said))
    else:
        stream_end(row, is_closed=is_closed)
    return row.streamed - before


def _carry(destination: Destination, row: AuditStream, stopping: Callable[[], bool]) -> bool:
    """Send batch after batch. Return whether the receiver has surely read all. Raises NotTaken."""
    ends = time.monotonic() + RUN_SECONDS
    with ExitStack() as stack:
        link: Link | None = None
        while not stopping() and time.monotonic() < ends:
            batch = next_batch(row)
            if batch.upto <= row.told_to:
                break
            if batch.messages:
                if link is None:
                    link = linked(destination)
                    stack.callback(link.release)
                link.send(written(destination, batch.messages))
            if not stream_move_on(row, destination, batch):
                return False
            row.streamed += len(batch.messages)
            if batch.skipped:
                logger.error(
                    "entries left before they were streamed",
                    receiver=destination.name,
                    first=batch.upto - batch.skipped + 1,
                    last=batch.upto,
                )
        return link.close() if link is not None else False


def written(destination: Destination, messages: Sequence[Message]) -> list[bytes]:
    """Return messages in the format that is set, as the receiver gets them."""
    return [_written(destination, message) for message in messages]


def _written(destination: Destination, message: Message) -> bytes:
    made = _as_set(destination, message)
    if len(made) <= MESSAGE_BYTES:
        return made
    return _as_set(destination, bounded(message, 0))


def _as_set(destination: Destination, message: Message) -> bytes:
    version = console_version()
    content = (cef if settings.SIEM_FORMAT == CEF else ocsf)(message, version)
    if destination.scheme != SYSLOG:
        return content
    return syslog(message, content, host=socket.gethostname(), version=version)
