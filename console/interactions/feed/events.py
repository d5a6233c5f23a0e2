"""Reads one event of the feed: validates it and returns its values. Pure, no database.

Implements the rules of docs/domain.md section 2: user data IsOnline '0' means offline, an absent
key does not, and ChatServerAppName names the Chat Server application that owns the session.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from console.errors import InvalidInput
from console.text.sentences import Sentence, term, with_texts
from console.text.visible import is_blank, one_line

UPSERT = "upsert"
STOPPED = "stopped"
TRANSCRIPT = "transcript"
INT_MIN, INT_MAX = -(2**31), 2**31 - 1
SEQUENCE_MAX = 2**63 - 1
DEPTH_LIMIT = 8
# In bytes as JSON. User data travels with every send, in a frame of at most 1 MiB (docs/domain.md
# section 5).
USER_DATA_LIMIT = 256 * 1024
TEXT_FIELDS = {
    "media_type": 64,
    "state": 64,
    "queue": 255,
    "agent": 255,
    "locale": 35,
    "chat_server_app_name": 128,
}
EVENT_FIELDS = {"type", "occurred_at", "sequence", "interaction"}
INTERACTION_FIELDS = {
    *TEXT_FIELDS,
    *("id", "tenant_id", "is_online", "received_at", "user_data", "test"),
}


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One event. None in a field means that the event does not mention it."""

    interaction_id: str
    stopped: bool
    occurred_at: datetime
    sequence: int
    media_type: str | None = None
    state: str | None = None
    queue: str | None = None
    agent: str | None = None
    locale: str | None = None
    chat_server_name: str | None = None
    tenant_id: int | None = None
    is_online: bool | None = None
    received_at: datetime | None = None
    user_data: dict[str, Any] | None = None
    is_test: bool | None = None

    @property
    def tells_facts(self) -> bool:
        """Whether it has data that decides about sending: online, Chat Server, user data."""
        told = (self.is_online, self.chat_server_name, self.user_data)
        return self.stopped or any(value is not None for value in told)


def parse_event(raw: object) -> FeedEvent:
    """Validate and read one event. Raises InvalidInput that names the invalid field."""
    event = read_mapping(raw, "the event", EVENT_FIELDS)
    kind = event.get("type")
    if kind not in (UPSERT, STOPPED):
        raise wrong_field(
            "type",
            term(
                'must be "{upsert}", "{stopped}" or "{transcript}"',
                upsert=UPSERT,
                stopped=STOPPED,
                transcript=TRANSCRIPT,
            ),
        )
    interaction = read_mapping(event.get("interaction"), "interaction", INTERACTION_FIELDS)
    texts = {name: _text(interaction, name, most) for name, most in TEXT_FIELDS.items()}
    user_data = _user_data(interaction.get("user_data"))
    named = texts.pop("chat_server_app_name")
    return FeedEvent(
        interaction_id=read_interaction_id(interaction.get("id")),
        stopped=kind == STOPPED,
        occurred_at=read_time(event.get("occurred_at"), "occurred_at"),
        sequence=read_sequence(event.get("sequence")),
        chat_server_name=named if named is not None else chat_server_from(user_data),
        tenant_id=_integer(interaction.get("tenant_id"), "tenant_id"),
        is_online=_is_online(interaction.get("is_online"), user_data),
        received_at=_optional_time(interaction.get("received_at"), "received_at"),
        user_data=user_data,
        is_test=_flag(interaction.get("test"), "interaction.test"),
        **texts,
    )


def says_offline(user_data: Mapping[str, Any]) -> bool:
    """Return whether IsOnline is '0' (or how a feed may spell it). An absent key means nothing."""
    return str(user_data.get("IsOnline")).strip().lower() in ("0", "false")


def chat_server_from(user_data: Mapping[str, Any] | None) -> str | None:
    """Return ChatServerAppName if the user data has it."""
    value = (user_data or {}).get("ChatServerAppName")
    return value[:128] if isinstance(value, str) else None


def _flag(given: object, name: str) -> bool | None:
    if given is not None and not isinstance(given, bool):
        raise wrong_field(name, term("must be true or false"))
    return given


def _is_online(told: object, user_data: Mapping[str, Any] | None) -> bool | None:
    given = _flag(told, "is_online")
    if user_data is not None and says_offline(user_data):
        # A closing value wins over an opening one: nothing may go to an ended session.
        return False
    if given is None and user_data is not None:
        return True
    return given


