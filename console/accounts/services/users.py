"""Writes of the people who sign in."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from console.accounts.models import Role, Team, User
from console.accounts.services.names import require_persons_names
from console.actors import Actor, Permission
from console.audit import services as audit
from console.errors import Conflict, InvalidInput


def user_create(
    actor: Actor,
    *,
    username: str,
    password: str,
    roles: Sequence[str],
    first_name: str = "",
    last_name: str = "",
    teams: Sequence[Team] = (),
) -> User:
    """Create a person who signs in by `password`.

    Raises InvalidInput for an unknown role or a name that can't be one, Conflict for one in use.
    """
    actor.require(Permission.ADMINISTER)
    require_persons_names(User(username=username, first_name=first_name, last_name=last_name))
    unknown = [role for role in roles if role not in Role.values]
    if unknown:
        raise InvalidInput(
            "unknown_role", f"{', '.join(unknown)}: choose from {', '.join(Role.values)}."
        )
    try:
        with transaction.atomic():
            user = User.objects.create_user(
                username=username,
                password=password,
                roles=list(roles),
                first_name=first_name,
                last_name=last_name,
            )
            user.teams.set(teams)
            audit.record(
                actor,
                "user.created",
                target=("user", user.pk, username),
                data={"roles": list(roles), "teams": [team.name for team in teams]},
            )
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a person named {username} already.") from error
    return user
