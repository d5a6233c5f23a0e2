"""Where a form shows what a service refused."""

from typing import Any

from console.errors import ConsoleError


def field_of(refusal: ConsoleError, fields: Any) -> str | None:
    """The field that a refusal speaks of, by its details or by its code's first word."""
    named = refusal.details.get("field")
    if named in fields:
        return str(named)
    code = refusal.code.replace("invalid_", "").replace("_taken", "").replace("_missing", "")
    return code if code in fields else None
