"""Who can grant somebody a permission that they lack."""

from console.accounts.models import CONFIRMED_SCOPES, SCOPE_PERMISSIONS
from console.accounts.roles import ROLE_PERMISSIONS, Role
from console.actors import Actor, Permission
from console.text.sentences import Sentence, term
from console.text.wording import term_of


def how_granted(actor: Actor, permissions: tuple[Permission, ...]) -> Sentence:
    """Return the end of a sentence: who can grant one of `permissions`, by which role or scope."""
    wanted = set(permissions)
    roles = [
        term_of(Role(role).label) for role, given in ROLE_PERMISSIONS.items() if given & wanted
    ]
    if not actor.ref.startswith("client:"):
        if Role.ADMINISTRATOR in actor.roles:
            return term("another administrator can grant it, with the role {roles:or}", roles=roles)
        return term("an administrator can grant it, with the role {roles:or}", roles=roles)
    scopes = [str(scope) for scope, given in SCOPE_PERMISSIONS.items() if given & wanted]
    if not scopes:
        return term(
            "no scope gives it to a program: a person with the role {roles:or} has it", roles=roles
        )
    alone = [scope for scope in scopes if scope not in CONFIRMED_SCOPES]
    confirmed = [scope for scope in scopes if scope in CONFIRMED_SCOPES]
    if not confirmed:
        return term("an administrator can give this API client the scope {alone:or}", alone=alone)
    if not alone:
        return term(
            "an administrator can give this API client the scope {confirmed:or}, which another "
            "administrator confirms",
            confirmed=confirmed,
        )
    return term(
        "an administrator can give this API client the scope {alone:or}, or, with another "
        "administrator's confirmation, {confirmed:or}",
        alone=alone,
        confirmed=confirmed,
    )
