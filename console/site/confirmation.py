"""Asks for confirmation before something dangerous: in a dialog, or without scripts on a page."""

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from console.errors import ConsoleError

asks = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, slots=True)
class Question:
    """A question. `action` receives the POST, `back` is where a no leads, `place` heads the page.

    `answer_to` selects the element that shows the answer if the page stays open behind the dialog.
    Without a `button` there is nothing to confirm.
    """

    place: str
    title: str
    texts: tuple[str, ...]
    button: str
    action: str
    back: str
    warning: str = ""
    form: forms.Form | None = None
    answer_to: str = ""
    is_dangerous: bool = True


def posted(request: HttpRequest) -> QueryDict | None:
    """Return the posted data for a form, even if empty; None for a GET."""
    return request.POST if request.method == "POST" else None


def ask(
    request: HttpRequest, question: Question, *, error: str = "", status: int = 200
) -> HttpResponse:
    in_dialog = bool(request.htmx)  # type: ignore[attr-defined]
    if in_dialog and status >= 400:
        status = 422  # the only refusal that htmx shows
    template = "ui/_question.html" if in_dialog else "ui/question.html"
    context = {"question": question, "error": error, "in_dialog": in_dialog}
    return render(request, template, context, status=status)


def ask_then(
    request: HttpRequest, question: Question, do: Callable[[], str | HttpResponse]
) -> HttpResponse:
    """Ask on GET. On POST call `do`, then redirect to the address that it returns (or return its
    response). A refusal is shown in place, with all that was typed."""
    if request.method != "POST":
        return ask(request, question)
    if question.form is not None and not question.form.is_valid():
        return ask(request, question, status=422)
    try:
        done = do()
    except ConsoleError as refusal:
        return ask(request, question, error=refusal.message, status=refusal.status)
    return done if isinstance(done, HttpResponse) else redirect(done)
