"""Who needs a second factor, and the door behind which those without one stay."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin

from console.accounts.models import Role, User
from console.accounts.selectors import second_factors

# Whoever decides for others, or over others.
PRIVILEGED = {Role.ADMINISTRATOR, Role.APPROVER}
OPEN = {
    *("account_login", "account_logout", "account_reauthenticate", "account_change_password"),
    *("mfa_index", "mfa_activate_totp", "mfa_add_webauthn"),
    *("mfa_reauthenticate", "mfa_reauthenticate_webauthn", "alive", "ready", "metrics"),
    # Asked by every page's script: refused, it takes the session for ended, and loads for ever.
    *("here", "clock"),
    *("directory-login", "directory-callback", "directory-confirm", "directory-confirm-begin"),
}


def second_factor_required(user: User) -> bool:
    """Whether this person may work only after a second factor (CONSOLE_SECOND_FACTOR)."""
    if settings.SECOND_FACTOR == "everyone":
        return True
    return settings.SECOND_FACTOR == "privileged" and bool(PRIVILEGED & set(user.roles))


def second_factor_given(request: HttpRequest) -> bool:
    """Whether this very session was signed in, or confirmed since, by a second factor."""
    records = get_authentication_records(request, request.user)
    return any(record["method"] == "mfa" for record in records)


def second_factor_lacking(request: HttpRequest, user: User) -> bool:
    """Whether this session opens nothing until a second factor is given."""
    return second_factor_required(user) and not second_factor_given(request)


def own_factor_fresh(request: HttpRequest, user: User) -> bool:
    """Whether this person has given, within the last minutes, what proves them here: the second
    factor where there is one, else the password. What the directory said does not count."""
    wanted = "mfa" if second_factors(user) else "password"
    given = [
        float(record["at"])
        for record in get_authentication_records(request, user)
        if record["method"] == wanted and record.get("type") != "directory"
    ]
    return time.time() - max(given, default=0.0) <= app_settings.REAUTHENTICATION_TIMEOUT


class SecondFactorMiddleware(MiddlewareMixin):
    """Lets a person who needs a second factor and gave none only to where one is set up or given.

    Programs come with a token and have no session: this is not about them.
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
