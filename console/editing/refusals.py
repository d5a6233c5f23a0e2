"""Where a form shows what a service refused: at the fields that the refusal names in its details
(`field`, or `fields` with a sentence for each), else above all of them."""

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
    """What a service would refuse of a form that is not valid, beside its other fields: so all that
    is wrong is said at once."""
    try:
        check()
    except ConsoleError as refusal:
        for name, text in refusal.by_field.items():
            if name in form.fields and name not in form.errors:
                form.add_error(name, text)
