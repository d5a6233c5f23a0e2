"""Who needs a second factor, and the middleware that restricts sessions without one."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from console.accounts.models import User
from console.accounts.roles import PRIVILEGED
from console.accounts.selectors import second_factors

OPEN = {
    *("account_login", "account_logout", "account_reauthenticate", "account_change_password"),
    *("mfa_index", "mfa_activate_totp", "mfa_add_webauthn"),
    *("mfa_reauthenticate", "mfa_reauthenticate_webauthn", "alive", "ready", "metrics"),
    # Every page's script requests these. A refusal would look like the end of the session, and the
    # page would reload forever.
    *("here", "clock"),
    *("directory-login", "directory-callback", "directory-confirm", "directory-confirm-begin"),
}


def second_factor_required(user: User) -> bool:
    """Return whether this person may work only with a second factor (CONSOLE_SECOND_FACTOR)."""
    if settings.SECOND_FACTOR == "everyone":
        return True
    return settings.SECOND_FACTOR == "privileged" and bool(PRIVILEGED & set(user.roles))


def second_factor_given(request: HttpRequest) -> bool:
    """Return whether a second factor signed in this very session, or confirmed it since."""
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" for record in records)


def second_factor_lacking(request: HttpRequest, user: User) -> bool:
    """Return whether this session is restricted until a second factor is given."""
    return second_factor_required(user) and not second_factor_given(request)


def own_factor_fresh(request: HttpRequest, user: User) -> bool:
    """Return whether this person has proved their identity here within the last minutes.

    The proof is the second factor, if there is one, else the password. The directory does not
    count.
    """
    wanted = "mfa" if second_factors(user) else "password"
    given = [
        float(record["at"])
        for record in get_authentication_records(request, user)
        if record["method"] == wanted and record.get("type") != "directory"
    ]
    return time.time() - max(given, default=0.0) <= app_settings.REAUTHENTICATION_TIMEOUT


class SecondFactorMiddleware(MiddlewareMixin):
    """Restricts a session without a required second factor to the pages that set up or take one.

    Programs are not affected: they have a token and no session.
    """

    sync_capable = True
    async_capable = True

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        user = request.user
        match = request.resolver_match
        if match is None or match.view_name in OPEN:
            return None
        if not isinstance(user, User) or not second_factor_lacking(request, user):
            return None
        if match.view_name.startswith("api:") or match.view_name == "events":
            return JsonResponse(REFUSAL, status=403)
        if getattr(request, "htmx", False):
            return HttpResponse(headers={"HX-Redirect": reverse("mfa_index")})
        return redirect("mfa_index")


REFUSAL = {
    "code": "second_factor_required",
    "message": "Your roles need a second factor. Sign in on the pages and set one up, or give it.",
    "params": {},
    "details": {},
}
