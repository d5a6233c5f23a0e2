"""What the OpenAPI document says of values that no serializer describes: those that come as JSON of
the caller's own, and those that a service checks one by one.

Each is a component with one name, so that a generated client has one type for it. What a text may
be in detail is the service's to say: here stands what a program has to know to write one.
"""

from typing import Any

from django.conf import settings

from console.catalogue.content.bodies import LOCALE_LIMIT
from console.catalogue.content.questions import (
    CHOICE_LIMIT,
    LABEL_LENGTH,
    NAME,
    TEXT_LENGTH,
    FieldType,
)
from console.catalogue.transfer.columns import COLUMNS
from console.incidents.selectors import OUTCOMES
from console.interactions.audience.fields import FIELDS
from console.interactions.audience.values import Op
from console.interactions.feed.events import (
    INT_MAX,
    INT_MIN,
    SEQUENCE_MAX,
    STOPPED,
    TEXT_FIELDS,
    TRANSCRIPT,
    UPSERT,
)
from console.interactions.feed.transcript_events import LINES_AN_EVENT, NICKNAME_LIMIT
from console.interactions.feed.transcript_events import TEXT_LIMIT as LINE_LIMIT
from console.interactions.models import LineVisibility, Party
from console.sends.earlier_sends import STATUSES
from console.sends.plan.values import CANARY_MINUTES_MOST

Schema = dict[str, Any]

LOCALE = "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$"
COUNTS = ("pending", "sending", "delivered", "failed", "unknown", "skipped", "cancelled", "total")
RESOLUTION_COUNTS = ("unresolved", "delivered", "not_delivered", "contested")

STRING: Schema = {"type": "string"}
INTEGER: Schema = {"type": "integer"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
INT32: Schema = {"type": "integer", "minimum": INT_MIN, "maximum": INT_MAX}


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(
    properties: dict[str, Schema], *, says: str, required: tuple[str, ...] | None = None
) -> Schema:
    """With these properties and no others; all of them are required where it is not said."""
    return {
        "type": "object",
        "description": says,
        "properties": properties,
        "required": sorted(properties if required is None else required),
        "additionalProperties": False,
    }


def a_map(values: Schema, *, says: str) -> Schema:
    return {"type": "object", "description": says, "additionalProperties": values}


def or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _json_object() -> Schema:
    plain: list[Schema] = [{"type": kind} for kind in ("string", "number", "boolean", "null")]
    inner = [*plain, reference("JsonObject")]
    lists: Schema = {"type": "array", "items": {"anyOf": inner}}
    return a_map({"anyOf": [*inner, lists]}, says="JSON: names, and what each of them has.")


def _feed_event() -> Schema:
    sequence = {"type": ["integer", "null"], "minimum": 0, "maximum": SEQUENCE_MAX}
    return an_object(
        {
            "type": {"type": "string", "enum": [UPSERT, STOPPED, TRANSCRIPT]},
            "occurred_at": {**MOMENT, "description": "With its zone: 2026-01-31T12:00:00Z."},
            "sequence": {**sequence, "description": "Orders the events of one moment."},
            "interaction": reference("FedInteraction"),
            "lines": {
                "type": "array",
                "items": reference("FedLine"),
                "minItems": 1,
                "maxItems": LINES_AN_EVENT,
                "description": "Of a `transcript` event, whose interaction has an id alone. Other "
                "events have none.",
            },
        },
        required=("type", "occurred_at", "interaction"),
        says="What happened to a chat. One that is wrong comes back in `rejected`, and blocks no "
        "other.",
    )


def _fed_line() -> Schema:
    name = {"type": ["string", "null"], "maxLength": NICKNAME_LIMIT}
    text = {"type": "string", "pattern": r"\S", "maxLength": LINE_LIMIT}
    return an_object(
        {
            "at": {**MOMENT, "description": "With its zone: its time in the chat."},
            "party": {"type": "string", "enum": Party.values, "description": "Who wrote it."},
            "nickname": {**name, "description": "The name under which it stands there."},
            "text": {**text, "description": "Word for word."},
            "visibility": {
                "type": "string",
                "enum": LineVisibility.values,
                "description": "Who sees it in the chat: everybody, staff, or supervisors.",
            },
        },
        required=("at", "party", "text", "visibility"),
        says="A line of a chat's transcript, with who may see it.",
    )


def _fed_interaction() -> Schema:
    texts: dict[str, Schema] = {
        name: {"type": ["string", "null"], "maxLength": most} for name, most in TEXT_FIELDS.items()
    }
    texts["chat_server_app_name"]["description"] = (
        "The Chat Server application. Left out: ChatServerAppName of the user data."
    )
    offline = "False, or IsOnline '0' in the user data: nothing may be sent any more."
    return an_object(
        {
            "id": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-.0-~]+$"},
            **texts,
            "tenant_id": or_null(INT32),
            "is_online": {"type": ["boolean", "null"], "description": offline},
            "received_at": or_null(MOMENT),
            "user_data": {
                "anyOf": [reference("UserData"), {"type": "null"}],
                "description": "Replaces the old as a whole.",
            },
            "test": {
                "type": ["boolean", "null"],
                "description": "Whether it is a test chat. Stays until an event says otherwise.",
            },
        },
        required=("id",),
        says="A chat as it is now. What is left out, or null, stays as it was.",
    )


