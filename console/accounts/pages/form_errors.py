"""What the forms of people, teams and API clients share: a refusal stands where it belongs."""

from collections.abc import Callable
from typing import TypeVar

from django import forms

from console.accounts.pages.administration_forms import EditForm
from console.accounts.states import State
from console.errors import ConsoleError
from console.text.wording import worded

T = TypeVar("T")


def saved(
    form: forms.Form, save: Callable[[], T], kept: Callable[[], State] | None = None
) -> T | None:
    """What `save` answers; None where it refuses, which the form then says. `kept` reads the state
    that is kept now, for a form that somebody else was quicker than."""
    try:
        return save()
    except ConsoleError as refusal:
        show_refusal(form, refusal)
        if refusal.code == "changed_meanwhile" and kept is not None and isinstance(form, EditForm):
            form.show_kept(kept())
        return None


def show_also(form: forms.Form, check: Callable[[], object]) -> None:
    """What a service would refuse of a form that is not valid, beside its other fields: so all that
    is wrong is said at once."""
    try:
        check()
    except ConsoleError as refusal:
        for name, text in refusal.by_field.items():
            if name in form.fields and name not in form.errors:
                form.add_error(name, text)


def show_refusal(form: forms.Form, refusal: ConsoleError) -> None:
    """Beside the fields that it speaks of, or above all of them."""
    by_field = {name: text for name, text in refusal.by_field.items() if name in form.fields}
    by_field = by_field or {
        name: text for name, text in refusal.details.items() if name in form.fields
    }
    for name, text in by_field.items():
        form.add_error(name, str(worded(text)))
    if not by_field:
        form.add_error(None, refusal.message)
