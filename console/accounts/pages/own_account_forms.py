"""Forms of signing in and of one's own account."""

from typing import Any, ClassVar

from allauth.account.forms import ChangePasswordForm, LoginForm
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.totp.forms import ActivateTOTPForm, DeactivateTOTPForm
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from console.accounts.services import security_events

COUNTER_WENT_BACK = "counter_went_back"


class SignInForm(LoginForm):
    """Name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("Name")
        self.fields["login"].widget.attrs |= {"autofocus": True, "autocapitalize": "none"}
        self.fields["password"].help_text = ""
        _without_placeholders(self)


class PasswordForm(ChangePasswordForm):
    """The current password, and the new one twice."""

    missing: ClassVar = {
        "oldpassword": _("Give the password that you have now."),
        "password1": _("Choose a new password."),
        "password2": _("Write the new password once more."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Your password now")
        self.fields["password1"].label = _("New password")
        self.fields["password2"].label = _("New password again")
        for name, words in self.missing.items():
            self.fields[name].error_messages["required"] = words
        self.fields["password1"].help_text = _(
            "At least 12 characters. Not your name, and not one of those that everybody uses."
        )
        _without_placeholders(self)

    def clean(self) -> Any:
        typed = super().clean()
        if typed.get("password1") and typed["password1"] == typed.get("oldpassword"):
            self.add_error("password1", _("That is the password that you have. Choose another."))
        return typed


class CodeForm(AuthenticateForm):
    """A code of the authenticator app, or a recovery code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_code(self)


class ConfirmCodeForm(ReauthenticateForm):
    """A CodeForm's code, from a person who is already signed in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_code(self)


class AppForm(ActivateTOTPForm):
    """The first code of a new authenticator app."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _as_code(self)


class KeyForm(AddWebAuthnForm):
    """A name for a new security key. A script adds the key's response."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = _("What you call it")
        self.fields["name"].max_length = 100


class _CountedKey:
    """Refuses a security key whose counter went back: somebody has a copy of it."""

    def clean_credential(self) -> Any:
        said = self.cleaned_data["credential"]  # type: ignore[attr-defined]
        key = super().clean_credential()  # type: ignore[misc]
        response = auth.parse_authentication_response(said)
        if not security_events.security_key_counted(
            key, response.response.authenticator_data.counter
        ):
            raise ValidationError(
                _(
                    "This security key has counted less than before, so there may be a copy of it. "
                    "Use another factor, remove this key, and tell your administrator."
                ),
                code=COUNTER_WENT_BACK,
            )
        return key


class KeyUseForm(_CountedKey, AuthenticateWebAuthnForm):
    """A security key's response at sign-in, which a script adds."""


class ConfirmKeyForm(_CountedKey, ReauthenticateWebAuthnForm):
    """A KeyUseForm's response, from a person who is already signed in."""


class RemoveKeyForm(DeactivateTOTPForm):
    """Refuses to remove the last factor of somebody who needs one. django-allauth checks this only
    for the app; this form checks it for security keys."""


def _as_code(form: Any) -> None:
    form.fields["code"].label = _("Code")
    form.fields["code"].widget.attrs |= {"inputmode": "numeric", "autofocus": True}
    _without_placeholders(form)


def _without_placeholders(form: Any) -> None:
    """Remove the placeholders: a label stays readable while one types."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
