"""Signing in and out: name and password, then a second factor where there is one."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import structlog
from allauth.account.views import LoginView, LogoutView, ReauthenticateView
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from requests import RequestException

from console.accounts.addresses import sender_address
from console.accounts.brake import Attempt
from console.accounts.directory import directories, directory_refusal
from console.accounts.forms import CodeForm, ConfirmCodeForm, SignInForm
from console.accounts.selectors import second_factors
from console.accounts.services import security

logger = structlog.get_logger("console.accounts")

# Who gets in, and the entry that says so, are one: without the entry nobody gets in.
together = method_decorator(transaction.atomic, name="dispatch")


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    template_name = "accounts/login.html"
    form_class = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """429 after too many attempts, whether the name exists or not. They are counted outside of
        the transaction: what fails counts, and nobody waits for who is tried at the same time."""
        is_attempt = request.method == "POST" and not request.user.is_authenticated
        attempt = Attempt(request) if is_attempt else None
        wait = attempt.seconds_to_wait() if attempt else 0
        if wait:
            refused = render(request, "429.html", status=429)
            refused.headers["Retry-After"] = str(wait)
            return refused
        with transaction.atomic():
            response: HttpResponse = super().dispatch(request, *args, **kwargs)
        if attempt and response.status_code == 302:  # the password was right
            attempt.succeeded()
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"directories": directories()}


@together
class SignOut(LogoutView):
    http_method_names = ["post", "options"]


@together
class GiveSecondFactor(mfa.AuthenticateView):
    """The second step of signing in."""

    template_name = "accounts/second_factor_ask.html"
    form_class = CodeForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        keys = second_factors(self.stage.login.user).filter(type=Authenticator.Type.WEBAUTHN)
        return super().get_context_data(**kwargs) | {"has_key": keys.exists()}

    def form_invalid(self, form: Any) -> HttpResponse:
        user = self.stage.login.user
        security.second_factor_failed(user, sender_address(self.request))
        return super().form_invalid(form)


def by_directory(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A step of signing in by the directory, `view` of django-allauth; 503 where it is down."""

    @wraps(view)
    def step(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        try:
            # In no transaction: it asks the directory over the network. What it writes is one each.
            return view(request, **kwargs)
        except RequestException:
            logger.warning("directory does not answer", exc_info=True)
            why = _("The directory does not answer. Try again in a minute.")
            return directory_refusal(request, why, status=503)

    return step


class Confirm(ReauthenticateView):
    """The password again, before something grave."""

    template_name = "accounts/confirm_password.html"


class ConfirmByCode(mfa.ReauthenticateView):
    template_name = "accounts/confirm_code.html"
    form_class = ConfirmCodeForm


class ConfirmByKey(ReauthenticateWebAuthnView):
    template_name = "accounts/confirm_key.html"

    def form_invalid(self, form: Any) -> HttpResponseBase:
        return self.render_to_response(self.get_context_data(form=form), status=422)
