"""Writes of Chat Servers and of their health."""

import math
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database import notifications
from console.database.clock import database_now
from console.editing.revision import State, require_unchanged
from console.errors import Conflict, InvalidInput
from console.interactions import chat_server_addresses
from console.interactions.models import ChatServer, FormerName, Health, HealthChange
from console.interactions.told import CHAT_SERVER
from console.text.sentences import by_name, sentence_of, term

NAME_LENGTH = 128
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
WORKERS_FIELDS = {
    *HEALTH_FIELDS,
    *("held_at", "held_by", "held_reason"),
    *("progressed_at", "bucket_tokens", "bucket_at", "grant_slots", "grant_counts"),
    *("drain_epoch", "drain_holder", "drain_renewed_at", "drain_contested_at"),
}


def chat_server_create(actor: Actor, *, name: str, url: str, **values: Any) -> ChatServer:
    """Register a Chat Server application by its name and address.

    Raises InvalidInput for an address or a figure out of range, Conflict for a name in use.
    """
    actor.require(Permission.ADMINISTER)
    if "burst" not in values and "pace_per_second" in values:
        values["burst"] = default_burst(values["pace_per_second"])
    server = ChatServer(name=chat_server_name(name))
    require_unused_name(server.name)
    # The bucket starts full. Any excess is cut off when it is refilled.
    server.bucket_tokens = values.get("burst", server.burst)
    return _save_chat_server(actor, server, Action.CHAT_SERVER_CREATED, {"url": url, **values})


def chat_server_name(name: str) -> str:
    """Return a valid application name: it must fit in an address and in a KV list."""
    name = name.strip()
    if not name.isascii() or not name.isprintable() or "/" in name or name in ("", ".", ".."):
        raise InvalidInput(
            "invalid_name",
            "Write the application's name as ChatServerAppName has it: "
            "ASCII characters on one line, without a slash.",
            {"field": "name", "name": "no application name"},
        )
    if len(name) > NAME_LENGTH:
        raise InvalidInput(
            "invalid_name",
            "A name may have at most {limit:,} characters.",
            {"field": "name", "name": "too long"},
            limit=NAME_LENGTH,
        )
    return name


def require_unused_name(name: str, *, by: ChatServer | None = None) -> None:
    """Raise Conflict for a former name of a Chat Server other than `by`: its history has it, and
    the feed may still use it."""
    former = FormerName.objects.select_related("chat_server").filter(name__iexact=name)
    taken = former.exclude(chat_server=by).first() if by else former.first()
    if taken is not None:
        raise Conflict(
            "former_name",
            "{name} was the name of the Chat Server {present} before it was renamed. "
            "Chats and history go by it. Use another name.",
            {"field": "name"},
            name=name,
            present=taken.chat_server.name,
        )


def default_burst(pace_per_second: object) -> int:
    """Return three seconds' worth of messages, from 150 to 100,000; 150 for what is no number."""
    try:
        return min(100_000, max(150, int(3 * float(str(pace_per_second)))))
    except (ValueError, OverflowError):
        return 150


def chat_server_state(server: ChatServer) -> State:
    """What can be changed of a Chat Server, as plain data."""
    return {name: getattr(server, name) for name in sorted(CHAT_SERVER_FIELDS)}


