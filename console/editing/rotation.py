"""Replaces a secret by a new one. The old one may stay valid for a while."""

from datetime import timedelta
from typing import Any

from django import forms

from console.editing.forms import said_token
from console.text.form_fields import LineField

# How long the old secret may stay valid.
OVERLAPS = (timedelta(0), timedelta(hours=1), timedelta(days=1))


def overlap_field(label: Any, words: tuple[Any, Any, Any], initial: timedelta) -> forms.Field:
    """Return a field to choose one of OVERLAPS, with a label for each."""
    seconds = [int(overlap.total_seconds()) for overlap in OVERLAPS]
    return forms.TypedChoiceField(
        label=label,
        choices=list(zip(seconds, words, strict=True)),
        initial=int(initial.total_seconds()),
        coerce=lambda value: timedelta(seconds=int(value)),
    )


class RotationForm(forms.Form):
    """Rotates a secret. `overlap` is the field of each kind of secret. `expected` identifies the
    secret that the page was loaded with: if two people rotate at once, the second is refused."""

    expected = LineField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean_expected(self) -> str | None:
        return said_token(self, "expected")
