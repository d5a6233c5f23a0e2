"""One's own account: password, second factors, sessions."""

from typing import Any, cast

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.login import record_authentication
from allauth.account.views import PasswordChangeView
from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from console.accounts.models import User
from console.accounts.pages.own_account_forms import AppForm, KeyForm, PasswordForm, RemoveKeyForm
from console.accounts.selectors import directory_account, second_factors
from console.accounts.services import security_events
from console.accounts.signing_in.second_factor import second_factor_given, second_factor_required
from console.audit.actions import Action
from console.audit.verify import key_fingerprint

# A change and its ledger entry are one transaction.
together = method_decorator(transaction.atomic, name="dispatch")


def person(request: HttpRequest) -> User:
    """Return who is signed in. Every page here requires that."""
    return cast(User, request.user)


class SecondFactors(IndexView):
    """A person's second factors, and what is still missing."""

    template_name = "accounts/second_factors.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context = super().get_context_data(**kwargs)
        required = second_factor_required(person(self.request))
        keys = [key.instance for key in context["authenticators"].get("webauthn", ())]
        return context | {
            "required": required,
            "fingerprints": {
                key.pk: key_fingerprint(security_events.public_key_of(key)) for key in keys
            },
            "missing": required and not context["is_mfa_enabled"],
            "unproved": required
            and context["is_mfa_enabled"]
            and not second_factor_given(self.request),
        }


def _set_up(request: HttpRequest, kind: str, key: Authenticator | None = None) -> None:
    """Record a new factor. This session has thereby given it, and needs no other."""
    user = person(request)
    record_authentication(request, user, "mfa", type=kind)
    security_events.second_factor_changed(user, Action.USER_SECOND_FACTOR_ADDED, kind, key)
    messages.success(
        request, _("Your second factor is set up. From now on signing in asks for it.")
    )


@together
class AddApp(totp.ActivateTOTPView):
    template_name = "accounts/app_add.html"
    form_class = AppForm

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        _set_up(self.request, "totp")
        return response


class _Removal:
    """Locks the person, so that simultaneous removals of factors run one after the other."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        list(User.objects.filter(pk=person(request).pk).select_for_update(no_key=True))
        response: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
        return response


@together
class RemoveApp(_Removal, totp.DeactivateTOTPView):
    template_name = "accounts/second_factor_remove.html"

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        security_events.second_factor_changed(
            person(self.request), Action.USER_SECOND_FACTOR_REMOVED, "totp"
        )
        messages.success(self.request, _("The authenticator app is removed."))
        return response


def _newest_key(user: User) -> Authenticator:
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    return keys.latest("pk")


@together
class AddKey(webauthn.AddWebAuthnView):
    template_name = "accounts/key_add.html"
    form_class = KeyForm

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        _set_up(self.request, "webauthn", _newest_key(person(self.request)))
        return response


@together
class RemoveKey(_Removal, webauthn.RemoveWebAuthnView):
    template_name = "accounts/second_factor_remove.html"
    form_class = RemoveKeyForm
    success_url = reverse_lazy("mfa_index")

    def get_form_kwargs(self) -> dict[str, Any]:
        # Empty data binds the form, so the page shows at once that the last factor stays.
        given: dict[str, Any] = {"data": {}, **super().get_form_kwargs()}
        return given | {"authenticator": self.object}

    def form_valid(self, form: Any) -> HttpResponse:
        key = self.object
        response = super().form_valid(form)
        security_events.second_factor_changed(
            person(self.request), Action.USER_SECOND_FACTOR_REMOVED, "webauthn", key
        )
        messages.success(self.request, _("The security key is removed."))
        return response


class RecoveryCodes(codes.ViewRecoveryCodesView):
    template_name = "accounts/recovery_codes.html"


@together
class NewRecoveryCodes(codes.GenerateRecoveryCodesView):
    template_name = "accounts/recovery_codes_new.html"

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        security_events.second_factor_changed(
            person(self.request), Action.USER_SECOND_FACTOR_ADDED, "recovery_codes"
        )
        return response


@together
class ChangePassword(PasswordChangeView):
    template_name = "accounts/password.html"
    form_class = PasswordForm
    success_url = reverse_lazy("account")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if not person(request).has_usable_password():
            return redirect("account")  # the directory holds the password
        return super().dispatch(request, *args, **kwargs)

    def get_default_success_url(self) -> str:
        return str(self.success_url)

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        security_events.password_changed(person(self.request))
        messages.success(
            self.request, _("Your password is changed. All your other sessions are ended.")
        )
        return response


def account(request: HttpRequest) -> HttpResponse:
    """Show one's own account and sessions."""
    user = person(request)
    sessions = UserSession.objects.purge_and_list(user)
    context = {
        "person": user,
        "sessions": sorted(sessions, key=lambda session: session.created_at, reverse=True),
        "factors": second_factors(user),
        "linked": directory_account(user),
        "directory": settings.DIRECTORY,
        "required": second_factor_required(user),
    }
    return render(request, "accounts/account.html", context)


@require_POST
@reauthentication_required
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one session (`session`, its id), or all but this one if none is given."""
    user = person(request)
    chosen = UserSession.objects.filter(user=user)
    number = request.POST.get("session", "")
    if number:
        chosen = chosen.filter(pk=number) if number.isdecimal() else chosen.none()
    ended = [session for session in chosen if not session.is_current()]
    if ended:
        security_events.own_sessions_end(user, ended)
        messages.success(request, _("Signed out there."))
    return redirect("account")
