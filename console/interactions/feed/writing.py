"""Writes of the feed: what happens to live chats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg.types.json import Jsonb

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
    < (EXCLUDED.last_event_at, EXCLUDED.last_sequence, EXCLUDED.ended_at IS NOT NULL)"""
_NEWER_FACTS = """(%(tells_facts)s AND (known.facts_at, known.facts_sequence, NOT known.is_online)
    < (EXCLUDED.facts_at, EXCLUDED.facts_sequence, NOT EXCLUDED.is_online))"""
# What says whether a chat is a test has an order of its own too: it stays until something newer
# says otherwise, and most events say nothing about it.
_NEWER_TEST = """(%(is_test)s::boolean IS NOT NULL AND (known.test_told_at IS NULL
    OR (known.test_told_at, known.test_told_sequence)
        < (%(occurred_at)s::timestamptz, %(sequence)s::bigint)))"""
_FACTS = ("is_online", "chat_server_name", "customer_name", "user_data")
_OTHERS = ("media_type", "tenant_id", "state", "queue", "agent", "locale", "received_at")


def _if(newer: str, columns: Iterable[str]) -> str:
    """Return assignments of an event's values, made only if it is newer than what is known."""
    return ",\n    ".join(
        f"{column} = CASE WHEN {newer} THEN COALESCE(%({column})s, known.{column}) "
        f"ELSE known.{column} END"
        for column in columns
    )


UPSERT = f"""
INSERT INTO interactions_interaction AS known (
    id, media_type, tenant_id, state, is_online, chat_server_name, queue, agent, locale,
    customer_name, received_at, user_data, last_event_at, last_sequence, facts_at, facts_sequence,
    ended_at, team_id, is_test, test_told_at, test_told_sequence)
VALUES (
    %(id)s, COALESCE(%(media_type)s, ''), %(tenant_id)s, COALESCE(%(state)s, ''),
    COALESCE(%(is_online)s, true), COALESCE(%(chat_server_name)s, ''), COALESCE(%(queue)s, ''),
    COALESCE(%(agent)s, ''), COALESCE(%(locale)s, ''), COALESCE(%(customer_name)s, ''),
    COALESCE(%(received_at)s, %(occurred_at)s), COALESCE(%(user_data)s, '{{}}'::jsonb),
    %(occurred_at)s, %(sequence)s, %(facts_at)s, %(sequence)s, %(ended_at)s, %(team_id)s,
    COALESCE(%(is_test)s::boolean, false),
    CASE WHEN %(is_test)s::boolean IS NOT NULL THEN %(occurred_at)s::timestamptz END,
    CASE WHEN %(is_test)s::boolean IS NOT NULL THEN %(sequence)s::bigint ELSE -1 END)
ON CONFLICT (id) DO UPDATE SET
    {_if(_NEWER_FACTS, _FACTS)},
    {_if(_NEWER, _OTHERS)},
    facts_at = CASE WHEN {_NEWER_FACTS} THEN EXCLUDED.facts_at ELSE known.facts_at END,
    facts_sequence = CASE WHEN {_NEWER_FACTS} THEN EXCLUDED.facts_sequence
        ELSE known.facts_sequence END,
    last_event_at = CASE WHEN {_NEWER} THEN EXCLUDED.last_event_at ELSE known.last_event_at END,
    last_sequence = CASE WHEN {_NEWER} THEN EXCLUDED.last_sequence ELSE known.last_sequence END,
    ended_at = CASE WHEN {_NEWER} THEN EXCLUDED.ended_at ELSE known.ended_at END,
    team_id = CASE WHEN {_NEWER} AND %(queue)s::text IS NOT NULL THEN EXCLUDED.team_id
        ELSE known.team_id END,
    is_test = CASE WHEN {_NEWER_TEST} THEN EXCLUDED.is_test ELSE known.is_test END,
    test_told_at = CASE WHEN {_NEWER_TEST} THEN EXCLUDED.test_told_at
        ELSE known.test_told_at END,
    test_told_sequence = CASE WHEN {_NEWER_TEST} THEN EXCLUDED.test_told_sequence
        ELSE known.test_told_sequence END
WHERE {_NEWER} OR {_NEWER_FACTS} OR {_NEWER_TEST}
RETURNING 1
"""  # noqa: S608 - put together from the constants above
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
    # Always in the same order, so that two feeds with the same chats don't wait for each other. At
    # the same moment the end comes last: many clocks tick in whole seconds.
    events.sort(key=lambda e: (e.interaction_id, e.occurred_at, e.sequence, e.stopped))
    with transaction.atomic(), connection.cursor() as cursor:
        queues_stay()
        names_stay()
        names = present_names()
        teams = {queue: team.pk for team in Team.objects.all() for queue in team.queues}
        for event in events:
            cursor.execute(UPSERT, _row(event, teams, names))
            if cursor.fetchone():
                result.accepted += 1
            else:
                result.ignored += 1
        lines_erase([event.interaction_id for event in events if event.stopped])
        if result.accepted:
            notifications.publish(notifications.BOARD)


def queues_stay() -> None:
    """Prevent changes of queues and teams until the transaction ends. Call it before any chat is
    locked: changing a team's queues locks in this order."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_team IN ROW SHARE MODE")


def _row(event: FeedEvent, teams: dict[str, int], names: dict[str, str]) -> dict[str, Any]:
    server_name = event.chat_server_name
    return {
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
        "received_at": event.received_at,
        "user_data": None if event.user_data is None else Jsonb(event.user_data),
        "occurred_at": event.occurred_at,
        "sequence": event.sequence,
        "tells_facts": event.tells_facts,
        "facts_at": event.occurred_at if event.tells_facts else NEVER,
        "ended_at": event.occurred_at if event.stopped else None,
        "team_id": teams.get(event.queue) if event.queue else None,
        "is_test": event.is_test,
    }


def customer_name(user_data: dict[str, Any] | None) -> str | None:
    """Return the customer's name on one line, from the user-data keys that the site uses for it (a
    setting). Invisible parts are left out."""
    if user_data is None:
        return None
    given = (user_data.get(key) for key in settings.CUSTOMER_NAME_KEYS)
    parts = (one_line(part).strip() for part in given if isinstance(part, str))
    seen = (part for part in parts if not is_blank(part))
    return " ".join(seen)[:255].strip()
