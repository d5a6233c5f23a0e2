"""Writes of people whom the organisation's directory signs in."""

from collections.abc import Sequence

from allauth.socialaccount.models import SocialLogin
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from console.accounts.models import User
from console.accounts.services.names import require_own_looks, require_persons_names
from console.actors import system_actor
from console.audit import services as audit
from console.errors import Conflict
from console.text import is_blank, one_line

DIRECTORY = system_actor("directory")


def user_from_directory(
    *, username: str, roles: Sequence[str], first_name: str = "", last_name: str = ""
) -> User:
    """Create a person at the first sign-in by the directory. The account has no password.

    Raises InvalidInput for a name that can't be one; Conflict for one in use: an account of the
    same name here may be somebody else's, so the two are never joined by their names.
    """
    first, last = one_line(first_name), one_line(last_name)
    user = User(
        username=username,
        first_name="" if is_blank(first) else first,
        last_name="" if is_blank(last) else last,
        roles=list(roles),
    )
    require_persons_names(user)
    if not username.isascii():  # two of the directory's own plain names may be alike
        require_own_looks(username, User.objects.values_list("username", flat=True))
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
            audit.record(
                DIRECTORY,
                "user.created",
                target=("user", user.pk, username),
                data={"roles": list(roles), "teams": []},
            )
    except IntegrityError as error:
        raise Conflict(
            "name_taken",
            f"There is an account named {username} here already, which is not the directory's. "
            "An administrator can rename or close it.",
        ) from error
    return user


def directory_account_keep(request: HttpRequest, login: SocialLogin, user: User) -> None:
    """Keep that this account of the directory is `user`, in the transaction that made the user."""
    login.user = user
    login.save(request)


def user_roles_follow(user: User, *, roles: Sequence[str]) -> None:
    """Give a person the roles that the directory's groups mean now."""
    before = sorted(user.roles)
    if before == sorted(roles):
        return
    with transaction.atomic():
        user.roles = list(roles)
        user.save(update_fields=["roles"])
        audit.record(
            DIRECTORY,
            "user.roles_followed",
            target=("user", user.pk, user.username),
            data={"from": before, "to": sorted(roles)},
        )
