"""What an interaction of a snapshot says, as an event of the feed. Pure, no database.

Names and values are those of InteractionProperties (docs/poller.md). A property that is absent says
nothing, as in the feed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

STATES = {0: "queued", 1: "cached", 2: "routing", 3: "handling"}
HANDLING = 3


def event_of(
    properties: Mapping[str, Any], *, at: datetime, locale_key: str = ""
) -> dict[str, Any]:
    """The event that a snapshot of `at` makes of an interaction, as `parse_event` reads it.

    `locale_key` is the user-data key with the customer's language; "" where the site has none.
    """
    user_data: dict[str, Any] | None = properties.get("UserData")
    told = {
        "id": properties.get("Id"),
        "media_type": properties.get("Mediatype"),
        "tenant_id": properties.get("TenantId"),
        "state": _state(properties.get("State")),
        "queue": properties.get("Queue"),
        "agent": _agent(properties),
        "locale": (user_data or {}).get(locale_key) if locale_key else None,
        "is_online": _is_online(properties.get("IsOnline")),
        "received_at": _received_at(properties.get("ReceivedAt")),
        "user_data": user_data,
    }
    interaction = {name: value for name, value in told.items() if value is not None}
    return {"type": "upsert", "occurred_at": at.isoformat(), "interaction": interaction}


def stop_of(interaction_id: str, *, at: datetime) -> dict[str, Any]:
    """The event that ends a chat which a snapshot of `at` has not."""
    return {"type": "stopped", "occurred_at": at.isoformat(), "interaction": {"id": interaction_id}}


def _state(value: object) -> str | None:
    if value is None:
        return None
    return STATES.get(value, str(value)) if isinstance(value, int) else str(value)


def _agent(properties: Mapping[str, Any]) -> str | None:
    """Whoever handles it. In the states before that it is nobody, whoever was it last."""
    agent: str | None = properties.get("AgentId")
    state = properties.get("State")
    return "" if state in STATES and state != HANDLING else agent


def _is_online(value: object) -> bool | None:
    """0 or 1. Absent does not block, as docs/domain.md section 2 has it."""
    return None if value is None else str(value).strip() not in ("0", "false", "False")


def _received_at(value: object) -> str | None:
    """ISO 8601 with its zone. How the property is written is not documented: what can't be read
    says nothing, and the chat counts as received when it was first seen."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else None
    try:
        parsed = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return parsed.isoformat() if parsed is not None and parsed.tzinfo is not None else None
