"""Writes people whom the organisation's directory signs in."""

from collections.abc import Collection, Sequence

from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db import IntegrityError, transaction

from console.accounts.models import Team, User
from console.accounts.services.names import require_own_looks, require_persons_names
from console.accounts.services.sessions import sessions_end, sessions_forget, streams_end
from console.accounts.told import USER
from console.actors import Actor, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.errors import Conflict
from console.text.visible import is_blank, one_line

DIRECTORY = system_actor("directory")
PROVIDER = "directory"  # the provider of directory accounts


def user_from_directory(
    *,
    subject: str,
    username: str,
    roles: Sequence[str],
    teams: Sequence[str] = (),
    first_name: str = "",
    last_name: str = "",
) -> User:
    """Create a person at the first sign-in by the directory, bound to its permanent id `subject`.

    The account has no password. `teams` are names; unknown ones are ignored. Raises InvalidInput
    for an invalid name, and Conflict for one in use: a local account of the same name may be
    somebody else's, so accounts are never matched by name.
    """
    first, last = one_line(first_name), one_line(last_name)
    user = User(
        username=username,
        first_name="" if is_blank(first) else first,
        last_name="" if is_blank(last) else last,
        roles=list(roles),
    )
    require_persons_names(user)
    if not username.isascii():  # two plain names in the directory may look alike
        require_own_looks(username, User.objects.values_list("username", flat=True))
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
            SocialAccount.objects.create(user=user, provider=PROVIDER, uid=subject)
            found = _teams(teams)
            user.teams.set(found)
            audit.record(
                DIRECTORY,
                Action.USER_CREATED,
                target=_target(user),
                data={
                    "roles": list(roles),
                    "teams": sorted(team.name for team in found),
                    "sub": subject,
                    **told((USER, user.pk)),
                },
            )
    except IntegrityError as error:
        raise Conflict(
            "name_taken",
            "There is an account named {username} here already, which is not the directory's. An "
            "administrator can rename or close it.",
            username=username,
        ) from error
    return user


def user_follow_groups(
    user: User, *, roles: Collection[str], teams: Collection[str], ruled_teams: Collection[str]
) -> User:
    """Give a person the roles and teams that their directory groups now mean.

    Only teams in `ruled_teams` (names), which groups decide, change.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        _follow(locked, roles, teams, ruled_teams)
    return locked


def user_access_lost(user: User, *, ruled_teams: Collection[str]) -> User:
    """Remove all roles of a person whose groups give none any more, and end all their sessions."""
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        _follow(locked, (), (), ruled_teams)
        sessions_end(locked)
        data = {"sessions": "all", "reason": "no group of the directory gives a role"}
        audit.record(DIRECTORY, Action.USER_SESSIONS_ENDED, target=_target(locked), data=data)
    return locked


def directory_link(actor: Actor, user: User, *, subject: str, name: str) -> None:
    """Link the directory's account `subject` to `user`, so that it signs them in.

    People link only their own account, and at most one. `name` is the person's name in the
    directory. Raises Conflict.
    """
    _require_own(actor, user)
    try:
        with transaction.atomic():
            locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
            if SocialAccount.objects.filter(user=locked, provider=PROVIDER).exists():
                raise Conflict(
                    "linked_already",
                    "Your account is linked to the directory already. Undo that first.",
                )
            kept = {"name": one_line(name)[:200]}
            SocialAccount.objects.create(
                user=locked, provider=PROVIDER, uid=subject, extra_data=kept
            )
            data = {"sub": subject, **kept, **told((USER, locked.pk))}
            audit.record(actor, Action.USER_DIRECTORY_LINKED, target=_target(locked), data=data)
    except IntegrityError as error:
        raise Conflict(
            "linked_elsewhere",
            "This account of the directory belongs to another account of this console already.",
        ) from error


def directory_unlink(actor: Actor, user: User, *, session_key: str | None) -> None:
    """Remove the link, so that the directory no longer signs this person in.

    All sessions but `session_key` end, since the directory may have started them. Raises Conflict
    if nothing is linked, or if the person could no longer sign in.
    """
    _require_own(actor, user)
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        linked = SocialAccount.objects.filter(user=locked, provider=PROVIDER).first()
        if linked is None:
            raise Conflict("not_linked", "Your account is not linked to the directory.")
        if not locked.has_usable_password():
            raise Conflict(
                "only_way_in",
                "The directory made your account, and you have no password here: without the "
                "directory you could not sign in any more.",
            )
        uid = linked.uid
        linked.delete()
        others = UserSession.objects.filter(user=locked).exclude(session_key=session_key)
        sessions_forget(locked, list(others.values_list("session_key", flat=True)))
        data = {"sub": uid, **told((USER, locked.pk))}
        audit.record(actor, Action.USER_DIRECTORY_UNLINKED, target=_target(locked), data=data)


def _require_own(actor: Actor, user: User) -> None:
    if actor.ref != user.ref:
        raise Conflict("not_own_account", "Everybody links their own account alone.")


def _follow(
    user: User, roles: Collection[str], teams: Collection[str], ruled: Collection[str]
) -> None:
    before = sorted(user.roles)
    if before != sorted(roles):
        user.roles = sorted(roles)
        user.save(update_fields=["roles"])
        data = {"from": before, "to": user.roles, **told((USER, user.pk))}
        audit.record(DIRECTORY, Action.USER_ROLES_FOLLOWED, target=_target(user), data=data)
    has = set(user.teams.all())
    gets = {team for team in has if team.name not in ruled} | set(_teams(teams))
    if has != gets:
        user.teams.set(gets)
        data = {"from": _names(has), "to": _names(gets), **told((USER, user.pk))}
        audit.record(DIRECTORY, Action.USER_TEAMS_FOLLOWED, target=_target(user), data=data)
    if before != sorted(roles) or has != gets:
        streams_end([user])


def _teams(names: Collection[str]) -> list[Team]:
    return list(Team.objects.filter(name__in=names).order_by("name"))


def _names(teams: Collection[Team]) -> list[str]:
    return sorted(team.name for team in teams)


def _target(user: User) -> tuple[str, int, str]:
    return ("user", user.pk, user.username)
