"""Signing in and out: name and password, then a second factor if there is one."""

from typing import Any

from allauth.account.views import LoginView, LogoutView, ReauthenticateView
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.decorators import method_decorator

from console.accounts.pages.own_account_forms import (
    COUNTER_WENT_BACK,
    CodeForm,
    ConfirmCodeForm,
    SignInForm,
)
from console.accounts.selectors import second_factors
from console.accounts.services import security_events
from console.accounts.signing_in.addresses import sender_address
from console.accounts.signing_in.directory import SIGNED_IN, directories
from console.accounts.signing_in.login_throttle import Attempt

# A sign-in and its ledger entry are one transaction: without the entry nobody gets in.
together = method_decorator(transaction.atomic, name="dispatch")


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    template_name = "accounts/login.html"
    form_class = SignInForm

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Respond 429 after too many attempts, whether the name exists or not. They are counted
        outside of the transaction: failed ones count too, and nobody waits for an attempt at the
        same time."""
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

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out at the directory too, if it signed the person in and offers that. The page
        itself redirects, since the content security policy lets no form do so."""
        there = self.request.session.get(SIGNED_IN)
        response = super().post(*args, **kwargs)
        if not there:
            return response
        context = {"address": there, "name": settings.DIRECTORY.name}
        page = render(self.request, "accounts/signed_out.html", context)
        page.headers["Refresh"] = f"0; url={there}"
        return page


@together
class GiveSecondFactor(mfa.AuthenticateView):
    """The second step of signing in."""

    template_name = "accounts/second_factor_ask.html"
    form_class = CodeForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        keys = second_factors(self.stage.login.user).filter(type=Authenticator.Type.WEBAUTHN)
        return super().get_context_data(**kwargs) | {"has_key": keys.exists()}

    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, self.stage.login.user, form)
        return super().form_invalid(form)


def _failed(request: HttpRequest, user: Any, form: Any) -> None:
    """Record a wrong code or key, at sign-in or later."""
    reason = "counter" if form.has_error("credential", COUNTER_WENT_BACK) else ""
    security_events.second_factor_failed(user, sender_address(request), reason)


class Confirm(ReauthenticateView):
    """Asks for the password again, before something sensitive."""

    template_name = "accounts/confirm_password.html"


class ConfirmByCode(mfa.ReauthenticateView):
    template_name = "accounts/confirm_code.html"
    form_class = ConfirmCodeForm

    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, self.request.user, form)
        return super().form_invalid(form)


class ConfirmByKey(ReauthenticateWebAuthnView):
    template_name = "accounts/confirm_key.html"

    def form_invalid(self, form: Any) -> HttpResponseBase:
        _failed(self.request, self.request.user, form)
        return self.render_to_response(self.get_context_data(form=form), status=422)
