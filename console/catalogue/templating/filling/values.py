"""Prepares a chat's data for templates: a value without anything visible counts as missing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from console.catalogue.templating.filling.lines import cleaned
from console.catalogue.templating.filling.unreadable import nothing
from console.text.visible import is_blank


def prepared(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the values that are not blank. The others need a `default`, or the chat is skipped."""
    ready = {}
    for name, value in values.items():
        if type(value) is str and value.isascii() and value.isprintable():
            if value and not value.isspace():
                ready[name] = value
            continue
        value = _one(value, path, name)
        if value is not None:
            ready[name] = value
    return ready


def preparing_work(values: Any) -> int:
    """Return the cost of `prepared`, in steps of a filling. ASCII text costs hardly anything."""
    if isinstance(values, str):
        return 1 + len(values) // (32 if values.isascii() else 1)
    if isinstance(values, dict):
        return 1 + sum(map(preparing_work, values.values()))
    return 1 + sum(map(preparing_work, values)) if isinstance(values, list) else 1


def _one(value: object, path: str, name: object) -> Any:
    if isinstance(value, str):
        if is_blank(value):
            return None
        # A printable text has neither controls nor direction characters.
        return value if type(value) is str and value.isprintable() else cleaned(value)
    if isinstance(value, dict):
        return prepared(value, f"{path}.{name}")
    if isinstance(value, list):
        return _items(value, f"{path}.{name}")
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def _items(values: list[Any], path: str) -> list[Any]:
    """Prepare the items of a list, which keep their positions: a blank item becomes Nothing."""
    items = [_one(value, path, place) for place, value in enumerate(values)]
    return [
        nothing(f"{path}[{place}]") if item is None else item for place, item in enumerate(items)
    ]
