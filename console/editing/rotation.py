"""A new secret in the place of an old one, which may hold beside it for a while."""

from datetime import timedelta
from typing import Any

from django import forms

from console.editing.forms import said_token
from console.text.form_fields import LineField

# How long the old one may hold.
OVERLAPS = (timedelta(0), timedelta(hours=1), timedelta(days=1))


def overlap_field(label: Any, words: tuple[Any, Any, Any], initial: timedelta) -> forms.Field:
    """Which of OVERLAPS, each in the words of what is rotated."""
    seconds = [int(overlap.total_seconds()) for overlap in OVERLAPS]
    return forms.TypedChoiceField(
        label=label,
        choices=list(zip(seconds, words, strict=True)),
        initial=int(initial.total_seconds()),
        coerce=lambda value: timedelta(seconds=int(value)),
    )


class RotationForm(forms.Form):
    """`overlap` is the field of each kind of secret; `expected` tells which secret the page knows,
    so that of two people who rotate it at once the second is told."""

    expected = LineField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean_expected(self) -> str | None:
        return said_token(self, "expected")
