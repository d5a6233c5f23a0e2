"""Signing in."""

from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class SignInForm(AuthenticationForm):
    """Name and password. All refusals read the same, so that nobody learns which names exist."""

    error_messages = {
        "invalid_login": _(
            "Not signed in: this name and password don't belong together. "
            "Check both; capital letters count in the password."
        ),
        "inactive": _("Not signed in: this account is closed. An administrator can open it again."),
    }

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].label = _("Name")
        self.fields["password"].label = _("Password")
