"""Completes drf-spectacular's document with error responses and exact schemas.

Views declare "4XX" for errors in the common form; here it becomes each status that such a call can
return. The fuzzer checks the API against this document (tools/fuzz).
"""

import json
from collections.abc import Iterator
from typing import Any

from console.api.base import LONGEST
from console.api.openapi.events import event_components, event_webhooks
from console.api.serializers.values import components, reference

READS = frozenset({"get"})
ERRORS = {
    "400": "What was sent can't be used as it is; `details` names the field where there is one.",
    "401": "No token or session that is valid.",
    "403": "This person or program may not do that.",
    "404": "There is no such thing, or none that the caller may see.",
    "406": "The `Accept` header allows no answer that there is.",
    "409": "It contradicts what is there already.",
    "412": "It is not as `If-Match` says that the caller has seen it.",
    "413": "The body is too large.",
    "415": "The body is not of the type application/json, or in an encoding that is not read.",
    "422": "Well-formed, but the state of things does not allow it.",
    "429": "Too many calls in so short a time.",
    "503": "Something that is needed, such as the database, does not answer now.",
}
HEADERS = {
    "401": {
        "WWW-Authenticate": {
            "description": "How to sign in.",
            "required": True,
            "schema": {"type": "string"},
        }
    },
    "415": {
        "Accept-Encoding": {
            "description": "Which encodings are read, where it was that.",
            "schema": {"type": "string"},
        }
    },
    "429": {
        "Retry-After": {
            "description": "In how many seconds it is worth trying again, where waiting helps.",
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}
DONE = {
    "200": "Done; this is how it is now.",
    "201": "Made; this is how it is now.",
    "202": "Taken, but for what is rejected.",
    "204": "Done. The answer has no body.",
}
# Fields that may be absent from a response.
SOMETIMES = {
    "SentOutput": {"deliveries"},
    "ProvedEntryOutput": {"item"},
    "DeliveryProofOutput": {"text", "text_salt", "timestamp"},
}
TAGS = {
    "audit": "The ledger of everything that was done, with its signatures.",
    "audiences": "Which chats, under a name: the views of the board.",
    "categories": "The tree in which notices stand.",
    "chat-servers": "Chat Servers and their health.",
    "deliveries": "The history: what went to whom, and what became of it.",
    "exports": "Lists as files that a worker writes.",
    "incidents": "Playbooks that were started: their stages, their chats and their end.",
    "interactions": "Live chats, and the feed that tells of them.",
    "notices": "The catalogue: notices and their versions, through review.",
    "playbooks": "Prepared answers to outages, through review.",
    "presets": "Visibility presets: who sees a notice, and under which nickname.",
    "sending-stop": "The switch that stops all sending.",
    "sends": "Sending, and what is done with a send.",
    "test-chats": "Chats in which drafts are tried out.",
    "variables": "What texts can say of a chat.",
    "waiting": "What waits for the caller's decision.",
    "webhooks": "Who is told of what happens.",
}
# Descriptions of parameters that the call itself does not describe.
PARAMETERS = {
    "action": "What was done, such as send.created.",
    "agent": "The agent who handles the chat.",
    "audience_id": "The id of a saved audience.",
    "category_id": "The category's id.",
    "chat_server": "A Chat Server's name.",
    "export_id": "The export's id.",
    "from": "From this moment on: a date or a time.",
    "incident_id": "The incident's id.",
    "interaction": "A chat's id.",
    "interaction_id": "The chat's id.",
    "key": "The key of the notice or the playbook.",
    "kind": "What kind of notice.",
    "locale": "The chat's language.",
    "message_id": "The message's id.",
    "name": "The Chat Server application's name.",
    "number": "The version's number.",
    "online": "Whether the chat is still open.",
    "position": "The position of the stage, from 1.",
    "preset_id": "The preset's id.",
    "q": "Words to look for.",
    "queue": "The queue in which the chat is.",
    "send_id": "The send's id.",
    "delivery_id": "The delivery's id.",
    "status": "What has this status.",
    "tag": "What has this tag.",
    "target_kind": "The kind of thing that it was done to, such as send.",
    "target_ref": "Which of them.",
    "until": "Until this moment: a date or a time.",
    "webhook_id": "The webhook's id.",
}
ETAG = {
    "description": "Another for any other content of what can be edited.",
    "schema": {"type": "string"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag of what you have seen: where it is another by now nothing is changed.",
    "schema": {"type": "string", "pattern": '^"[!#-~]*"$', "maxLength": 100},
}
# The parts of an address that Django's converters accept.
SLUG = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
ID = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
# A string in the address; a line break never reaches a view.
ANY = {"type": "string", "minLength": 1}


def complete(result: dict[str, Any], **_given: Any) -> dict[str, Any]:
    """drf-spectacular's postprocessing hook."""
    schemas = result["components"]["schemas"]
    for name, schema in schemas.items():
        if schema.get("type") == "object" and not name.startswith("Paginated"):
            _complete_object(name, schema)
    schemas |= components() | event_components()
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            if "patch" in methods:
                _complete_edited(method, operation)
            _complete_operation(path, method, operation)
    for component in schemas.values():
        # The labels of choices in the pages are of no use to a program.
        if "enum" in component:
            component.pop("description", None)
    _name_enums(result)
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    result["webhooks"] = event_webhooks()
    result["tags"] = [{"name": name, "description": said} for name, said in TAGS.items()]
    return result


def _name_enums(result: dict[str, Any]) -> None:
    """Give each enumeration one name, and refer to it wherever its values appear.

    An enumeration that may be empty has "" among its values, instead of a second enumeration.
    """
    schemas: dict[str, Any] = result["components"]["schemas"]
    blank = reference("Blank")  # drf-spectacular's enumeration of the empty text alone
    for node in _nodes(result):
        choices = node.get("oneOf", [])
        if blank in choices:
            node.pop("oneOf")
            node |= choices[0]
            values = schemas[choices[0]["$ref"].rsplit("/", 1)[1]]["enum"]
            if "" not in values:
                values.append("")
    schemas.pop("Blank", None)
    names = {frozenset(each["enum"]): name for name, each in schemas.items() if "enum" in each}
    for node in _nodes(result):
        known = names.get(frozenset(node.get("enum", ())))
        if known and node is not schemas[known]:
            del node["enum"]
            node.pop("type", None)
            node |= reference(known)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects in a node; those that are changed meanwhile are traversed as changed."""
    if isinstance(node, dict):
        yield node
        for inner in list(node.values()):
            yield from _nodes(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from _nodes(inner)


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    answers: dict[str, Any] = operation["responses"]
    for status, answer in answers.items():
        answer["description"] = answer["description"] or DONE.get(status, "")
    if method in READS:
        answers["200"]["description"] = "What was asked for."
    for status in ("4XX", "5XX"):
        answers.pop(status, None)
    for status in _statuses(path, method, operation):
        answers[status] = {
            "description": ERRORS[status],
            "content": {
                "application/json": {"schema": {"$ref": "#/components/schemas/ErrorOutput"}}
            },
            **({"headers": HEADERS[status]} if status in HEADERS else {}),
        }
    for parameter in operation.get("parameters", []):
        if not parameter.get("description"):
            parameter["description"] = PARAMETERS[parameter["name"]]
        if parameter["in"] == "path":
            parameter["schema"] = _in_path(parameter["name"], parameter["schema"])
        elif parameter["in"] == "query" and parameter["schema"] == {"type": "string"}:
            longest = {} if parameter["name"] == "cursor" else {"maxLength": LONGEST}
            parameter["schema"] = {"type": "string", "minLength": 1, **longest}


def _complete_edited(method: str, operation: dict[str, Any]) -> None:
    """Add the headers of an editable thing (console.api.http.conditions)."""
    if method in ("patch", "delete"):
        operation.setdefault("parameters", []).append(IF_MATCH)
    if method in ("get", "patch"):
        operation["responses"]["200"].setdefault("headers", {})["ETag"] = ETAG


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    statuses = {"400", "401", "403", "406", "429", "503"}
    if "{" in path or names & {"page", "cursor"}:
        statuses.add("404")
    if "If-Match" in names:
        statuses.add("412")
    if method not in READS:
        statuses |= {"404", "409", "413", "415", "422"}
    return sorted(statuses)


def _in_path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if schema["type"] == "integer":
        return ID
    return SLUG if name == "key" else ANY


def _complete_object(name: str, schema: dict[str, Any]) -> None:
    """Make an object exact: it has no other fields, and a response has all, except SOMETIMES."""
    properties = schema.get("properties")
    if properties is None:
        return
    schema["additionalProperties"] = False
    for field in properties.values():
        _complete_field(field)
        if name.endswith("Request"):
            _say_default(field)
    if name.endswith("Request"):
        schema.pop("description", None)  # from their common base class
    else:
        schema["required"] = sorted(set(properties) - SOMETIMES.get(name, set()))


def _complete_field(field: dict[str, Any]) -> None:
    """Rewrite a field in OpenAPI 3.1, in one form for each meaning."""
    field.pop("readOnly", None)  # bodies have components of their own
    match field.get("allOf"):
        case [only]:  # 3.1 allows a description beside a reference
            del field["allOf"]
            field |= only
    match field.get("oneOf"):
        case [{"type": "string"} as text, {"type": "string", "maxLength": 0}]:
            # The pattern decides whether it may be empty.
            del field["oneOf"]
            field |= text
        case [{"$ref": _}, {"type": "null"}]:
            field["anyOf"] = field.pop("oneOf")
    if "\n\n* `" in field.get("description", ""):
        field["description"] = field["description"].partition("\n\n* `")[0]


def _say_default(field: dict[str, Any]) -> None:
    """Move a default into the description.

    Generators treat a field with a default as always present, so their users would have to pass it.
    """
    if "default" in field:
        value = json.dumps(field.pop("default"))
        field["description"] = f"{field.get('description', '')} Left out: {value}.".strip()