def chat_server_update(
    actor: Actor, server: ChatServer, *, expected: str | None = None, **changes: Any
) -> ChatServer:
    """Change how a Chat Server is reached. A new address starts with a clean record of health.
    With `expected`, the revision of the chat_server_state that was shown, Conflict where it is
    another by now."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        if expected is not None:
            held = ChatServer.objects.select_for_update(no_key=True).get(pk=server.pk)
            require_unchanged(
                chat_server_state(held), expected, term("the Chat Server {name}", name=server.name)
            )
        return _save_chat_server(actor, server, Action.CHAT_SERVER_CHANGED, changes)


def _save_chat_server(
    actor: Actor, server: ChatServer, action: Action, values: dict[str, Any]
) -> ChatServer:
    unknown = sorted(set(values) - CHAT_SERVER_FIELDS)
    if unknown:
        raise InvalidInput("unknown_field", "A Chat Server has no {unknown}.", unknown=unknown)
    if "url" in values:
        check_address(values["url"])
    is_moved = values.get("url", server.url) != server.url
    if is_moved:
        server.health, server.health_detail = Health.UNTRIED, ""
        server.failures_in_a_row, server.retry_at = 0, None
    for name, value in values.items():
        setattr(server, name, value)
    _check_chat_server(server)
    # For an existing one, only workers write the rest: its health and its bucket.
    changed = {*values, *(HEALTH_FIELDS if is_moved else ())} if server.pk else None
    try:
        with transaction.atomic():
            server.save(update_fields=changed)
            data = {**_texts(values), **told((CHAT_SERVER, server.pk))}
            audit.record(actor, action, target=("chat_server", server.name, server.name), data=data)
            notifications.publish(notifications.CHAT_SERVERS)
    except IntegrityError as error:
        raise name_taken(server.name) from error
    return server


def name_taken(name: str) -> Conflict:
    """Return the refusal of a name that another Chat Server has."""
    return Conflict(
        "name_taken",
        "There is a Chat Server named {name} already; change that one.",
        {"field": "name"},
        name=name,
    )


def _check_chat_server(server: ChatServer) -> None:
    """Raise InvalidInput with a message for each field that is out of range."""
    messages = {}
    try:
        server.clean_fields(exclude=WORKERS_FIELDS)
    except ValidationError as error:
        messages = {name: " ".join(texts) for name, texts in error.message_dict.items()}
    for name in CHAT_SERVER_FIELDS:
        value = getattr(server, name)
        # Every comparison with NaN is false, so the range check does not stop it.
        if isinstance(value, float) and not math.isfinite(value):
            messages[name] = term("Enter a number.")
    if messages:
        raise InvalidInput(
            "invalid_chat_server", by_name(messages), {**messages, "fields": messages}
        )


def _texts(values: dict[str, Any]) -> dict[str, str]:
    # The ledger holds no floats: they would not hash the same everywhere.
    return {name: str(value) for name, value in values.items()}


def check_address(url: str) -> None:
    """Raise InvalidInput, saying what to change, unless a transport could use the address."""
    try:
        chat_server_addresses.check(url)
    except ValueError as error:
        raise InvalidInput("invalid_address", sentence_of(error), {"field": "url"}) from error


def chat_server_reached(server: ChatServer) -> None:
    """Record that a Chat Server answered, which makes it healthy."""
    _set_health(server, Health.HEALTHY, detail="", failures=0)


def chat_server_unreachable(server: ChatServer, *, detail: str, rest: timedelta) -> None:
    """Record a failure to reach a Chat Server, and how long it rests before the next try."""
    _set_health(
        server,
        Health.UNHEALTHY,
        detail=detail,
        failures=server.failures_in_a_row + 1,
        rest=rest,
    )


def _set_health(
    server: ChatServer,
    health: Health,
    *,
    detail: str,
    failures: int,
    rest: timedelta | None = None,
) -> None:
    changed, now = server.health != health, database_now()
    server.health, server.health_detail = health, detail
    server.failures_in_a_row, server.retry_at = failures, now + rest if rest else None
    if changed:
        server.health_since = now
    with transaction.atomic():
        # Only if the address is the one that was tried: an administrator may have changed it.
        noted = ChatServer.objects.filter(pk=server.pk, url=server.url).update(
            **{name: getattr(server, name) for name in HEALTH_FIELDS}
        )
        if noted and changed:
            HealthChange.objects.create(chat_server_name=server.name, health=health, at=now)
            notifications.publish(notifications.CHAT_SERVERS, notifications.BOARD)


def health_changes_take(most: int) -> list[HealthChange]:
    """Return and delete the oldest changes of health that are not reported yet. The caller reports
    them in the same transaction."""
    taken = list(HealthChange.objects.select_for_update(skip_locked=True).order_by("pk")[:most])
    if taken:
        HealthChange.objects.filter(pk__in=[change.pk for change in taken]).delete()
    return taken
