"""The values of an export as texts: the same in each format."""

import json
from datetime import datetime

from django.utils import timezone

from console.text.spreadsheets import without_formula

Row = list[object] | tuple[object, ...]


def plain(value: object) -> object:
    """Return a value as JSON has it: times in the console's zone, with their offset."""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    return value


def text_of(value: object) -> str:
    """Return a value as a text. Nothing is an empty text."""
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(plain(value))


def cell(value: object) -> str:
    """Return a value as a cell of a spreadsheet, which takes no text for a formula."""
    text = text_of(value)
    return without_formula(text) if isinstance(value, (str, dict, list)) else text
