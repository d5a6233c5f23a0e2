"""Writes people who sign in."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from console.accounts.approvals.stating import Confirmation
from console.accounts.approvals.writing import approval_record
from console.accounts.models import Team, User
from console.accounts.roles import Role
from console.accounts.services.names import (
    read_persons_name,
    require_own_looks,
    require_persons_names,
)
from console.accounts.services.sessions import sessions_end, streams_end
from console.accounts.states import user_state
from console.accounts.told import USER
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.editing.revision import changes, require_unchanged
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.text.sentences import term

EDITABLE = ("first_name", "last_name", "email", "roles")


def user_create(
    actor: Actor,
    *,
    username: str,
    password: str,
    roles: Sequence[str],
    first_name: str = "",
    last_name: str = "",
    email: str = "",
    teams: Sequence[Team] = (),
    must_change_password: bool = False,
    confirmation: Confirmation | None = None,
) -> User:
    """Create a person who signs in with `password`, which the caller has validated.

    With `must_change_password` they have to choose another first. Raises InvalidInput for an
    unknown role, an invalid name, and a user name that looks like another; Conflict for one in use;
    and with roles what `approval_record` raises.
    """
    actor.require(Permission.ADMINISTER)
    names = _read({"first_name": first_name, "last_name": last_name, "email": email})
    require_persons_names(User(username=username, **names))
    require_own_looks(username, User.objects.values_list("username", flat=True))
    _require_known(roles)
    try:
        with transaction.atomic():
            given = {"roles": list(roles), "must_change_password": must_change_password, **names}
            user = User.objects.create_user(username=username, password=password, **given)
            user.teams.set(teams)
            data = {"roles": list(roles), "teams": [team.name for team in teams]}
            _record(actor, Action.USER_CREATED, user, data, confirmation)
    except IntegrityError as error:
        raise Conflict(
            "name_taken",
            "There is a person named {username} already. Choose another user name.",
            {"field": "username"},
            username=username,
        ) from error
    return user


def user_update(
    actor: Actor,
    user: User,
    *,
    teams: Collection[Team] | None = None,
    expected: str | None = None,
    confirmation: Confirmation | None = None,
    **values: Any,
) -> User:
    """Change a person's `first_name`, `last_name`, `email`, `roles` or `teams`. With `expected`,
    the revision of the state that was shown, Conflict where it is another by now.

    Raises InvalidInput; PermissionRefused for one's own roles, which takes another administrator;
    Conflict for the role of the last administrator; and with other roles what `approval_record`
    raises.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = _lock(user)
        before = user_state(locked)
        require_unchanged(before, expected, str(user))
        for name, value in _read(values).items():
            setattr(locked, name, value)
        require_persons_names(locked)
        _check_roles(actor, locked, before["roles"])
        locked.save(update_fields=EDITABLE)
        if teams is not None:
            locked.teams.set(teams)
        changed = changes(before, user_state(locked))
        if changed:
            _record(actor, Action.USER_CHANGED, locked, changed, confirmation)
        if changed.keys() & {"roles", "teams"}:
            streams_end([locked])
    return locked


def user_deactivate(actor: Actor, user: User) -> User:
    """Deactivate a person: no sign-in, no session and no permission to send from now on.

    Raises PermissionRefused for oneself, Conflict for the last administrator and for a deactivated
    person.
    """
    actor.require(Permission.ADMINISTER)
    _require_other(actor, user)
    with transaction.atomic():
        locked = _lock(user)
        if not locked.is_active:
            raise Conflict("already_deactivated", "{name} is deactivated already.", name=locked)
        _require_not_last(locked)
        locked.is_active = False
        sessions_end(locked, "is_active")
        data = told((USER, locked.pk))
        audit.record(actor, Action.USER_DEACTIVATED, target=_target(locked), data=data)
    return locked


def user_reactivate(actor: Actor, user: User, *, confirmation: Confirmation | None = None) -> User:
    """Reactivate a person, with the same roles, teams and password as before. With roles, raises
    what `approval_record` raises."""
    actor.require(Permission.ADMINISTER)
    _require_other(actor, user)
    with transaction.atomic():
        locked = _lock(user)
        if locked.is_active:
            raise Conflict("already_active", "{name} is active already.", name=locked)
        locked.is_active = True
        locked.save(update_fields=["is_active"])
        data = {"roles": sorted(locked.roles)}
        _record(actor, Action.USER_REACTIVATED, locked, data, confirmation)
    return locked


