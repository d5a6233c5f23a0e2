"""Shows a service's refusal in a form: at the fields that its details name (`field`, or `fields`
with a sentence for each), otherwise above all fields."""

from collections.abc import Callable

from django import forms

from console.errors import ConsoleError


def show_refusal(form: forms.Form, refusal: ConsoleError) -> None:
    by_field = {name: text for name, text in refusal.by_field.items() if name in form.fields}
    for name, text in by_field.items():
        form.add_error(name, text)
    if not by_field:
        form.add_error(None, refusal.message)


def show_also(form: forms.Form, check: Callable[[], object]) -> None:
    """Add to an invalid form what a service would refuse in its other fields, so that all errors
    are shown at once."""
    try:
        check()
    except ConsoleError as refusal:
        for name, text in refusal.by_field.items():
            if name in form.fields and name not in form.errors:
                form.add_error(name, text)
