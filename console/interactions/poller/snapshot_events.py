"""Makes an event of the feed from an interaction of a snapshot. Pure, no database.

Names and values are those of InteractionProperties (docs/poller.md). An absent property means
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
    """Return an interaction of a snapshot of `at` as an event for `parse_event`.

    `locale_key` is the user-data key with the customer's language; "" if the site has none.
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
    """Return the event that ends a chat which a snapshot of `at` lacks."""
    return {"type": "stopped", "occurred_at": at.isoformat(), "interaction": {"id": interaction_id}}


def _state(value: object) -> str | None:
    if value is None:
        return None
    return STATES.get(value, str(value)) if isinstance(value, int) else str(value)


def _agent(properties: Mapping[str, Any]) -> str | None:
    """Return the agent who handles it; "" in the states before that, whoever the last agent was."""
    agent: str | None = properties.get("AgentId")
    state = properties.get("State")
    return "" if state in STATES and state != HANDLING else agent


def _is_online(value: object) -> bool | None:
    """Read 0 or 1. An absent value does not block (docs/domain.md section 2)."""
    return None if value is None else str(value).strip() not in ("0", "false", "False")


def _received_at(value: object) -> str | None:
    """Return the time as ISO 8601 with its zone. The property's format is not documented: a value
    that can't be read is ignored, and the chat counts as received when it was first seen."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat() if value.tzinfo else None
    try:
        parsed = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return parsed.isoformat() if parsed is not None and parsed.tzinfo is not None else None
