"""A refusal stands at the fields that its details name, else above all of them."""

from typing import Any

import pytest
from django import forms

from console.editing.refusals import show_also, show_refusal
from console.errors import ConsoleError, InvalidInput


class Form(forms.Form):
    name = forms.CharField(required=False)
    team = forms.CharField(required=False)


def posted(**values: str) -> Form:
    form = Form(values)
    form.is_valid()
    return form


@pytest.mark.parametrize(
    ("details", "errors"),
    [
        ({"field": "name"}, {"name": ["No."]}),
        (
            {"fields": {"name": "Too long.", "team": "Gone."}},
            {"name": ["Too long."], "team": ["Gone."]},
        ),
        ({"fields": {"name": "Too long.", "other": "x"}}, {"name": ["Too long."]}),
        ({"field": "other"}, {"__all__": ["No."]}),
        ({"name": "A program reads this."}, {"__all__": ["No."]}),
        ({}, {"__all__": ["No."]}),
    ],
)
def test_where_a_refusal_stands(details: dict[str, Any], errors: dict[str, list[str]]) -> None:
    form = posted()
    show_refusal(form, ConsoleError("name_taken", "No.", details))
    assert form.errors == errors


def test_what_else_is_wrong_is_said_beside_other_fields_alone() -> None:
    form = posted()
    form.add_error("name", "Give a name.")

    def check() -> None:
        raise InvalidInput("x", "No.", {"fields": {"name": "No.", "team": "Gone."}})

    show_also(form, check)
    assert form.errors == {"name": ["Give a name."], "team": ["Gone."]}
