"""What a chat carries, made ready for templates: what people see as nothing is no value."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from console.catalogue.templating.filling.lines import cleaned
from console.catalogue.templating.filling.unreadable import nothing
from console.text.visible import is_blank


def prepared(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The values that are any: `default` stands for the others, or the chat is skipped."""
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
    """What `prepared` costs, in the steps of a filling: Latin letters hardly anything."""
    if isinstance(values, str):
        return 1 + len(values) // (32 if values.isascii() else 1)
    if isinstance(values, dict):
        return 1 + sum(map(preparing_work, values.values()))
    return 1 + sum(map(preparing_work, values)) if isinstance(values, list) else 1


def _one(value: object, path: str, name: object) -> Any:
    if isinstance(value, str):
        if is_blank(value):
            return None
        # What is printable has neither controls nor anything that turns a text.
        return value if type(value) is str and value.isprintable() else cleaned(value)
    if isinstance(value, dict):
        return prepared(value, f"{path}.{name}")
    if isinstance(value, list):
        return _items(value, f"{path}.{name}")
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    return value


def _items(values: list[Any], path: str) -> list[Any]:
    """A list keeps its places: what is blank in it stays there, as nothing."""
    items = [_one(value, path, place) for place, value in enumerate(values)]
    return [
        nothing(f"{path}[{place}]") if item is None else item for place, item in enumerate(items)
    ]