def _counts(names: tuple[str, ...], says: str) -> Schema:
    return an_object(dict.fromkeys(names, INTEGER), says=says)


def _transcript_line() -> Schema:
    return an_object(
        {
            "interaction": {"type": "string", "pattern": r"\S", "maxLength": 64},
            "at": {**MOMENT, "description": "With its zone: its time in the chat."},
            "nickname": {
                **STRING,
                "description": "Its name in the chat; may be empty.",
            },
            "text": {"type": "string", "pattern": r"\S", "description": "Word for word."},
        },
        says="A line of a chat's transcript.",
    )


def _asked_field(*, is_answer: bool) -> Schema:
    """As console.catalogue.content.questions reads it, or as a version has it."""
    line: Schema = {"type": "string", "minLength": 1, "maxLength": TEXT_LENGTH}
    length = {"type": ["integer", "null"], "minimum": 1, "maximum": TEXT_LENGTH}
    left_out = "Left out: {}."
    fields: dict[str, Schema] = {
        "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
        "label": {"type": "string", "maxLength": LABEL_LENGTH},
        "type": reference("FieldType"),
        "required": {"type": "boolean"},
        "choices": {"type": "array", "maxItems": CHOICE_LIMIT, "items": line},
        "max_length": {**length, "description": "Of a text, in characters."},
    }
    if not is_answer:
        for name, value in (("label", "the name"), ("type", "text"), ("required", "true")):
            fields[name] = {**fields[name], "description": left_out.format(value)}
    return an_object(
        fields,
        required=None if is_answer else ("name",),
        says="What a notice asks its sender for; a text says {{ field.name }}. Where it is not "
        "required, the text needs a default.",
    )


def _record() -> Schema:
    """A row of a catalogue's file (console.catalogue.transfer)."""
    cell = {"type": ["string", "null"]}
    bodies = {"type": ["object", "null"], "additionalProperties": cell}
    return an_object(
        {
            **dict.fromkeys(COLUMNS, cell),
            "version": {"type": ["integer", "string", "null"]},
            "bodies": {**bodies, "description": "Language to text."},
        },
        required=(),
        says="A notice, a version of one, a preset or a category, as an export has it.",
    )


def _chat_filter() -> Schema:
    """As console.interactions.InteractionFilter reads it."""
    text: Schema = {"type": "string", "pattern": r"\S", "maxLength": 255}
    seconds: Schema = {"type": "integer", "minimum": 0, "maximum": 10**9}
    every: Schema = {"type": "boolean", "const": True}
    filters = {
        **dict.fromkeys(("queue", "agent", "chat_server", "locale", "team", "q"), text),
        "online": {"type": "boolean"},
        "waiting_longer_than": {**seconds, "description": "Seconds."},
        "all": {**every, "description": "Every live chat that you see; alone."},
    }
    said = an_object(filters, required=(), says="Which live chats: at least one of these.")
    return {**said, "minProperties": 1}


def _audience() -> Schema:
    """As console.interactions.audience.reading reads it."""
    inner = reference("Audience")
    several: Schema = {"type": "array", "minItems": 1, "items": inner}
    of_field: dict[str, Schema] = {
        name: reference("AudienceValue")
        for name, field in FIELDS.items()
        if not field.has_keys and not field.has_objects
    }
    by_key = {**a_map(reference("AudienceValue"), says="By its keys."), "minProperties": 1}
    earlier: Schema = reference("AudienceReceived")
    earlier_ones: Schema = {"type": "array", "minItems": 1, "items": earlier}
    properties: dict[str, Any] = {
        **of_field,
        "data": by_key,
        "received": {"anyOf": [earlier, earlier_ones]},
        "all": several,
        "any": several,
        "not": inner,
        "everyone": {"type": "boolean", "const": True},
    }
    said = an_object(
        properties,
        required=(),
        says="Which live chats: all of these must hold. `everyone` is every live chat that you see "
        "and stands alone.",
    )
    return {**said, "minProperties": 1}