def user_password_set(actor: Actor, user: User, *, password: str) -> User:
    """Set another person's password for one sign-in, after which they choose their own.

    All their sessions end. Raises InvalidInput, with a reason, for a weak password, and Conflict
    for a person whom the directory signs in.
    """
    actor.require(Permission.ADMINISTER)
    _require_other(actor, user)
    if not user.has_usable_password():
        raise Conflict(
            "directory_account",
            "{user} signs in by the directory, which has the password.",
            user=user,
        )
    require_strong(password, user)
    with transaction.atomic():
        locked = _lock(user)
        locked.set_password(password)
        locked.must_change_password = True
        sessions_end(locked, "password", "must_change_password")
        audit.record(actor, Action.USER_PASSWORD_SET, target=_target(locked))
    return locked


def user_sign_out_everywhere(actor: Actor, user: User) -> User:
    """End all sessions of a person: administrators for anybody, others for themselves."""
    if actor.person_ref != user.ref:
        actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = _lock(user)
        sessions_end(locked)
        data = {"sessions": "all"}
        audit.record(actor, Action.USER_SESSIONS_ENDED, target=_target(locked), data=data)
    return locked


def require_strong(password: str, user: User) -> None:
    """Raise InvalidInput for a password that the site's validators refuse."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise InvalidInput(
            "weak_password", term("{all:spaced}", all=error.messages), {"field": "password"}
        ) from error


def _record(
    actor: Actor,
    action: Action,
    user: User,
    data: dict[str, Any],
    confirmation: Confirmation | None,
) -> None:
    """Record what becomes of a person. Roles are approved thereby."""
    entry = audit.Record(action, _target(user), {**data, **told((USER, user.pk))})
    if data.get("roles"):
        entry = approval_record(actor, entry, confirmation=confirmation)
    audit.record_many(actor, [entry])


def _target(user: User) -> tuple[str, object, str]:
    return "user", user.pk, user.username


def _read(values: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise InvalidInput("unknown_field", "A person has no {unknown} to change.", unknown=unknown)
    return {
        name: read_persons_name(value, name) if isinstance(value, str) else list(value)
        for name, value in values.items()
    }


def _lock(user: User) -> User:
    """Lock the person and all administrators for the transaction, and reload the person.

    So if two administrators remove each other's role, the second sees the first change.
    """
    administrators = User.objects.filter(roles__contains=[Role.ADMINISTRATOR], is_active=True)
    everybody = administrators | User.objects.filter(pk=user.pk)
    list(everybody.order_by("pk").select_for_update(no_key=True))
    return User.objects.get(pk=user.pk)


def _check_roles(actor: Actor, user: User, before: Iterable[str]) -> None:
    _require_known(user.roles)
    if sorted(user.roles) == sorted(before):
        return
    if actor.person_ref == user.ref:
        raise PermissionRefused(
            "own_roles",
            "Nobody changes their own roles: another administrator has to do it.",
            {"field": "roles"},
        )
    if Role.ADMINISTRATOR in before and Role.ADMINISTRATOR not in user.roles:
        _require_not_last(user)


def _require_known(roles: Iterable[str]) -> None:
    unknown = [role for role in roles if role not in Role.values]
    if unknown:
        raise InvalidInput(
            "unknown_role",
            "{unknown}: choose from {known}.",
            {"field": "roles"},
            unknown=unknown,
            known=Role.values,
        )


def _require_other(actor: Actor, user: User) -> None:
    if actor.person_ref == user.ref:
        raise PermissionRefused(
            "own_account", "This is your own account: another administrator has to do this."
        )


def _require_not_last(user: User) -> None:
    administrators = User.objects.filter(roles__contains=[Role.ADMINISTRATOR], is_active=True)
    others = administrators.exclude(pk=user.pk)
    if administrators.filter(pk=user.pk).exists() and not others.exists():
        raise Conflict(
            "last_administrator",
            "{user} is the last active administrator: without one nobody could administer the "
            "console. Give somebody else the role first.",
            user=user,
        )
