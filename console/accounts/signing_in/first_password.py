"""Requires people to replace a password that somebody else set, before anything else."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from console.accounts.models import User

PASSWORD_PAGE = "account_change_password"  # noqa: S105 - the name of a page
OPEN = {
    *(PASSWORD_PAGE, "account_login", "account_logout", "alive", "ready", "metrics"),
    # Every page's script requests these. A refusal would look like the end of the session, and the
    # page would reload forever.
    *("here", "clock"),
    # Refuses by itself, in a form that its pages understand.
    "events",
}


class FirstPasswordMiddleware(MiddlewareMixin):
    """Redirects such a person from every page to the one on which they choose a password.

    The API refuses their session by itself.
    """

    sync_capable = True
    async_capable = True

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        user = request.user
        match = request.resolver_match
        if match is None or match.view_name in OPEN or match.view_name.startswith("api:"):
            return None
        if not isinstance(user, User) or not user.must_change_password:
            return None
        if getattr(request, "htmx", False):
            return HttpResponse(headers={"HX-Redirect": reverse(PASSWORD_PAGE)})
        return redirect(PASSWORD_PAGE)
