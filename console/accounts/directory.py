"""Signing in by the organisation's own directory, over OpenID Connect.

The directory says who somebody is and in which groups; CONSOLE_OIDC_ROLES says what groups mean
here. Roles follow the groups at each sign-in, so that who leaves a group loses the role.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from console.accounts.models import User
from console.accounts.services.directory import (
    directory_account_keep,
    user_from_directory,
    user_roles_follow,
)
from console.errors import ConsoleError

# What directories write into `amr` where they have asked for more than a password (RFC 8176).
SECOND_FACTORS = {"mfa", "otp", "hwk", "swk", "sc", "fpt", "face", "iris"}


def directories() -> list[dict[str, str]]:
    """The directories that the sign-in page offers: one where CONSOLE_OIDC_URL is set."""
    if not settings.OIDC_URL:
        return []
    address = reverse("openid_connect_login", kwargs={"provider_id": "directory"})
    return [{"name": settings.OIDC_NAME, "address": address}]


def roles_of(groups: Iterable[Any]) -> list[str]:
    """The roles that membership in `groups` gives, in order and each once."""
    return sorted({role for group in groups for role in settings.OIDC_ROLES.get(str(group), ())})


def claims_of(login: SocialLogin) -> Mapping[str, Any]:
    """What the directory said: the signed token's claims over those of its userinfo."""
    said = login.account.extra_data
    return {**(said.get("userinfo") or {}), **(said.get("id_token") or {})}


class DirectoryAdapter(DefaultSocialAccountAdapter):
    """What this console does differently from django-allauth where a directory signs people in."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Roles first: without any nobody gets in. Raises ImmediateHttpResponse with the page."""
        roles = self._roles(request, sociallogin)
        if sociallogin.is_existing:
            user_roles_follow(sociallogin.user, roles=roles)
            self._believe_second_factor(request, sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        claims = claims_of(sociallogin)
        try:
            with transaction.atomic():
                user = user_from_directory(
                    username=str(claims.get("preferred_username") or claims.get("sub", "")),
                    roles=self._roles(request, sociallogin),
                    first_name=str(claims.get("given_name", ""))[:150],
                    last_name=str(claims.get("family_name", ""))[:150],
                )
                directory_account_keep(request, sociallogin, user)
        except ConsoleError as error:
            raise ImmediateHttpResponse(directory_refusal(request, error.message)) from error
        self._believe_second_factor(request, sociallogin)
        return user

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True  # with a role: pre_social_login saw to it

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def on_authentication_error(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        raise ImmediateHttpResponse(
            directory_refusal(
                request,
                _(
                    "The directory did not sign you in. Start again; if it happens "
                    "again, tell your administrator."
                ),
            )
        )

    def _roles(self, request: HttpRequest, login: SocialLogin) -> list[str]:
        groups = claims_of(login).get(settings.OIDC_GROUPS_CLAIM) or []
        roles = roles_of(groups if isinstance(groups, list) else [groups])
        if not roles:
            raise ImmediateHttpResponse(
                directory_refusal(
                    request,
                    _(
                        "None of your groups in the directory has a role in this console. "
                        "An administrator can map one."
                    ),
                )
            )
        return roles

    def _believe_second_factor(self, request: HttpRequest, login: SocialLogin) -> None:
        """Where the directory says that it asked for one, this console does not ask again."""
        amr = claims_of(login).get("amr") or []
        if SECOND_FACTORS & {str(method) for method in amr}:
            record_authentication(request, login.user, "mfa", type="directory")


def directory_refusal(request: HttpRequest, why: str, *, status: int = 403) -> HttpResponse:
    """The page that says why the directory signed nobody in."""
    return render(request, "accounts/directory_refused.html", {"why": why}, status=status)
