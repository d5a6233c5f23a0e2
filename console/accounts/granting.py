"""Who can grant somebody a permission that they lack."""

from console.accounts.models import CONFIRMED_SCOPES, SCOPE_PERMISSIONS
from console.accounts.roles import ROLE_PERMISSIONS, Role
from console.actors import Actor, Permission


def how_granted(actor: Actor, permissions: tuple[Permission, ...]) -> str:
    """Return the end of a sentence: who can grant one of `permissions`, by which role or scope."""
    wanted = set(permissions)
    roles = [str(Role(role).label) for role, given in ROLE_PERMISSIONS.items() if given & wanted]
    if not actor.ref.startswith("client:"):
        others = (
            "another administrator" if Role.ADMINISTRATOR in actor.roles else "an administrator"
        )
        return f"{others} can grant it, with the role {' or '.join(roles)}"
    scopes = [str(scope) for scope, given in SCOPE_PERMISSIONS.items() if given & wanted]
    if not scopes:
        return f"no scope gives it to a program: a person with the role {' or '.join(roles)} has it"
    alone = [scope for scope in scopes if scope not in CONFIRMED_SCOPES]
    confirmed = [scope for scope in scopes if scope in CONFIRMED_SCOPES]
    if not confirmed:
        return f"an administrator can give this API client the scope {' or '.join(alone)}"
    if not alone:
        return (
            f"an administrator can give this API client the scope {' or '.join(confirmed)}, "
            "which another administrator confirms"
        )
    return (
        f"an administrator can give this API client the scope {' or '.join(alone)}, or, with "
        f"another administrator's confirmation, {' or '.join(confirmed)}"
    )
