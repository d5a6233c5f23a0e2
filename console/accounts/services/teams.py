"""Writes of teams."""

from collections.abc import Sequence

from django.db import IntegrityError, transaction

from console.accounts.models import Team
from console.accounts.services.names import require_name
from console.actors import Actor, Permission
from console.audit import services as audit
from console.errors import Conflict


def team_create(actor: Actor, *, name: str, queues: Sequence[str] = ()) -> Team:
    """Create a team that sees the chats of `queues`.

    Raises InvalidInput for no name or too long a one, Conflict for one in use.
    """
    actor.require(Permission.ADMINISTER)
    require_name(name, "the team")
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name.strip(), queues=list(queues))
            audit.record(
                actor, "team.created", target=("team", team.pk, name), data={"queues": list(queues)}
            )
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a team named {name} already.") from error
    return team
