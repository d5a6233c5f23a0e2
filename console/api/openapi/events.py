"""The webhooks in the OpenAPI document: each event as it is posted to the receiver.

console.webhooks.event_payloads builds the events; a test checks them against this.
"""

from typing import Any

from console.api.serializers.values import (
    INTEGER,
    MOMENT,
    STRING,
    Schema,
    a_map,
    an_object,
    or_null,
    reference,
)
from console.interactions.models import Health
from console.notifications.kinds import KINDS, Kind
from console.sends.evidence_models import Verdict
from console.webhooks.event_payloads import DELIVERIES, DELIVERIES_TOLD, HEALTH, RESOLVED, SENDS
from console.webhooks.models import TEST, TYPE_WORDS, EventType

HEADERS = {
    "webhook-id": "The same for each attempt: by it a receiver knows what it has already.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "One or more signatures, `v1,…`, with a blank between them.",
}


def _data() -> dict[str, Schema]:
    """Return the schemas of `data`, by kind of event."""
    delivery = an_object({"id": INTEGER, "interaction": STRING}, says="One of those deliveries.")
    told: Schema = {"type": "array", "items": reference("ToldDelivery")}
    return {
        "ToldDelivery": delivery,
        "SendTold": an_object(
            {
                "send": INTEGER,
                "status": {"type": "string", "enum": _statuses(SENDS)},
                "counts": a_map(INTEGER, says="Deliveries by what became of them."),
            },
            required=("send", "status"),
            says="A send that is over.",
        ),
        "DeliveriesTold": an_object(
            {
                "send": INTEGER,
                "status": {"type": "string", "enum": _statuses(DELIVERIES)},
                "count": INTEGER,
                "chat_servers": a_map(INTEGER, says="How many of each Chat Server's."),
                "reasons": a_map(INTEGER, says="How many for each reason."),
                "deliveries": {**told, "description": f"The first {DELIVERIES_TOLD}."},
            },
            says="Deliveries of one send that ended alike.",
        ),
        **_resolved_data(),
        **_incident_data(),
        "ChatServerTold": an_object(
            {
                "chat_server": STRING,
                "health": {"type": "string", "enum": Health.values},
            },
            says="A Chat Server whose health has changed.",
        ),
        **{_data_name(kind.name): _waiting_data(kind) for kind in KINDS.values()},
        "TestTold": an_object({"webhook": STRING}, says="Which webhook is tried out."),
    }


def _data_name(kind: str) -> str:
    """Return VersionSubmittedTold for version.submitted."""
    return _name(kind).removesuffix("Event") + "Told"


def _waiting_data(kind: Kind) -> Schema:
    return an_object(dict(kind.event_schema), says=f"{kind.label}: which one.")


def _resolved_data() -> dict[str, Schema]:
    return {
        "ResolvedDelivery": an_object(
            {
                "id": INTEGER,
                "interaction": STRING,
                "resolution": {
                    "type": "string",
                    "enum": [Verdict.DELIVERED.value, Verdict.NOT_DELIVERED.value, ""],
                },
                "contested": {"type": "boolean"},
            },
            says="What the evidence that stands says of a delivery: empty where none stands; "
            "`contested` where some of it says otherwise.",
        ),
        "ResolvedTold": an_object(
            {
                "send": INTEGER,
                "count": INTEGER,
                "chat_servers": a_map(INTEGER, says="How many of each Chat Server's."),
                "deliveries": {
                    "type": "array",
                    "items": reference("ResolvedDelivery"),
                    "description": f"The first {DELIVERIES_TOLD}.",
                },
            },
            says="Evidence of unknown deliveries of one send.",
        ),
    }


def _incident_data() -> dict[str, Schema]:
    """Return the schemas of incidents' events."""
    at = or_null(MOMENT)
    told: dict[str, tuple[dict[str, Schema], str]] = {
        "IncidentStartedTold": (
            {"playbook": STRING, "version": INTEGER, "confirm_until": at},
            "An incident; until when somebody must confirm it, if it is an emergency.",
        ),
        "IncidentStageTold": (
            {"stage": INTEGER, "position": INTEGER, "send": or_null(INTEGER), "due_at": at},
            "A stage with its first send, and when its next update is due.",
        ),
        "IncidentUnconfirmedTold": ({"confirm_until": MOMENT}, "An emergency that is paused."),
        "IncidentClosedTold": ({}, "An incident that is over."),
    }
    return {
        name: an_object({"incident": INTEGER, **properties}, says=says)
        for name, (properties, says) in told.items()
    }


def _statuses(kinds: dict[str, tuple[Any, str]]) -> list[str]:
    return sorted({status for _type, status in kinds.values()})


def _kinds() -> dict[str, str]:
    """Return the name of the data's schema for each event."""
    return {
        **dict.fromkeys((str(kind) for kind, _status in SENDS.values()), "SendTold"),
        **dict.fromkeys((str(kind) for kind, _status in DELIVERIES.values()), "DeliveriesTold"),
        str(RESOLVED): "ResolvedTold",
        **{kind: _data_name(kind) for kind in KINDS},
        str(EventType.INCIDENT_STARTED): "IncidentStartedTold",
        str(EventType.INCIDENT_STAGE_STARTED): "IncidentStageTold",
        str(EventType.INCIDENT_UNCONFIRMED): "IncidentUnconfirmedTold",
        str(EventType.INCIDENT_CLOSED): "IncidentClosedTold",
        **dict.fromkeys(map(str, HEALTH.values()), "ChatServerTold"),
        TEST: "TestTold",
    }


def _name(kind: str) -> str:
    """Return SendFinishedEvent for send.finished."""
    return "".join(part.capitalize() for part in kind.replace("_", ".").split(".")) + "Event"


def event_components() -> dict[str, Schema]:
    events = {
        _name(kind): an_object(
            {
                "type": {"type": "string", "const": kind},
                "timestamp": MOMENT,
                "data": reference(data),
            },
            says=f"{TYPE_WORDS[kind]}.",
        )
        for kind, data in _kinds().items()
    }
    return _data() | events


def event_webhooks() -> dict[str, Any]:
    """Return the part `webhooks` of the document."""
    return {kind: {"post": _post(kind)} for kind in _kinds()}


def _post(kind: str) -> dict[str, Any]:
    return {
        "operationId": f"told_{kind.replace('.', '_')}",
        "summary": str(TYPE_WORDS[kind]),
        "description": "Signed by the Standard Webhooks scheme. It is sent again until it is taken "
        "or given up, so it may come twice.",
        "tags": ["webhooks"],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": said, "schema": STRING}
            for name, said in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": reference(_name(kind))}},
        },
        "responses": {"2XX": {"description": "Taken. What the body says does not matter."}},
    }
