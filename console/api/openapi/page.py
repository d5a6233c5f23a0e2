"""GET /api/v1/docs/: the API as a page, rendered from its own OpenAPI document."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.api.openapi.document import api_document


def docs(request: HttpRequest) -> HttpResponse:
    """Render on the server, since the usual viewers need what the content policy forbids."""
    schema = api_document()
    return render(request, "api/docs.html", {"info": schema["info"], "groups": _groups(schema)})


def _groups(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations by the first part of their path."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in schema["paths"].items():
        name = path.removeprefix("/api/v1/").split("/")[0]
        for method, operation in methods.items():
            groups.setdefault(name, []).append(_operation(schema, path, method, operation))
    return [{"name": name, "operations": items} for name, items in groups.items()]


def _operation(
    schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]
) -> dict[str, Any]:
    request = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": operation.get("parameters", []),
        "fields": _fields(schema, request.get("schema", {})),
        "answers": [
            {"status": status, "fields": _fields(schema, _json_schema(answer))}
            for status, answer in operation["responses"].items()
            if status < "400"
        ],
        "errors": [
            {"status": status, "description": answer["description"]}
            for status, answer in operation["responses"].items()
            if status >= "400"
        ],
    }


def _json_schema(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _fields(schema: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    part = _resolved(schema, part)
    if part.get("type") == "array":
        part = _resolved(schema, part["items"])
    required = part.get("required", [])
    return [
        {
            "name": name,
            "type": _type_name(schema, field),
            "required": name in required,
            "description": field.get("description", ""),
        }
        for name, field in part.get("properties", {}).items()
    ]


def _resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if reference is None and part.get("allOf"):
        reference = part["allOf"][0].get("$ref")
    if reference is None:
        return part
    name = reference.rsplit("/", 1)[1]
    resolved: dict[str, Any] = schema["components"]["schemas"][name]
    return resolved


def _type_name(schema: dict[str, Any], field: dict[str, Any]) -> str:
    resolved = _resolved(schema, field)
    if choices := resolved.get("oneOf"):
        return " | ".join(_type_name(schema, choice) for choice in choices)
    if "enum" in resolved:
        return " | ".join(_literal(value) for value in resolved["enum"])
    kind = resolved.get("type", "any")
    kinds = list(kind) if isinstance(kind, list) else [kind]
    if kinds[0] == "array":
        kinds[0] = f"list of {_type_name(schema, resolved.get('items', {}))}"
    elif "format" in resolved:
        kinds[0] = resolved["format"]
    return " | ".join(kinds)


def _literal(value: object) -> str:
    return "null" if value is None else str(value) or '""'
