"""Fill-in fields: the questions of a notice to its sender, such as a new date, and the answers.

A version declares the fields; a text uses `{{ field.name }}`. All chats of a send get the same
answers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NoReturn

from django.db import models
from django.utils.translation import gettext_lazy as _

from console.catalogue.templating.filling.numbers import NUMBER_LIMIT, number_or_none
from console.errors import InvalidInput, Unprocessable
from console.text.moments import is_day
from console.text.sentences import Sentence, term
from console.text.visible import is_blank, is_one_line, normal_line

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
FIELD_LIMIT = 20
CHOICE_LIMIT = 50
LABEL_LENGTH = 100
TEXT_LENGTH = 500
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
KEYS = {"name", "label", "type", "required", "choices", "max_length"}


class FieldType(models.TextChoices):
    TEXT = "text", _("Text")
    NUMBER = "number", _("Number")
    DATE = "date", _("Date")
    CHOICE = "choice", _("Choice")


def declared(raw: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields in stored form, with all defaults filled in. Raises InvalidInput."""
    if len(raw) > FIELD_LIMIT:
        _refuse(
            "",
            term(
                "A notice asks for at most {limit} fields; these are {count}.",
                limit=FIELD_LIMIT,
                count=len(raw),
            ),
        )
    fields = [_one_declared(given) for given in raw]
    names = [field["name"] for field in fields]
    for name in names:
        if names.count(name) > 1:
            _refuse(
                name,
                term(
                    "The field {name} stands there twice. Give each field its own name.", name=name
                ),
            )
    return fields


