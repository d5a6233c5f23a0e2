"""Writes of Chat Servers and of the interactions that the feed tells of."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F, OuterRef, Subquery
from django.utils import timezone
from psycopg.types.json import Jsonb

from console import live
from console.accounts.models import Team
from console.actors import Actor, Permission
from console.audit import services as audit
from console.errors import Conflict, ConsoleError, InvalidInput
from console.interactions.feed import FeedEvent, parse_event
from console.interactions.models import ChatServer, Health, Interaction
from console.prepared import execute

# --- Chat Servers ------------------------------------------------------------------------------

CHAT_SERVER_FIELDS = {
    "url",
    "pace_per_second",
    "burst",
    "window",
    "connect_timeout_seconds",
    "request_timeout_seconds",
    "enabled",
}
HEALTH_FIELDS = {"health", "health_detail", "health_since", "failures_in_a_row", "retry_at"}
WORKERS_FIELDS = {*HEALTH_FIELDS, "progressed_at", "bucket_tokens", "bucket_at"}


def chat_server_create(actor: Actor, *, name: str, url: str, **values: Any) -> ChatServer:
    """Register a Chat Server application by its name and address.

    Raises InvalidInput for an address or a figure out of range, Conflict for a name in use.
    """
    actor.require(Permission.ADMINISTER)
    if "burst" not in values and "pace_per_second" in values:
        values["burst"] = default_burst(values["pace_per_second"])
    server = ChatServer(name=_known_name(name))
    # Full at the start; whatever is over what the bucket holds is cut off when it is refilled.
    server.bucket_tokens = values.get("burst", server.burst)
    return _save_chat_server(actor, server, "chat_server.created", {"url": url, **values})


def _known_name(name: str) -> str:
    """An application name as it can stand in an address and in a KV list."""
    name = name.strip()
    if not name.isascii() or not name.isprintable() or "/" in name or name in ("", ".", ".."):
        raise InvalidInput(
            "invalid_name",
            "Write the application's name as ChatServerAppName has it: "
            "ASCII characters on one line, without a slash.",
            {"name": "no application name"},
        )
    return name


def default_burst(pace_per_second: object) -> int:
    """Three seconds' worth, within the model's default and its most; what is no number gets 150."""
    try:
        return min(100_000, max(150, int(3 * float(str(pace_per_second)))))
    except (ValueError, OverflowError):
        return 150


def chat_server_update(actor: Actor, server: ChatServer, **changes: Any) -> ChatServer:
    """Change how a Chat Server is reached. A new address starts with a clean record of health."""
    actor.require(Permission.ADMINISTER)
    return _save_chat_server(actor, server, "chat_server.changed", changes)


def _save_chat_server(
    actor: Actor, server: ChatServer, action: str, values: dict[str, Any]
) -> ChatServer:
    unknown = sorted(set(values) - CHAT_SERVER_FIELDS)
    if unknown:
        raise InvalidInput("unknown_field", f"A Chat Server has no {', '.join(unknown)}.")
    if "url" in values:
        check_address(values["url"])
        server.health, server.health_detail = Health.UNTRIED, ""
        server.failures_in_a_row, server.retry_at = 0, None
    for name, value in values.items():
        setattr(server, name, value)
    _check_chat_server(server)
    # Of one that is there, the rest is the workers' to write: its health and its bucket.
    changed = {*values, *(HEALTH_FIELDS if "url" in values else ())} if server.pk else None
    try:
        with transaction.atomic():
            server.save(update_fields=changed)
            audit.record(
                actor, action, target=("chat_server", server.name, server.name), data=_texts(values)
            )
            live.publish(live.CHAT_SERVERS)
    except IntegrityError as error:
        raise Conflict(
            "name_taken", f"There is a Chat Server named {server.name} already; change that one."
        ) from error
    return server


def _check_chat_server(server: ChatServer) -> None:
    """Raise InvalidInput with a message for each field that is out of range."""
    messages = {}
    try:
        server.clean_fields(exclude=WORKERS_FIELDS)
    except ValidationError as error:
        messages = {name: " ".join(texts) for name, texts in error.message_dict.items()}
    for name in CHAT_SERVER_FIELDS:
        value = getattr(server, name)
        # No comparison is true of NaN, so the range does not stop it.
        if isinstance(value, float) and not math.isfinite(value):
            messages[name] = "Enter a number."
    if messages:
        summary = "; ".join(f"{name}: {text}" for name, text in messages.items())
        raise InvalidInput("invalid_chat_server", summary, messages)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    # The ledger holds no fractions: they would not hash the same everywhere.
    return {name: str(value) for name, value in values.items()}


def check_address(url: str) -> None:
    """Raise InvalidInput unless `url` is scheme://host:port with a transport's scheme."""
    schemes = settings.CHAT_SERVER_SCHEMES
    if not _is_address(url, schemes):
        raise InvalidInput(
            "invalid_address",
            f"{url!r} is no address of a Chat Server: write "
            + " or ".join(f"{scheme}://host:port" for scheme in schemes)
            + ".",
            {"field": "url"},
        )


