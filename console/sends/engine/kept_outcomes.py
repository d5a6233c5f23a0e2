"""A worker's outcomes in a file, when nothing else can take them (console.site.kept_lines).

A line has no text of a notice and no customer: only ids, how the delivery ended, and what Chat
Server said. Everything else is read from the delivery's row when the line is recorded.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
import structlog
from django.db import DataError, IntegrityError
from msgspec import Struct

from console.sends.engine.late_answers import LateEnding, late_answers_record
from console.sends.engine.outcomes import ClaimedDelivery, Ending
from console.sends.models import Delivery, DeliveryStatus
from console.site.kept_lines import KeptLines, LeftLines
from console.text.sentences import read_stored, stored

logger = structlog.get_logger("console.sends")

# How many lines are recorded in one transaction.
LINES_AT_ONCE = 500


# What a worker can know of the end of an attempt.
KNOWN = (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)
Id = Annotated[int, msgspec.Meta(gt=0, le=2**63 - 1)]


class KeptOutcome(Struct, frozen=True, omit_defaults=True):
    """A line. `answer` is Chat Server's, as JSON; `detail` is in its stored form."""

    key: UUID
    delivery: Id
    send: Id
    interaction: str
    chat_server: str
    claim: UUID
    status: DeliveryStatus
    reason: str = ""
    detail: str = ""
    reference_id: int | None = None
    fault_code: str = ""
    fault_text: str = ""
    answer: str | None = None
    seconds: float | None = None
    may_wait: bool = False


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(KeptOutcome).decode


def outcomes_keep(files: KeptLines, late: Sequence[LateEnding]) -> None:
    """Keep outcomes in this worker's file. Raises OSError."""
    path = files.keep([_encode(_line(each)) for each in late])
    told = [(each.ending.delivery.id, each.ending.status.value) for each in late]
    logger.warning("outcomes kept in a file", file=str(path), deliveries=told)


def outcomes_take_up(files: KeptLines) -> None:
    """Record what processes that have ended left in their files, and remove these after the commit.

    Lines that can't be read, or that are of no attempt here, are set aside.
    """
    for left in files.left():
        try:
            _take_up(left)
        except OSError as error:
            # Other files may be all right. What is recorded of this one is not recorded again.
            logger.warning("outcomes not taken up", file=str(left.path), error=str(error))


def _take_up(left: LeftLines) -> None:
    lines = left.lines()
    read = dict(_read_all(lines))
    ids = [each.ending.delivery.id for each in read.values()]
    here = dict(Delivery.objects.filter(pk__in=ids).values_list("pk", "claim"))
    late = {number: each for number, each in read.items() if _is_of(each, here)}
    numbers, refused = list(late), set()
    for start in range(0, len(numbers), LINES_AT_ONCE):
        refused |= _record(late, numbers[start : start + LINES_AT_ONCE])
    aside = [line for number, line in enumerate(lines) if number not in late or number in refused]
    if aside:
        path = left.set_aside(aside)
        logger.error("outcomes can't be read", file=str(path), lines=len(aside))
    left.remove()
    logger.warning(
        "outcomes taken up from a file", file=str(left.path), count=len(lines) - len(aside)
    )


def _is_of(late: LateEnding, claims: dict[int, UUID | None]) -> bool:
    """Return whether the line is of an attempt in this database. Whatever was written to the wire
    keeps its claim. What was not may have waited again since, and may have another one now."""
    delivery = late.ending.delivery
    return delivery.id in claims and (late.may_wait or claims[delivery.id] == delivery.claim)


def _record(late: dict[int, LateEnding], numbers: Sequence[int]) -> set[int]:
    """Record these lines, together or one by one. Return those that the database refuses for what
    they say."""
    try:
        late_answers_record([late[number] for number in numbers])
    except (DataError, IntegrityError):
        if len(numbers) == 1:
            return set(numbers)
        return set().union(*(_record(late, [number]) for number in numbers))
    return set()


def _read_all(lines: Sequence[bytes]) -> Iterator[tuple[int, LateEnding]]:
    for number, line in enumerate(lines):
        try:
            yield number, _late(_decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


def _line(late: LateEnding) -> KeptOutcome:
    ending, delivery = late.ending, late.ending.delivery
    assert delivery.claim is not None  # noqa: S101
    return KeptOutcome(
        key=late.key or uuid4(),
        delivery=delivery.id,
        send=delivery.send_id,
        interaction=delivery.interaction_id,
        chat_server=delivery.chat_server_name,
        claim=delivery.claim,
        status=ending.status,
        reason=str(ending.reason) if ending.reason else "",
        detail=stored(ending.detail),
        reference_id=ending.reference_id,
        fault_code=ending.fault_code,
        fault_text=ending.fault_text,
        answer=ending.answer,
        seconds=late.seconds,
        may_wait=late.may_wait,
    )


def _late(line: KeptOutcome) -> LateEnding:
    """Return what a line says. The row has the delivery's texts. Raises msgspec.DecodeError."""
    if line.status not in KNOWN:
        raise msgspec.ValidationError(f"no end of an attempt: {line.status}")
    delivery = ClaimedDelivery(
        claim=line.claim,
        id=line.delivery,
        send_id=line.send,
        interaction_id=line.interaction,
        method="",
        chat_server_name=line.chat_server,
        body="",
        body_salt="",
        attempts=0,
        visibility="",
        nickname="",
        message_type="",
        kind="",
        last_detail="",
        user_data={},
    )
    if line.answer is not None:
        msgspec.json.decode(line.answer)  # as the database has to
    ending = Ending(
        delivery,
        line.status,
        line.reason,
        read_stored(line.detail),
        line.reference_id,
        line.fault_code,
        line.fault_text,
        line.answer,
    )
    return LateEnding(ending, line.seconds, line.may_wait, line.key)
