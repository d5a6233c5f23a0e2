"""Tells the browser when it can delete its copy of a form's text (static/js/unsaved.js).

A form that the browser has copied names its copy (`kept_as`). If the form is accepted, the next
page names the copy too, and only then the browser deletes it. So a lost response loses no text.
"""

import re

from django.http import HttpRequest, HttpResponse

from console.web.requests.middleware import _Middleware

FIELD = "kept_as"
SAVED = "saved_form"
NAME = re.compile(r"[\w-]{1,64}")
# A redirect to one of these means that the person must sign in or choose a password first.
NOT_DONE = ("/accounts/", "/account/")


class SavedFormMiddleware(_Middleware):
    """Records in the session that a form was accepted, if the response redirects."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if response.status_code not in (302, 303) or not (name := _name_of(request)):
            return response
        if not response.headers["Location"].startswith(NOT_DONE):
            request.session[SAVED] = name
        return response


def kept_forms(request: HttpRequest) -> dict[str, str]:
    """Return the copies' names of the accepted form that led to this page, and of the form that
    this page responds to, perhaps with a refusal."""
    saved = str(request.session.pop(SAVED)) if SAVED in request.session else ""
    return {"saved_form": saved, "answered_form": _name_of(request)}


def _name_of(request: HttpRequest) -> str:
    if request.method != "POST":
        return ""
    name = request.POST.get(FIELD, "")
    return name if NAME.fullmatch(name) else ""
