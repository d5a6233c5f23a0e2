"""Writes of the feed: what happens to live chats."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection, transaction

from console.accounts.models import Team
from console.actors import Actor, Permission
from console.database import notifications
from console.errors import ConsoleError, InvalidInput
from console.interactions.feed.events import FeedEvent, parse_event
from console.interactions.feed.transcript_events import (
    TranscriptEvent,
    is_transcript,
    parse_transcript,
)
from console.interactions.feed.transcripts import lines_erase, lines_keep
from console.interactions.selectors import names_stay, present_names
from console.text.sentences import plain_params
from console.text.visible import is_blank, one_line


@dataclass(slots=True)
class FeedResult:
    """The result of the events. `ignored` ones were duplicates or older than what is known, or
    lines that are not kept. `told` has all transcript events that could be read: their lines may be
    evidence (console.sends.evidence.transcripts)."""

    accepted: int = 0
    ignored: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)
    told: list[TranscriptEvent] = field(default_factory=list)


# Data that decides whether and where something may be sent (facts) has an order of its own. A newer
# event without such data must not make an older one that has it look stale when it comes late.
_NEWER = """(known.last_event_at, known.last_sequence, known.ended_at IS NOT NULL)
        < (event.occurred_at, event.sequence, event.stopped)"""
_NEWER_FACTS = """(event.tells_facts AND (known.facts_at, known.facts_sequence, NOT known.is_online)
        < (event.occurred_at, event.sequence, NOT COALESCE(event.is_online, true)))"""
# What says whether a chat is a test has an order of its own too: it stays until something newer
# says otherwise, and most events say nothing about it.
_NEWER_TEST = """(event.is_test IS NOT NULL AND (known.test_told_at IS NULL
        OR (known.test_told_at, known.test_told_sequence) < (event.occurred_at, event.sequence)))"""
_FACTS = ("is_online", "chat_server_name", "customer_name", "customer_key", "user_data")
_OTHERS = ("media_type", "tenant_id", "state", "queue", "agent", "locale", "received_at")


def _if(newer: str, columns: Iterable[str]) -> str:
    """Return assignments of an event's values, made only if it is newer than what is known."""
    return ",\n    ".join(
        f"{column} = CASE WHEN {newer} THEN COALESCE(event.{column}, known.{column}) "
        f"ELSE known.{column} END"
        for column in columns
    )