def _one_declared(given: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        _refuse(
            "", term('Each field is an object with its name, for example {"name": "new_date"}.')
        )
    name = _name(given.get("name"))
    unknown = sorted(set(given) - KEYS)
    if unknown:
        _refuse(
            name,
            term(
                "The field {name} has no {unknown}; use {known}.",
                name=name,
                unknown=unknown,
                known=list(KEYS),
            ),
        )
    label = _label(name, given.get("label", name))
    kind = given.get("type", FieldType.TEXT)
    if kind not in FieldType.values:
        _refuse(
            name,
            term(
                "{kind!r} is no type of a field: choose {known}.", kind=kind, known=FieldType.values
            ),
        )
    required = given.get("required", True)
    if not isinstance(required, bool):
        _refuse(
            name, term("Say of the field {name} whether it is required: true or false.", name=name)
        )
    return {
        "name": name,
        "label": label,
        "type": str(kind),
        "required": required,
        "choices": _choices(name, str(kind), given.get("choices") or []),
        "max_length": _length(name, str(kind), given.get("max_length")),
    }


def _name(name: object) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        _refuse(
            str(name),
            term(
                "{name!r} is no name of a field: small letters, digits and underscores, at most "
                "40, a letter first, for example new_date.",
                name=name,
            ),
        )
    return name


def _label(name: str, given: object) -> str:
    label = _line(given)
    if not label or len(label) > LABEL_LENGTH:
        _refuse(
            name,
            term(
                "Give the field {name} a label of at most {limit} characters on one line, or "
                "leave it out.",
                name=name,
                limit=LABEL_LENGTH,
            ),
        )
    return label


def _choices(name: str, kind: str, given: object) -> list[str]:
    if kind != FieldType.CHOICE:
        if given:
            _refuse(
                name,
                term(
                    "Only a field of the type choice has choices; {name} is a {kind}.",
                    name=name,
                    kind=kind,
                ),
            )
        return []
    if not isinstance(given, list) or not 0 < len(given) <= CHOICE_LIMIT:
        _refuse(
            name,
            term(
                "Give the field {name} its choices: 1 to {limit} texts.",
                name=name,
                limit=CHOICE_LIMIT,
            ),
        )
    choices = [_line(choice) for choice in given]
    fit = all(0 < len(choice) <= TEXT_LENGTH for choice in choices)
    if len(set(choices)) < len(choices) or not fit:
        _refuse(
            name,
            term(
                "The choices of the field {name} are different texts of at most {limit} "
                "characters, each on one line.",
                name=name,
                limit=TEXT_LENGTH,
            ),
        )
    return choices


def _line(given: object) -> str:
    """Return a text in stored form; "" if it is not text, has several lines or shows nothing."""
    if not isinstance(given, str) or not is_one_line(given.strip()):
        return ""
    return normal_line(given)


def _length(name: str, kind: str, given: object) -> int | None:
    if kind != FieldType.TEXT:
        return None
    if given is None:
        return TEXT_LENGTH
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given <= TEXT_LENGTH:
        _refuse(
            name,
            term(
                "The field {name} has a max_length from 1 to {limit}.", name=name, limit=TEXT_LENGTH
            ),
        )
    return given


def _refuse(name: str, words: Sentence) -> NoReturn:
    raise InvalidInput("invalid_fields", words, {"field": name})


# --- Answers -------------------------------------------------------------------------------------


def answered(fields: Sequence[Mapping[str, Any]], given: Mapping[str, object]) -> dict[str, Any]:
    """Return the answers in stored form. Raises Unprocessable, which names the field at fault.

    An empty answer counts as none: the text's `default` is used, or the chat is skipped.
    """
    known = {field["name"] for field in fields}
    for name in given:
        if name not in known:
            raise Unprocessable(
                "unknown_field", "This notice asks for no field {name}.", {"field": name}, name=name
            )
    answers = {}
    for field in fields:
        answer = given.get(field["name"])
        if answer is None or (isinstance(answer, str) and is_blank(answer)):
            if field["required"]:
                raise Unprocessable(
                    "field_missing",
                    "Fill in {label}: the notice needs it.",
                    {"field": field["name"]},
                    label=field["label"],
                )
            continue
        answers[field["name"]] = READERS[field["type"]](field, answer)
    return answers


def _text(field: Mapping[str, Any], answer: object) -> str:
    if not isinstance(answer, str) or UNSTORABLE.search(answer):
        raise _wrong(field, term("a text"))
    if len(answer.strip()) > field["max_length"]:
        raise _wrong(field, term("a text of at most {limit} characters", limit=field["max_length"]))
    return answer.strip()


def _number(field: Mapping[str, Any], answer: object) -> int | float:
    """Return the number as templates read it. Raises Unprocessable if a digit would be lost."""
    number = number_or_none(answer)
    if number is None:
        raise _wrong(field, term("a number, such as 12 or 12.5"))
    if not -NUMBER_LIMIT <= number <= NUMBER_LIMIT:
        raise _wrong(field, term("a number up to {limit:,}", limit=NUMBER_LIMIT))
    if number == int(number):
        return int(number)
    if Decimal(repr(float(number))) != number:
        raise _wrong(field, term("a number of at most 15 digits"))
    return float(number)


def _date(field: Mapping[str, Any], answer: object) -> str:
    if not isinstance(answer, str) or not is_day(answer.strip()):
        raise _wrong(field, term("a date, such as 2027-03-31"))
    return answer.strip()


def _choice(field: Mapping[str, Any], answer: object) -> str:
    if answer not in field["choices"]:
        raise _wrong(field, term("one of: {choices}", choices=field["choices"]))
    return str(answer)


READERS: dict[str, Callable[[Mapping[str, Any], object], str | int | float]] = {
    FieldType.TEXT: _text,
    FieldType.NUMBER: _number,
    FieldType.DATE: _date,
    FieldType.CHOICE: _choice,
}


def for_templates(
    fields: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the answers as templates get them.

    A date becomes a `date`, which is printed in the text's language. The stored answers stay as
    given.
    """
    dates = {field["name"] for field in fields if field["type"] == FieldType.DATE}
    return {
        name: date.fromisoformat(answer) if name in dates else answer
        for name, answer in answers.items()
    }


def _wrong(field: Mapping[str, Any], wanted: Sentence) -> Unprocessable:
    return Unprocessable(
        "invalid_field",
        "{label}: give {wanted}.",
        {"field": field["name"]},
        label=field["label"],
        wanted=wanted,
    )


def samples(fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return made-up answers for previews."""
    made: dict[str, Any] = {FieldType.NUMBER: 12, FieldType.DATE: "2027-03-31"}
    return {
        field["name"]: made.get(field["type"])
        or (field["choices"][0] if field["choices"] else field["label"][: field["max_length"]])
        for field in fields
    }
