"""The fields that a notice asks its sender for, as a form shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from console.catalogue.models import NoticeVersion

PREFIX = "field-"
KINDS = {"text": "text", "number": "text", "date": "date"}


@dataclass(frozen=True, slots=True)
class Question:
    """A field with the value typed so far, and its error."""

    name: str
    label: str
    type: str
    is_required: bool
    choices: list[str]
    max_length: int | None
    value: str
    error: str

    @property
    def input_name(self) -> str:
        return PREFIX + self.name

    @property
    def input_type(self) -> str:
        """The type of the input.

        Numbers are typed as text, since browsers handle number inputs differently.
        """
        return KINDS.get(self.type, "text")


def typed_answers(data: Mapping[str, Any], notice_key: str) -> dict[str, str]:
    """Return the values typed into the fields of this notice; those of another are ignored."""
    if not isinstance(data, QueryDict) or data.get("answers_for") != notice_key:
        return {}
    return {
        name.removeprefix(PREFIX): str(value)
        for name, value in data.items()
        if name.startswith(PREFIX)
    }


def questions_of(
    version: NoticeVersion, typed: Mapping[str, str], refused: Mapping[str, str]
) -> list[Question]:
    """Return the fields of a version, with what was `typed` and why it was `refused`, by name."""
    return [
        Question(
            name=field["name"],
            label=field["label"],
            type=field["type"],
            is_required=field["required"],
            choices=field["choices"],
            max_length=field["max_length"],
            value=typed.get(field["name"], ""),
            error=refused.get(field["name"], ""),
        )
        for field in version.fields
    ]