# A row for each event; NULL is what it does not mention. No two are of the same chat.
_EVENTS = """
WITH event AS (
    SELECT * FROM json_to_recordset(%(events)s::json) AS event(
        id text, media_type text, tenant_id integer, state text, is_online boolean,
        chat_server_name text, queue text, agent text, locale text, customer_name text,
        customer_key text,
        received_at timestamptz, user_data jsonb, occurred_at timestamptz, sequence bigint,
        stopped boolean, tells_facts boolean, team_id bigint, is_test boolean))
"""
# Locks the chats that are known already, all in the order of their ids, so that two feeds with the
# same chats don't wait for each other. It names no column of a key, so that the lock lets others
# refer to the chat.
INSERT = f"""{_EVENTS}
INSERT INTO interactions_interaction AS known (
    id, media_type, tenant_id, state, is_online, chat_server_name, queue, agent, locale,
    customer_name, customer_key, received_at, user_data, last_event_at, last_sequence, facts_at,
    facts_sequence, ended_at, team_id, is_test, test_told_at, test_told_sequence)
SELECT
    id, COALESCE(media_type, ''), tenant_id, COALESCE(state, ''),
    COALESCE(is_online, true), COALESCE(chat_server_name, ''), COALESCE(queue, ''),
    COALESCE(agent, ''), COALESCE(locale, ''), COALESCE(customer_name, ''),
    COALESCE(customer_key, ''), COALESCE(received_at, occurred_at),
    COALESCE(user_data, '{{}}'::jsonb),
    occurred_at, sequence,
    CASE WHEN tells_facts THEN occurred_at ELSE %(never)s::timestamptz END, sequence,
    CASE WHEN stopped THEN occurred_at END, team_id,
    COALESCE(is_test, false), CASE WHEN is_test IS NOT NULL THEN occurred_at END,
    CASE WHEN is_test IS NOT NULL THEN sequence ELSE -1 END
FROM event ORDER BY id COLLATE "C"
ON CONFLICT (id) DO UPDATE SET state = known.state WHERE false
"""  # noqa: S608 - put together from the constants above
UPDATE = f"""{_EVENTS}
UPDATE interactions_interaction AS known SET
    {_if(_NEWER_FACTS, _FACTS)},
    {_if(_NEWER, _OTHERS)},
    facts_at = CASE WHEN {_NEWER_FACTS} THEN event.occurred_at ELSE known.facts_at END,
    facts_sequence = CASE WHEN {_NEWER_FACTS} THEN event.sequence ELSE known.facts_sequence END,
    last_event_at = CASE WHEN {_NEWER} THEN event.occurred_at ELSE known.last_event_at END,
    last_sequence = CASE WHEN {_NEWER} THEN event.sequence ELSE known.last_sequence END,
    ended_at = CASE WHEN NOT {_NEWER} THEN known.ended_at
        WHEN event.stopped THEN event.occurred_at END,
    team_id = CASE WHEN {_NEWER} AND event.queue IS NOT NULL THEN event.team_id
        ELSE known.team_id END,
    is_test = CASE WHEN {_NEWER_TEST} THEN event.is_test ELSE known.is_test END,
    test_told_at = CASE WHEN {_NEWER_TEST} THEN event.occurred_at ELSE known.test_told_at END,
    test_told_sequence = CASE WHEN {_NEWER_TEST} THEN event.sequence
        ELSE known.test_told_sequence END
FROM event
WHERE known.id = event.id AND ({_NEWER} OR {_NEWER_FACTS} OR {_NEWER_TEST})
"""  # noqa: S608 - put together from the constants above
# So many events are one statement, and so many bytes of them at most unless one alone has more.
ROWS, BYTES = 1000, 4 * 1024 * 1024
CUSTOMER_KEY_LENGTH = 255
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def feed_apply(actor: Actor, events: Sequence[object]) -> FeedResult:
    """Apply events of the feed. Idempotent, and independent of their order.

    Values that an event does not mention stay as they are; its user data replaces the old as a
    whole. An invalid event is reported with its index, code and message, and blocks none of the
    others.
    """
    actor.require(Permission.FEED)
    if len(events) > settings.FEED_EVENT_LIMIT:
        raise InvalidInput(
            "too_many_events",
            "{count:,} events came at once; send at most {limit:,}.",
            count=len(events),
            limit=settings.FEED_EVENT_LIMIT,
        )
    result = FeedResult()
    if good := list(_parse_all(events, result)):
        _apply(good, result)
    if result.told:
        kept = lines_keep(result.told)
        result.accepted += kept
        result.ignored += len(result.told) - kept
    return result


def _parse_all(events: Sequence[object], result: FeedResult) -> Iterable[FeedEvent]:
    for index, raw in enumerate(events):
        try:
            if is_transcript(raw):
                result.told.append(parse_transcript(raw))
            else:
                yield parse_event(raw)
        except ConsoleError as error:
            params = plain_params(error.said.params)
            result.rejected.append(
                {
                    "index": index,
                    "code": error.code,
                    "message": str(error.said),
                    "params": params,
                }
            )


