"""Adapts django-allauth, which signs people in, to this console."""

import time
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from console.accounts.models import User
from console.accounts.selectors import second_factors
from console.accounts.services import security_events
from console.accounts.signing_in.addresses import sender_address
from console.accounts.signing_in.directory import can_confirm_there
from console.accounts.signing_in.second_factor import second_factor_required
from console.database.notifications import publish, sessions_topic
from console.security import encryption

SECOND_FACTOR = "second factor"  # the purpose of its encryption
REFUSED = _(
    "Not signed in: this name and password don't belong together. "
    "Check both; capital letters count in the password."
)


class AccountAdapter(DefaultAccountAdapter):
    """Local accounts. Nobody signs up: an administrator creates people."""

    # All refusals read the same, so that nobody learns which names exist.
    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": REFUSED,
        "incorrect_password": _("This is not your password. Try again."),
        "enter_current_password": _("This is not your password. Try again."),
        "too_many_login_attempts": _(
            "Too many attempts in a short time. Wait five minutes and try again."
        ),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return sender_address(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Do nothing: the login throttle and lock-out limit passwords. allauth limits factors."""

    def _rollback_login_failed_rl_usage(self) -> None:
        """Do nothing: nothing was counted."""

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record the failure, unless the account was locked, since then nothing was tried."""
        failures = getattr(request, "axes_failures_since_start", None)
        if failures is not None:
            locked = bool(getattr(request, "axes_locked_out", False))
            name = str(credentials.get("username", ""))
            security_events.sign_in_failed(name, self.get_client_ip(request), locked=locked)

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        assert isinstance(user, User)  # noqa: S101 - for the type alone
        with transaction.atomic():
            super().login(request, user)
            security_events.signed_in(
                user, self.get_client_ip(request), methods_of(request), subject_of(request)
            )

    def logout(self, request: HttpRequest) -> None:
        person = request.user
        if isinstance(person, User):
            security_events.signed_out(person, self.get_client_ip(request))
        super().logout(request)
        if person.pk:
            publish(sessions_topic(person.pk))

    def respond_user_inactive(self, request: HttpRequest, user: AbstractBaseUser) -> HttpResponse:
        return render(request, "accounts/closed.html", status=403)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Return whether the person must confirm a critical action: not within minutes of a sign-in
        or an earlier confirmation."""
        request = context.request
        records = get_authentication_records(request, request.user)
        newest = max((float(record["at"]) for record in records), default=0.0)
        return time.time() - newest > app_settings.REAUTHENTICATION_TIMEOUT

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Add the directory for people whom it signs in, and for those without any other way.

        For the latter its page explains what to do instead.
        """
        ways: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if user.is_authenticated and (not ways or can_confirm_there(user)):
            name = settings.DIRECTORY.name
            described = gettext("Sign in with {name} again").format(name=name)
            ways.append(
                {"id": "directory", "description": described, "url": reverse("directory-confirm")}
            )
        return ways

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: our pages have messages of their own."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the console sends no mail. The ledger has the event."""


def methods_of(request: HttpRequest) -> list[str]:
    """Return the methods of this session's sign-in: "password", "mfa", "socialaccount"."""
    records = request.session.get("account_authentication_methods", [])
    return sorted({str(record["method"]) for record in records})


def subject_of(request: HttpRequest) -> str:
    """Return the directory's id of a person whom it signed in, else ""."""
    records = request.session.get("account_authentication_methods", [])
    there = [record for record in records if record["method"] == "socialaccount"]
    return str(there[-1].get("uid", "")) if there else ""


class SecondFactorAdapter(DefaultMFAAdapter):
    """Second factors. The secret that an authenticator app shares with us is stored encrypted."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _(
            "This code is not right, or it was used already. Wait for the next one and try again."
        ),
        "cannot_delete_authenticator": _(
            "Your account needs a second factor and this is the last one. Add another one first."
        ),
    }

    def encrypt(self, text: str) -> str:
        return encryption.encrypt(text, purpose=SECOND_FACTOR)

    def decrypt(self, encrypted_text: str) -> str:
        return encryption.decrypt(encrypted_text, purpose=SECOND_FACTOR)

    def get_totp_issuer(self) -> str:
        return "Notice Console"

    def get_totp_label(self, user: AbstractBaseUser) -> str:
        return user.get_username()

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Any) -> str:
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return str(_("Security key {number}")).format(number=number)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        if not second_factor_required(authenticator.user):
            return True
        return second_factors(authenticator.user).exclude(pk=authenticator.pk).exists()

    def _get_site_name(self) -> str:
        return "Notice Console"