def read_mapping(value: object, name: str, fields: set[str]) -> Mapping[str, Any]:
    """Return an object that has only these fields: a misspelt one must not pass as absent."""
    if not isinstance(value, Mapping):
        raise wrong_field(name, term("must be an object"))
    unknown = sorted(set(map(str, value)) - fields)
    if unknown:
        raise wrong_field(
            name, term("has unknown fields: {unknown}", unknown=", ".join(unknown)[:200])
        )
    return value


def read_interaction_id(value: object) -> str:
    if not isinstance(value, str) or not value or len(value) > 64 or not value.isascii():
        raise wrong_field(
            "interaction.id", term("must be the interaction's id: 1 to 64 ASCII characters")
        )
    if not value.isprintable() or "/" in value or " " in value:
        raise wrong_field(
            "interaction.id", term("must not contain spaces, slashes or control characters")
        )
    return value


def _text(interaction: Mapping[str, Any], name: str, most: int) -> str | None:
    value = interaction.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > most or not is_storable(value):
        raise wrong_field(
            f"interaction.{name}", term("must be a text of at most {limit} characters", limit=most)
        )
    if name == "chat_server_app_name":
        return value  # unchanged, since the Chat Server is looked up by it
    return "" if is_blank(value) else one_line(value)


def _integer(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not INT_MIN <= value <= INT_MAX:
        raise wrong_field(f"interaction.{name}", term("must be a whole number of 32 bits"))
    return value


def read_sequence(value: object) -> int:
    if value is None:
        return -1
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= SEQUENCE_MAX:
        raise wrong_field("sequence", term("must be a whole number from 0"))
    return value


def read_time(value: object, name: str) -> datetime:
    try:
        parsed = parse_datetime(value) if isinstance(value, str) else None
    except ValueError as error:
        raise wrong_field(name, term("is no time: {error}", error=error)) from error
    if parsed is None or parsed.tzinfo is None:
        raise wrong_field(name, term("must be a time with its zone, as in 2026-01-31T12:00:00Z"))
    try:
        return parsed.astimezone(UTC)
    except OverflowError as error:
        raise wrong_field(name, term("is out of range")) from error


def _optional_time(value: object, name: str) -> datetime | None:
    return None if value is None else read_time(value, f"interaction.{name}")


def _user_data(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        raise wrong_field("interaction.user_data", term("must be an object"))
    _check_kv(value, "interaction.user_data", DEPTH_LIMIT)
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > USER_DATA_LIMIT:
        raise wrong_field(
            "interaction.user_data",
            term(
                "has {size:,} bytes; at most {limit:,} can travel", size=size, limit=USER_DATA_LIMIT
            ),
        )
    return value


def _check_kv(value: Mapping[Any, Any], name: str, depth: int) -> None:
    """Accept only what a KV list can carry (docs/domain.md section 4)."""
    if depth == 0:
        raise wrong_field(name, term("is nested deeper than {limit} levels", limit=DEPTH_LIMIT))
    for key, item in value.items():
        where = f"{name}.{key}"[:200]
        if not key or not key.isascii() or "\0" in key:
            raise wrong_field(
                where, term("has a key that can't travel: keys are ASCII and not empty")
            )
        if isinstance(item, Mapping):
            _check_kv(item, where, depth - 1)
        elif not _travels(item):
            raise wrong_field(
                where,
                term(
                    "must be a text, a whole number of 32 bits or an object: a KV list has "
                    'nothing else (for a yes or no write "1" or "0")'
                ),
            )


def _travels(item: object) -> bool:
    if isinstance(item, str):
        return is_storable(item)
    return isinstance(item, int) and not isinstance(item, bool) and INT_MIN <= item <= INT_MAX


def is_storable(text: str) -> bool:
    """Return False for NUL and lone surrogates: JSON has them, databases and KV lists do not."""
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def wrong_field(name: str, what: Sentence) -> InvalidInput:
    said = term("{name} {what}.", name=name, what=what)
    return InvalidInput("invalid_event", with_texts(said, _answerable))


def _answerable(text: str) -> str:
    """Names from the event may hold what can't be answered as UTF-8."""
    return text.encode(errors="replace").decode()
