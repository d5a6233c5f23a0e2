"""Writes a courier's work: its claim, the messages that it takes, and each attempt's outcome."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.db.models import F, Min, QuerySet

from console.audit import following
from console.database import notifications
from console.database.clock import database_now
from console.webhooks import signing
from console.webhooks.models import LONGEST_ATTEMPT, Attempt, Mark, Message, MessageStatus, Webhook

# Seconds to wait after the first, second, … failed attempt: ten attempts in about 33 hours.
RETRIES = (5, 30, 120, 600, 1800, 7200, 21_600, 43_200, 43_200)
# The most attempts at a time, in all and for each webhook: a slow receiver delays no other.
ROOM = 32
ROOM_EACH = 4
ANSWER_KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message with its present attempt. The secrets appear in no log."""

    attempt: int
    message: int
    webhook: int
    name: str
    key: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an attempt: the answer's status, or the problem."""

    status_code: int | None = None
    answer: str = ""
    problem: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


def carrying_begin() -> datetime | None:
    """Become the courier, and return until when.

    None if nothing is due or another worker is the courier.
    """
    now = database_now()
    if not _due(now).filter(webhook__enabled=True).exists():
        return None
    return following.carrying_begin(Mark, now, LONGEST_ATTEMPT)


def carrying_end(until: datetime) -> None:
    """Stop being the courier, unless another has taken over already."""
    following.carrying_end(Mark, until)


def parcels_take(until: datetime, busy: Mapping[int, int]) -> tuple[datetime | None, list[Parcel]]:
    """Take due messages, and stay the courier. Return until when, and the messages.

    The moment is None if another worker has taken over; it continues alone. `busy` is the number of
    messages in progress by webhook. An attempt is written for each message before a byte is sent.
    """
    now = database_now()
    with transaction.atomic():
        longer = following.carrying_go_on(Mark, until, now, LONGEST_ATTEMPT)
        if longer is None:
            return None, []
        room = ROOM - sum(busy.values())
        parcels: list[Parcel] = []
        for webhook in _by_turns(now, busy):
            most = min(ROOM_EACH - busy.get(webhook.pk, 0), room - len(parcels))
            if most > 0:
                due = _due(now).filter(webhook=webhook).select_for_update(skip_locked=True)
                found = list(due.order_by("next_at", "pk")[:most])
                parcels += _taken_along(webhook, found, now)
    return longer, parcels


def _by_turns(now: datetime, busy: Mapping[int, int]) -> list[Webhook]:
    """Return the webhooks with due messages: those with the fewest in progress first, then the
    longest waiting. So slow receivers with many messages leave room for all others."""
    waiting = Webhook.objects.filter(enabled=True, messages__in=_due(now))
    by_age = waiting.annotate(since=Min("messages__next_at")).order_by("since", "pk")
    return sorted(by_age, key=lambda webhook: busy.get(webhook.pk, 0))


def _due(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(status=MessageStatus.WAITING, next_at__lte=now)


def _taken_along(webhook: Webhook, messages: list[Message], now: datetime) -> list[Parcel]:
    ids = [message.pk for message in messages]
    Message.objects.filter(pk__in=ids).update(tries=F("tries") + 1, next_at=now + LONGEST_ATTEMPT)
    attempts = Attempt.objects.bulk_create(
        Attempt(message=message, started_at=now) for message in messages
    )
    secrets = _secrets(webhook, now)
    return [
        Parcel(
            attempt=attempt.pk,
            message=message.pk,
            webhook=webhook.pk,
            name=webhook.name,
            key=message.key,
            url=webhook.url,
            body=message.body.encode(),
            secrets=secrets,
        )
        for message, attempt in zip(messages, attempts, strict=True)
    ]


def _secrets(webhook: Webhook, now: datetime) -> tuple[str, ...]:
    """Return the secrets that sign now; none if they were encrypted with an unknown secret key."""
    kept = [webhook.secret, *([webhook.previous_secret] if webhook.old_secret_until(now) else [])]
    try:
        return tuple(map(signing.unsealed, kept))
    except InvalidToken:
        return ()


def retry_seconds(tries: int, jitter: Callable[[], float] = random.random) -> float | None:
    """Return the seconds to wait after so many failures, with 25 % jitter; None to give up."""
    if tries > len(RETRIES):
        return None
    return following.retry_seconds(RETRIES, tries, jitter)


def attempt_record(parcel: Parcel, outcome: Outcome, *, milliseconds: int) -> MessageStatus | None:
    """Record an attempt and schedule the next.

    Return the message's status, or None if it was deleted. If the message has ended meanwhile, only
    the attempt is completed.
    """
    now = database_now()
    with transaction.atomic():
        message = Message.objects.select_for_update().filter(pk=parcel.message).first()
        if message is None:
            return None
        Attempt.objects.filter(pk=parcel.attempt).update(
            ended_at=now,
            milliseconds=milliseconds,
            status_code=outcome.status_code,
            problem=outcome.problem,
            answer=outcome.answer.replace("\0", "�")[:ANSWER_KEPT],
        )
        if message.status == MessageStatus.WAITING:
            _go_on(message, outcome, now)
        notifications.publish(notifications.WEBHOOKS)
    return MessageStatus(message.status)


def _go_on(message: Message, outcome: Outcome, now: datetime) -> None:
    wait = retry_seconds(message.tries)
    if outcome.is_taken:
        message.status, message.ended_at = MessageStatus.TAKEN, now
    elif wait is None:
        message.status, message.ended_at = MessageStatus.GIVEN_UP, now
    else:
        message.next_at = now + timedelta(seconds=wait)
    message.save(update_fields=["status", "ended_at", "next_at"])
