"""Where a form shows what a service refused."""

from typing import Any

from console.errors import ConsoleError


def show_refusal(form: Any, refusal: ConsoleError) -> None:
    """Beside the fields that it speaks of, or above all of them."""
    for name, text in refusal.by_field.items():
        if name in form.fields:
            form.add_error(name, text)
    if not form.errors:
        form.add_error(field_of(refusal, form.fields), refusal.message)


def field_of(refusal: ConsoleError, fields: Any) -> str | None:
    """The field that a refusal speaks of, by its details or by its code's first word."""
    named = refusal.details.get("field")
    if named in fields:
        return str(named)
    code = refusal.code.replace("invalid_", "").replace("_taken", "").replace("_missing", "")
    return code if code in fields else None
