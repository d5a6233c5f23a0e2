"""Saves the input of a form, or shows the form again with all input and the errors."""

from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from console.editing.forms import EditForm
from console.editing.refusals import show_also, show_refusal
from console.editing.revision import CONFLICTS, State
from console.errors import ConsoleError, Unconfirmed

T = TypeVar("T")


def save(
    form: forms.Form,
    write: Callable[[dict[str, Any]], T],
    *,
    saved_now: Callable[[], State] | None = None,
    check: Callable[[dict[str, Any]], object] | None = None,
) -> T | None:
    """Return what `write` returns for the form's values. Return None if nothing was posted, or if
    it can't be written; the form then has the errors.

    `saved_now` reads the saved state, to show an edit conflict. `check` is the service's own check,
    for a form that is already invalid. Raises Unconfirmed, for which the view asks.
    """
    if not form.is_valid():
        if form.is_bound and check is not None:
            values = form.cleaned_data
            show_also(form, lambda: check(values))
        return None
    try:
        return write(form.cleaned_data)
    except Unconfirmed:
        raise
    except ConsoleError as refusal:
        show_refusal(form, refusal)
        is_conflict = refusal.code in CONFLICTS
        if is_conflict and saved_now is not None and isinstance(form, EditForm):
            form.show_conflict(saved_now(), passable=CONFLICTS[refusal.code])
        return None


def form_page(
    request: HttpRequest, template: str, form: forms.Form, *, status: int = 200, **context: Any
) -> HttpResponse:
    """Show the page of a form, with status 422 if the input has errors."""
    status = 422 if form.errors else status
    return render(request, template, {"form": form, **context}, status=status)