def _is_address(url: str, schemes: Sequence[str]) -> bool:
    """As strict as the transports, which only `sends` may ask."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return False
    extras = ("@" in parts.netloc, parts.path.strip("/"), parts.query, parts.fragment)
    # urlsplit passes over line breaks and tabs, hence the look at the whole.
    is_plain = url.isprintable() and " " not in url
    return parts.scheme in schemes and bool(host and port) and is_plain and not any(extras)


def chat_server_reached(server: ChatServer) -> None:
    """Note that a Chat Server answered: healthy, whatever was before."""
    _set_health(server, Health.HEALTHY, detail="", failures=0, retry_at=None)


def chat_server_unreachable(server: ChatServer, *, detail: str, retry_at: datetime) -> None:
    """Note a failure to reach a Chat Server, and when it is worth trying again."""
    _set_health(
        server,
        Health.UNHEALTHY,
        detail=detail,
        failures=server.failures_in_a_row + 1,
        retry_at=retry_at,
    )


def _set_health(
    server: ChatServer, health: Health, *, detail: str, failures: int, retry_at: datetime | None
) -> None:
    changed = server.health != health
    server.health, server.health_detail = health, detail
    server.failures_in_a_row, server.retry_at = failures, retry_at
    if changed:
        server.health_since = timezone.now()
    with transaction.atomic():
        # Only of the address that was tried: an administrator may have changed it meanwhile.
        noted = ChatServer.objects.filter(pk=server.pk, url=server.url).update(
            **{name: getattr(server, name) for name in HEALTH_FIELDS}
        )
        if noted and changed:
            live.publish(live.CHAT_SERVERS, live.BOARD)


# --- Pace --------------------------------------------------------------------------------------

# One token a message. The bucket is in the database, so that it is one for all workers, and it
# runs by PostgreSQL's clock, even if that is set back. It holds `burst` less what flows in within a
# second: then no second sees more than `burst`, wherever it begins. A burst near the pace leaves
# the bucket 2% of itself, and that much the pace gives way.
_LEAST = "greatest(1, burst * 0.02)"
_RATE = f"least(pace_per_second, greatest(burst - {_LEAST}, burst * 0.5))"
_TOKENS = f"""least(
        greatest({_LEAST}, burst - {_RATE}),
        bucket_tokens + {_RATE} * greatest(0, extract(epoch FROM clock_timestamp() - bucket_at)))"""
TAKE = f"""
WITH bucket AS (
    SELECT id, {_RATE} AS rate, {_TOKENS} AS tokens
    FROM interactions_chatserver
    WHERE id = %(id)s::bigint
    FOR NO KEY UPDATE),
grant_ AS (
    SELECT *, greatest(0, least(%(most)s::int, floor(tokens)))::int AS granted FROM bucket)
