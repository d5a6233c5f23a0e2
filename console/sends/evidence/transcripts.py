"""Writes what lines of transcripts say of unknown deliveries.

The console knows no interface of the vendor's that gives such lines (docs/domain.md). Whoever feeds
chats may tell of them, from whatever source the site has. Nothing of a line is stored here but its
time; console.interactions.feed.transcripts keeps the last lines of live chats, if the site wants.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from console.actors import Actor, Permission
from console.database.clock import database_now
from console.errors import ConsoleError, InvalidInput
from console.interactions.services import FeedResult, feed_apply
from console.sends.evidence.writing import evidence_write, lock_unknown
from console.sends.evidence_models import Evidence, Source, Verdict
from console.sends.models import Delivery, DeliveryStatus
from console.sends.observe import logs
from console.sends.proof.ledger import write_records
from console.text.moments import read_iso
from console.text.sentences import plain_params
from console.text.visible import is_blank

FIELDS = {"interaction", "at", "nickname", "text"}
ID_LIMIT = 64
# By how much the clock of a chat may differ from PostgreSQL's.
CLOCKS_APART = timedelta(minutes=1)
# What may have put a text into a chat.
MAY_HAVE_ARRIVED = (DeliveryStatus.SENDING, DeliveryStatus.DELIVERED, DeliveryStatus.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chat's transcript, at its time there, and under whose name it stands there."""

    interaction: str
    at: datetime
    nickname: str
    text: str


@dataclass(slots=True)
class LinesResult:
    """How many lines could be read, and why the others could not."""

    accepted: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


def transcript_lines_note(actor: Actor, lines: Sequence[object]) -> LinesResult:
    """Compare lines of transcripts with unknown deliveries to the same chats. Idempotent.

    A line is evidence that a delivery arrived if it has exactly its text and nickname, is not older
    than its attempt, and no other delivery can have brought this text into the chat. Where two can,
    the line proves neither. A missing line proves nothing. Nor does one under another name, since
    an agent or a customer may repeat a text. The result does not say what matched: a feed may not
    read what was sent.
    """
    actor.require(Permission.FEED)
    if len(lines) > settings.FEED_EVENT_LIMIT:
        raise InvalidInput(
            "too_many_lines",
            "{count:,} lines came at once; send at most {limit:,}.",
            count=len(lines),
            limit=settings.FEED_EVENT_LIMIT,
        )
    result = LinesResult()
    read = list(_read_all(lines, result, database_now()))
    result.accepted = len(read)
    _compare(actor, read)
    return result


def feed_take(actor: Actor, events: Sequence[object]) -> FeedResult:
    """Apply events of the feed, and compare the lines in them as `transcript_lines_note` does,
    whether or not the site keeps lines. A line of the future proves nothing. Raises what
    `feed_apply` raises."""
    result = feed_apply(actor, events)
    latest = database_now() + CLOCKS_APART
    _compare(
        actor,
        [
            Line(event.interaction_id, line.at, line.nickname, line.text)
            for event in result.told
            for line in event.lines
            if line.at <= latest
        ],
    )
    return result


def _compare(actor: Actor, lines: Iterable[Line]) -> None:
    by_chat: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_chat[line.interaction].append(line)
    for chat in sorted(_with_unknown(by_chat)) if by_chat else ():
        _note(actor, chat, by_chat[chat])


def _with_unknown(chats: Iterable[str]) -> set[str]:
    unknown = Delivery.objects.filter(
        interaction__in=list(chats), status=DeliveryStatus.UNKNOWN, erased_at=None
    )
    return set(unknown.order_by().values_list("interaction_id", flat=True))


def _note(actor: Actor, chat: str, lines: Sequence[Line]) -> None:
    with transaction.atomic():
        to_chat = Delivery.objects.filter(interaction=chat, attempted_at__isnull=False)
        ids = list(
            to_chat.filter(status=DeliveryStatus.UNKNOWN, erased_at=None).values_list(
                "pk", flat=True
            )
        )
        unknown = lock_unknown(ids)
        known = set(
            Evidence.objects.filter(delivery__in=ids, source=Source.TRANSCRIPT).values_list(
                "delivery_id", flat=True
            )
        )
        arrived = to_chat.filter(status__in=MAY_HAVE_ARRIVED)
        may_have = list(arrived.select_related("send").order_by("pk"))
        now = database_now()
        found: dict[int, Evidence] = {}
        for line in sorted(lines, key=lambda each: each.at):
            one = _only(may_have, line)
            if one is not None and one.pk in unknown and one.pk not in known | found.keys():
                found[one.pk] = _evidence(actor, unknown[one.pk], line, now)
        records = evidence_write(list(found.values()))
        if records:
            write_records(actor, records)
            logs.resolved(records)


def _only(deliveries: Iterable[Delivery], line: Line) -> Delivery | None:
    """Return the delivery that alone can have brought this line. The text of an erased one is
    unknown, so it may be this one."""
    alike = [
        each
        for each in deliveries
        if (each.body == line.text or each.erased_at is not None)
        and each.attempted_at is not None
        and each.attempted_at <= line.at + CLOCKS_APART
    ]
    return alike[0] if len(alike) == 1 and _has_brought(alike[0], line) else None


def _has_brought(delivery: Delivery, line: Line) -> bool:
    """Return whether the line stands under the delivery's name, and is not older than its attempt.
    Without a nickname nobody here knows the name under which Chat Server shows it."""
    is_after = delivery.attempted_at is not None and delivery.attempted_at <= line.at
    return is_after and bool(line.nickname) and delivery.send.nickname == line.nickname


def _evidence(actor: Actor, delivery: Delivery, line: Line, now: datetime) -> Evidence:
    return Evidence(
        delivery=delivery,
        at=now,
        source=Source.TRANSCRIPT,
        verdict=Verdict.DELIVERED,
        actor_ref=actor.ref,
        actor_name=actor.name,
        line_at=line.at,
    )


def _read_all(lines: Sequence[object], result: LinesResult, now: datetime) -> Iterable[Line]:
    for index, raw in enumerate(lines):
        try:
            yield _read(raw, now)
        except ConsoleError as error:
            result.rejected.append(
                {
                    "index": index,
                    "code": error.code,
                    "message": str(error.said),
                    "params": plain_params(error.said.params),
                }
            )


def _read(raw: object, now: datetime) -> Line:
    if not isinstance(raw, dict) or set(raw) != FIELDS:
        raise InvalidInput(
            "invalid_line", "A line has exactly the fields {names:and}.", names=sorted(FIELDS)
        )
    for name in ("interaction", "text"):
        value = raw[name]
        if not isinstance(value, str) or is_blank(value) or not _is_storable(value):
            raise InvalidInput("invalid_line", "{name} must be a text.", name=name)
    if not isinstance(raw["nickname"], str) or not _is_storable(raw["nickname"]):
        raise InvalidInput("invalid_line", "{name} must be a text.", name="nickname")
    if len(raw["interaction"]) > ID_LIMIT:
        raise InvalidInput("invalid_line", "{name} is too long.", name="interaction")
    at = read_iso(raw["at"]) if isinstance(raw["at"], str) else None
    if not isinstance(at, datetime) or timezone.is_naive(at):
        raise InvalidInput("invalid_line", "{name} must be a time with its zone.", name="at")
    if at > now + CLOCKS_APART:
        raise InvalidInput("invalid_line", "{name} is in the future.", name="at")
    return Line(raw["interaction"], at, raw["nickname"], raw["text"])


def _is_storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
