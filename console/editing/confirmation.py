"""Asks for confirmation before something dangerous: in a dialog, or without scripts on a page."""

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from console.errors import ConsoleError, Unconfirmed

asks = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(frozen=True, slots=True)
class Question:
    """A question before an action, at the address that the answer is posted to. A no leads to
    `back`; `place` heads the page.

    `answer_to` selects the element that receives the response if the page stays open behind the
    dialog. Without a `button` there is nothing to confirm.
    """

    place: str
    title: str
    texts: tuple[str, ...]
    button: str
    back: str
    warning: str = ""
    form: forms.Form | None = None
    answer_to: str = ""
    is_dangerous: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The texts of one action on one thing, which needs a yes. %(name)s in `title` and `done` is
    the thing's name."""

    title: str
    text: str
    button: str
    done: str = ""
    warning: str = ""
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
    response). A refusal is shown in place, with all input. Raises Unconfirmed, for which the view
    asks."""
    if request.method != "POST":
        return ask(request, question)
    if question.form is not None and not question.form.is_valid():
        return ask(request, question, status=422)
    try:
        done = do()
    except Unconfirmed:
        raise
    except ConsoleError as refusal:
        return ask(request, question, error=refusal.message, status=refusal.status)
    return done if isinstance(done, HttpResponse) else redirect(done)


def take_step(
    request: HttpRequest,
    step: Step,
    act: Callable[[], object],
    *,
    name: str,
    page: str,
    leads_to: str = "",
    form: forms.Form | None = None,
) -> HttpResponse:
    """Ask about the thing called `name`. A no leads back to its `page`. After a yes call `act` and
    return its response; if it has none, report success and redirect to `leads_to` or `page`."""
    names = {"name": name}

    def do() -> str | HttpResponse:
        answer = act()
        if isinstance(answer, HttpResponse):
            return answer
        messages.success(request, step.done % names)
        return leads_to or page

    question = Question(
        place=name,
        title=step.title % names,
        texts=(step.text,),
        button=step.button,
        back=page,
        warning=step.warning,
        form=form,
        is_dangerous=step.is_dangerous,
    )
    return ask_then(request, question, do)