UPDATE interactions_chatserver server SET
    bucket_tokens = tokens - granted,
    bucket_at = clock_timestamp(),
    progressed_at = CASE WHEN %(progressed)s::bool THEN clock_timestamp() ELSE progressed_at END
FROM grant_
WHERE server.id = grant_.id
RETURNING server.*, granted, tokens, rate
"""  # noqa: S608 - put together from the constants above
QUANTUM_SECONDS = 0.1


def chat_server_take_tokens(
    server_id: int, *, most: int, progressed: bool = False
) -> tuple[ChatServer, int, float]:
    """Take up to `most` tokens: answers the Chat Server as it is now, how many were granted, and
    the seconds to wait where there are none.

    The wait is for a tenth of a second's worth of tokens, not for each single one. `progressed`
    notes that the Chat Server took something.
    """
    values = {"id": server_id, "most": most, "progressed": progressed}
    (row,) = execute(TAKE, values)
    granted, tokens, rate = row["granted"], row["tokens"], row["rate"]
    columns = [column.attname for column in ChatServer._meta.concrete_fields]
    server = ChatServer.from_db(connection.alias, columns, [row[name] for name in columns])
    if granted:
        return server, granted, 0.0
    worthwhile = min(most, max(1.0, rate * QUANTUM_SECONDS))
    return server, 0, max(0.001, (worthwhile - tokens) / rate)


def chat_server_buckets() -> dict[str, float]:
    """How many tokens each Chat Server's bucket holds at this moment, by name. Takes none."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT name, {_TOKENS} FROM interactions_chatserver")  # noqa: S608
        return {name: float(tokens) for name, tokens in cursor.fetchall()}


def chat_server_return_tokens(server_id: int, unused: int) -> None:
    """Give back tokens for which nothing was sent."""
    if unused:
        ChatServer.objects.filter(pk=server_id).update(bucket_tokens=F("bucket_tokens") + unused)


# --- The feed ----------------------------------------------------------------------------------


@dataclass(slots=True)
class FeedResult:
    """What became of the events: `ignored` ones were doubled or older than what is known."""

    accepted: int = 0
    ignored: int = 0
    rejected: list[dict[str, Any]] = field(default_factory=list)


# What decides whether and where something may be sent has an order of its own: an event that says
# nothing of it must not make an older one, which does, look stale when it comes late.
_NEWER = """(known.last_event_at, known.last_sequence, known.ended_at IS NOT NULL)
    < (EXCLUDED.last_event_at, EXCLUDED.last_sequence, EXCLUDED.ended_at IS NOT NULL)"""
_NEWER_FACTS = """(%(tells_facts)s AND (known.facts_at, known.facts_sequence, NOT known.is_online)
    < (EXCLUDED.facts_at, EXCLUDED.facts_sequence, NOT EXCLUDED.is_online))"""
_FACTS = ("is_online", "chat_server_name", "customer_name", "user_data")
_OTHERS = ("media_type", "tenant_id", "state", "queue", "agent", "locale", "received_at")


def _if(newer: str, columns: Iterable[str]) -> str:
    """Assignments for what an event tells, where it is newer than what is known."""
    return ",\n    ".join(
        f"{column} = CASE WHEN {newer} THEN COALESCE(%({column})s, known.{column}) "
        f"ELSE known.{column} END"
        for column in columns
    )


