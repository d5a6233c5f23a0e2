"""What the ledger tells of Chat Servers (console.audit.state.kinds)."""

from collections.abc import Sequence

from console.audit.actions import Action
from console.audit.state.kinds import Kind, Older, declare, pass_over
from console.interactions.models import ChatServer, FormerName

WORKERS = "what workers see and count, many times a minute"
FEED = "what happens in the contact centre, not what is done here"


def _former_names(pks: Sequence[int]) -> dict[int, list[str]]:
    listed: dict[int, list[str]] = {}
    found = FormerName.objects.filter(chat_server_id__in=pks).order_by("name")
    for pk, name in found.values_list("chat_server_id", "name"):
        listed.setdefault(pk, []).append(name)
    return listed


def _older(server: ChatServer) -> list[Older]:
    names = [server.name, *server.former_names.values_list("name", flat=True)]
    return [("chat_server", name, {}) for name in names]


CHAT_SERVER = declare(
    Kind(
        name="chat_server",
        label="Chat Server",
        model=ChatServer,
        made_by=frozenset({Action.CHAT_SERVER_CREATED}),
        fields=(
            *("name", "url", "pace_per_second", "burst", "window", "connect_timeout_seconds"),
            *("request_timeout_seconds", "enabled", "held_at", "held_by", "held_reason"),
        ),
        more={"former_names": _former_names},
        passed_over=dict.fromkeys(
            (
                *("health", "health_since", "health_detail", "failures_in_a_row", "retry_at"),
                *("progressed_at", "bucket_tokens", "bucket_at", "grant_slots", "grant_counts"),
                *("drain_epoch", "drain_holder", "drain_renewed_at", "drain_contested_at"),
            ),
            WORKERS,
        ),
        older=_older,
    )
)

pass_over(
    {
        "interactions.FormerName": "compared as the former names of a Chat Server",
        "interactions.HealthChange": WORKERS,
        "interactions.Interaction": FEED,
        "interactions.InteractionPoll": FEED,
        "interactions.TranscriptLine": FEED,
        "interactions.SavedView": "a tab of the board, which shows a list and decides nothing",
    }
)