def _canary() -> Schema:
    return an_object(
        {
            "size": {**INTEGER, "minimum": 1, "maximum": 100_000},
            "minutes": {**INTEGER, "minimum": 1, "maximum": CANARY_MINUTES_MOST},
        },
        required=("size",),
        says="To how many chats a send goes first. It pauses then, and goes on by a resume, or by "
        "itself after these minutes.",
    )


def _audience_value() -> Schema:
    plain: list[Schema] = [
        {**STRING, "minLength": 1, "maxLength": 255},
        {"type": "number"},
        {"type": "boolean"},
    ]
    several: Schema = {"type": "array", "minItems": 1, "items": {"anyOf": plain}}
    by_op: dict[str, Schema] = {
        **{op.value: {"anyOf": [*plain, several]} for op in Op if op is not Op.EXISTS},
        Op.EXISTS.value: {"type": "boolean"},
    }
    ops = an_object(by_op, required=(), says="A value, or two, by how they are compared.")
    return {
        "description": "A value, a list of values of which it is one, or how to compare. Times of "
        "waiting are seconds, or a text such as 5m.",
        "anyOf": [*plain, several, {**ops, "minProperties": 1}],
    }


def _audience_received() -> Schema:
    outcome: Schema = {"type": "string", "enum": list(STATUSES)}
    outcomes: Schema = {"type": "array", "minItems": 1, "items": outcome}
    return an_object(
        {
            "send": {**INTEGER, "minimum": 1},
            "notice": {**STRING, "minLength": 1, "maxLength": 100},
            "outcome": {"anyOf": [outcome, outcomes]},
        },
        required=(),
        says="An earlier send by its number, or a notice by its key. Without an outcome it means "
        "delivered. Evidence of an unknown delivery counts instead of its first record.",
    )


def _send_target() -> Schema:
    chats: Schema = {"type": "array", "items": STRING}
    return an_object(
        {
            "interactions": chats,
            "filter": reference("ChatFilter"),
            "audience": reference("Audience"),
        },
        required=(),
        says="To whom it was sent: chats by their ids, or all that matched a filter or an "
        "audience. Empty for those who may not read it.",
    )


def _key_value() -> Schema:
    pairs: Schema = {"type": "array", "items": reference("KeyValue")}
    return an_object(
        {
            "key": STRING,
            "type": {"type": "string", "enum": ["str", "utf", "int", "byte[]", "kvlist"]},
            "value": {
                "anyOf": [STRING, INTEGER, pairs],
                "description": "Bytes are in base64.",
            },
        },
        says="A pair of a KV list.",
    )


def _catalogue() -> Schema:
    records: Schema = {"type": "array", "items": reference("CatalogueRecord")}
    return an_object(
        {"columns": {"type": "array", "items": STRING}, "records": records},
        says="A catalogue's file.",
    )


BODIES = "Language to text; for a push URL, to the URL."


def _bodies() -> Schema:
    text: Schema = {"type": "string", "pattern": r"\S", "maxLength": settings.TEXT_LIMIT}
    return {
        **a_map(text, says=BODIES),
        "propertyNames": {"pattern": LOCALE, "maxLength": 35},
        "minProperties": 1,
        "maxProperties": LOCALE_LIMIT,
    }


def components() -> dict[str, Schema]:
    """By their names."""
    return {
        "UserData": a_map(
            {"anyOf": [STRING, INT32, reference("UserData")]},
            says="What travels to Chat Server with each request: texts, whole numbers and objects "
            "of these, with ASCII keys.",
        ),
        "JsonObject": _json_object(),
        "KeyValue": _key_value(),
        "FeedEvent": _feed_event(),
        "FedInteraction": _fed_interaction(),
        "FedLine": _fed_line(),
        "TranscriptLine": _transcript_line(),
        "ChatFilter": _chat_filter(),
        "Canary": _canary(),
        "Audience": _audience(),
        "AudienceValue": _audience_value(),
        "AudienceReceived": _audience_received(),
        "SendTarget": _send_target(),
        "SendCounts": _counts(COUNTS, "Deliveries by what became of them."),
        "IncidentCounts": _counts(OUTCOMES, "Chats of a stage by what became of them."),
        "SendResolutions": _counts(RESOLUTION_COUNTS, "Unknown deliveries by the evidence."),
        "Answers": a_map(
            {"type": ["string", "number", "null"]},
            says="Answers to what the notice asks for, by the names of its fields.",
        ),
        "Bodies": a_map(STRING, says=BODIES),
        "BodiesRequest": _bodies(),
        "SnippetVersions": a_map(
            INTEGER, says="Which version of each snippet it has, by their keys."
        ),
        "FieldType": {"type": "string", "enum": FieldType.values},
        "AskedField": _asked_field(is_answer=True),
        "AskedFieldRequest": _asked_field(is_answer=False),
        "CatalogueRecord": _record(),
        "CatalogueDocument": _catalogue(),
    }
