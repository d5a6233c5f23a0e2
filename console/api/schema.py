"""What drf-spectacular can't know of the API: its error answers, and that its shapes are exact.

Views say "4XX" for "the house's errors"; here it becomes each status that a call of its kind can
answer with. The fuzzer holds the API against this document (tests/fuzz).
"""

from typing import Any

from console.api.base import LONGEST

READS = frozenset({"get"})
ERRORS = {
    "400": "What was sent can't be used as it is; `details` names the field where there is one.",
    "401": "No token or session that is valid.",
    "403": "This person or program may not do that.",
    "404": "There is no such thing, or none that the caller may see.",
    "406": "The `Accept` header allows no answer that there is.",
    "409": "It contradicts what is there already.",
    "413": "The body is too large.",
    "415": "The body is not of the type application/json.",
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
    "429": {
        "Retry-After": {
            "description": "In how many seconds it is worth trying again, where waiting helps.",
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}
# As Django's converters read a part of an address.
SLUG = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
ID = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
# In the address as a string; a line break never reaches a view.
ANY = {"type": "string", "minLength": 1}


def complete(result: dict[str, Any], **_given: Any) -> dict[str, Any]:
    """drf-spectacular's hook after its own work."""
    for path, methods in result["paths"].items():
        for method, operation in methods.items():
            _complete_operation(path, method, operation)
    for name, schema in result["components"]["schemas"].items():
        if schema.get("type") == "object" and not name.startswith("Paginated"):
            _complete_object(name, schema)
    return result


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    answers: dict[str, Any] = operation["responses"]
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
        if parameter["in"] == "path":
            parameter["schema"] = _in_path(parameter["name"], parameter["schema"])
        elif parameter["in"] == "query" and parameter["schema"] == {"type": "string"}:
            longest = {} if parameter["name"] == "cursor" else {"maxLength": LONGEST}
            parameter["schema"] = {"type": "string", "minLength": 1, **longest}


def _statuses(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    statuses = {"400", "401", "403", "406", "429", "503"}
    if "{" in path or names & {"page", "cursor"}:
        statuses.add("404")
    if method not in READS:
        statuses |= {"404", "409", "413", "415", "422"}
    return sorted(statuses)


def _in_path(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    if schema["type"] == "integer":
        return ID
    return SLUG if name == "key" else ANY


def _complete_object(name: str, schema: dict[str, Any]) -> None:
    """Answers have all their fields, always; neither they nor bodies have any other."""
    properties = schema.get("properties")
    if properties is None:
        return
    schema["additionalProperties"] = False
    if name.endswith("Request"):
        schema.pop("description", None)  # of the class that all of them come from
    else:
        schema["required"] = sorted(properties)
