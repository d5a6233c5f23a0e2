"""What was typed stays in the browser until it is saved (static/js/unsaved.js): this tells it when.

A form that is kept names its copy (`kept_as`). Where it was taken, the next page names the copy
too, and only then the browser throws it away: an answer that is lost loses no text.
"""

import re

from django.http import HttpRequest, HttpResponse

from console.web.requests.middleware import _Middleware

FIELD = "kept_as"
SAVED = "saved_form"
NAME = re.compile(r"[\w-]{1,64}")
# Whoever is led to one of these has to sign in, or to choose a password, first.
NOT_DONE = ("/accounts/", "/account/")


class SavedFormMiddleware(_Middleware):
    """Remembers of a form that leads on that it was taken."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code not in (302, 303) or not (name := _name_of(request)):
            return response
        if not response.headers["Location"].startswith(NOT_DONE):
            request.session[SAVED] = name
        return response


def kept_forms(request: HttpRequest) -> dict[str, str]:
    """The copy of the form that has led to this page, which was taken; and that of the form which
    this page answers, be it with a refusal."""
    saved = str(request.session.pop(SAVED)) if SAVED in request.session else ""
    return {"saved_form": saved, "answered_form": _name_of(request)}


def _name_of(request: HttpRequest) -> str:
    if request.method != "POST":
        return ""
    name = request.POST.get(FIELD, "")
    return name if NAME.fullmatch(name) else ""