def _apply(events: list[FeedEvent], result: FeedResult) -> None:
    # At the same moment the end comes last: many clocks tick in whole seconds.
    events.sort(key=lambda e: (e.interaction_id, e.occurred_at, e.sequence, e.stopped))
    with transaction.atomic(), connection.cursor() as cursor:
        queues_stay()
        names_stay()
        names = present_names()
        teams = {queue: team.pk for team in Team.objects.all() for queue in team.queues}
        written = 0
        first, *others = _in_turns(events)
        for part in _parts(_row(event, teams, names) for event in first):
            cursor.execute(INSERT, {"events": part, "never": NEVER})
            written += cursor.rowcount
            cursor.execute(UPDATE, {"events": part})
            written += cursor.rowcount
        for turn in others:
            for part in _parts(_row(event, teams, names) for event in turn):
                cursor.execute(UPDATE, {"events": part})
                written += cursor.rowcount
        result.accepted += written
        result.ignored += len(events) - written
        lines_erase([event.interaction_id for event in events if event.stopped])
        if written:
            notifications.publish_chats(event.interaction_id for event in events)


def _in_turns(events: Iterable[FeedEvent]) -> list[list[FeedEvent]]:
    """Return the first event of each chat, then the second of each, and so on."""
    turns: list[list[FeedEvent]] = []
    for _chat, own in groupby(events, lambda event: event.interaction_id):
        for number, event in enumerate(own):
            if number == len(turns):
                turns.append([])
            turns[number].append(event)
    return turns


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the rows as JSON for a statement each."""
    part: list[bytes] = []
    size = 0
    for row in rows:
        said = msgspec.json.encode(row)
        if part and (len(part) == ROWS or size + len(said) > BYTES):
            yield _as_list(part)
            part, size = [], 0
        part.append(said)
        size += len(said)
    if part:
        yield _as_list(part)


def _as_list(rows: list[bytes]) -> str:
    return (b"[" + b",".join(rows) + b"]").decode()


def queues_stay() -> None:
    """Prevent changes of queues and teams until the transaction ends. Call it before any chat is
    locked: changing a team's queues locks in this order."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_team IN ROW SHARE MODE")


def _row(event: FeedEvent, teams: dict[str, int], names: dict[str, str]) -> dict[str, Any]:
    server_name = event.chat_server_name
    row = {
        "id": event.interaction_id,
        "media_type": event.media_type,
        "tenant_id": event.tenant_id,
        "state": event.state,
        "is_online": False if event.stopped else event.is_online,
        # The feed may use a former name for as long as it likes.
        "chat_server_name": None if server_name is None else names.get(server_name, server_name),
        "queue": event.queue,
        "agent": event.agent,
        "locale": event.locale,
        "customer_name": customer_name(event.user_data),
        "customer_key": customer_key(event.user_data),
        "received_at": event.received_at,
        "user_data": event.user_data,
        "occurred_at": event.occurred_at,
        "sequence": event.sequence,
        "stopped": event.stopped,
        "tells_facts": event.tells_facts,
        "team_id": teams.get(event.queue) if event.queue else None,
        "is_test": event.is_test,
    }
    return {name: value for name, value in row.items() if value is not None}


def customer_name(user_data: dict[str, Any] | None) -> str | None:
    """Return the customer's name on one line, from the user-data keys that the site uses for it (a
    setting). Invisible parts are left out."""
    if user_data is None:
        return None
    given = (user_data.get(key) for key in settings.CUSTOMER_NAME_KEYS)
    parts = (one_line(part).strip() for part in given if isinstance(part, str))
    seen = (part for part in parts if not is_blank(part))
    return " ".join(seen)[:255].strip()


def customer_key(user_data: dict[str, Any] | None) -> str | None:
    """Return what tells the chat's customer from others, from the user-data key that the site uses
    for it (a setting): a number or a text, exactly; "" for anything else."""
    if user_data is None:
        return None
    given = user_data.get(settings.CUSTOMER_KEY) if settings.CUSTOMER_KEY else None
    if not isinstance(given, str | int) or isinstance(given, bool):
        return ""
    key = str(given).strip()
    # A part of a long one would be that of several customers.
    return key if len(key) <= CUSTOMER_KEY_LENGTH and "\0" not in key and not is_blank(key) else ""
