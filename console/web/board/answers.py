"""The questions of the chosen notice: the inputs of the compose panel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from console.actors import Actor
from console.catalogue.selectors import sendable_versions

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


def questions(
    actor: Actor,
    notice_key: str,
    data: Mapping[str, Any],
    refused: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the context of `board/_answers.html`. `refused` has the error by field."""
    sendable = sendable_versions(actor).filter(notice__key=notice_key)
    chosen = sendable.first() if notice_key else None
    typed = typed_answers(data, notice_key)
    return {
        "answers_for": notice_key,
        "questions": [
            Question(
                name=field["name"],
                label=field["label"],
                type=field["type"],
                is_required=field["required"],
                choices=field["choices"],
                max_length=field["max_length"],
                value=typed.get(field["name"], ""),
                error=(refused or {}).get(field["name"], ""),
            )
            for field in (chosen.fields if chosen else [])
        ],
    }