UPSERT = f"""
INSERT INTO interactions_interaction AS known (
    id, media_type, tenant_id, state, is_online, chat_server_name, queue, agent, locale,
    customer_name, received_at, user_data, last_event_at, last_sequence, facts_at, facts_sequence,
    ended_at, team_id)
VALUES (
    %(id)s, COALESCE(%(media_type)s, ''), %(tenant_id)s, COALESCE(%(state)s, ''),
    COALESCE(%(is_online)s, true), COALESCE(%(chat_server_name)s, ''), COALESCE(%(queue)s, ''),
    COALESCE(%(agent)s, ''), COALESCE(%(locale)s, ''), COALESCE(%(customer_name)s, ''),
    COALESCE(%(received_at)s, %(occurred_at)s), COALESCE(%(user_data)s, '{{}}'::jsonb),
    %(occurred_at)s, %(sequence)s, %(facts_at)s, %(sequence)s, %(ended_at)s, %(team_id)s)
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
        ELSE known.team_id END
WHERE {_NEWER} OR {_NEWER_FACTS}
RETURNING 1
"""  # noqa: S608 - put together from the constants above
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def feed_apply(actor: Actor, events: Sequence[object]) -> FeedResult:
    """Take over events of the feed. Idempotent, and in whatever order they come.

    What an event does not mention stays as it is; its user data replaces the old as a whole. A bad
    event is answered with its index, code and message, and blocks none of the others.
    """
    actor.require(Permission.FEED)
    if len(events) > settings.FEED_EVENT_LIMIT:
        raise InvalidInput(
            "too_many_events",
            f"{len(events):,} events came at once; send at most {settings.FEED_EVENT_LIMIT:,}.",
        )
    result = FeedResult()
    if good := list(_parse_all(events, result)):
        _apply(good, result)
    return result


def _parse_all(events: Sequence[object], result: FeedResult) -> Iterable[FeedEvent]:
    for index, raw in enumerate(events):
        try:
            yield parse_event(raw)
        except ConsoleError as error:
            result.rejected.append({"index": index, "code": error.code, "message": error.message})


def _apply(events: list[FeedEvent], result: FeedResult) -> None:
    # Always in the same order, so that two feeds with the same chats don't wait for each other.
    # Of the same moment the end comes last: many clocks tick in whole seconds.
    events.sort(key=lambda e: (e.interaction_id, e.occurred_at, e.sequence, e.stopped))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE accounts_team IN ROW SHARE MODE")  # no queue changes hands now
        teams = {queue: team.pk for team in Team.objects.all() for queue in team.queues}
        for event in events:
            cursor.execute(UPSERT, _row(event, teams))
            if cursor.fetchone():
                result.accepted += 1
            else:
                result.ignored += 1
        if result.accepted:
            live.publish(live.BOARD)


def _row(event: FeedEvent, teams: dict[str, int]) -> dict[str, Any]:
    return {
        "id": event.interaction_id,
        "media_type": event.media_type,
        "tenant_id": event.tenant_id,
        "state": event.state,
        "is_online": False if event.stopped else event.is_online,
        "chat_server_name": event.chat_server_name,
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
    }


def customer_name(user_data: dict[str, Any] | None) -> str | None:
    """The customer's name from the user-data keys that the site uses for it (a setting)."""
    if user_data is None:
        return None
    parts = (user_data.get(key) for key in settings.CUSTOMER_NAME_KEYS)
    return " ".join(part.strip() for part in parts if isinstance(part, str))[:255].strip()


def interactions_forget(*, now: datetime | None = None) -> int:
    """Erase interactions that ended longer ago than is kept; answers how many. Deliveries stay."""
    limit = (now or timezone.now()) - timedelta(days=settings.INTERACTION_RETENTION_DAYS)
    erased, _each = Interaction.objects.filter(ended_at__lt=limit).delete()
    return erased


def interaction_blank(interaction_id: str) -> bool:
    """Erase what a chat that is over says of its customer; answers whether there was anything.
    Recorded with the texts' erasure (console.sends.services.erasing)."""
    over = Interaction.objects.filter(pk=interaction_id, ended_at__isnull=False)
    return bool(over.exclude(customer_name="", user_data={}).update(customer_name="", user_data={}))


def interactions_regroup(queues: Collection[str]) -> None:
    """Give the live chats in these queues to the teams that have the queues now."""
    team = Team.objects.filter(queues__contains=[OuterRef("queue")]).values("pk")[:1]
    Interaction.objects.filter(ended_at=None, queue__in=queues).update(team=Subquery(team))
    live.publish(live.BOARD)
