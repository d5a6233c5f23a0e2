"""The actor: the first argument of every service and of every filtered read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from console.errors import PermissionRefused
from console.text.sentences import Sentence, gettext_noop, term


class Permission(StrEnum):
    """What an actor may do. Roles and API scopes (console.accounts) are sets of these."""

    FEED = gettext_noop("feed interactions")
    VIEW_INTERACTIONS = gettext_noop("see live chats")
    SEND = gettext_noop("send notices")
    APPROVE_SENDS = gettext_noop("approve large sends of others")
    VIEW_CATALOGUE = gettext_noop("see the catalogue")
    EDIT_CATALOGUE = gettext_noop("write notices and presets")
    REVIEW_CATALOGUE = gettext_noop("review, publish and retire notices")
    VIEW_HISTORY = gettext_noop("read the history of all sends")
    VIEW_AUDIT = gettext_noop("read the audit trail")
    VIEW_CHAT_SERVERS = gettext_noop("see Chat Servers and their health")
    ADMINISTER = gettext_noop("administer people, Chat Servers and API clients")


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an API client or the system itself, with its permissions.

    `ref` is stable and unique ("user:12", "client:3", "system:worker"). `name` is stored beside it
    everywhere, so that history survives a deleted person. `owner_ref` is the person to whom an API
    client belongs.
    """

    ref: str
    name: str
    permissions: frozenset[Permission] = field(default_factory=frozenset)
    roles: frozenset[str] = field(default_factory=frozenset)
    team_ids: frozenset[int] = field(default_factory=frozenset)
    sees_all_teams: bool = False
    # Keys of the notices that it may send; None allows any.
    allowed_notices: frozenset[str] | None = None
    owner_ref: str = ""
    # References of the person's API clients, if they were read together with the person.
    client_refs: tuple[str, ...] | None = None

    @property
    def person_ref(self) -> str:
        """The person who counts as acting, since own-work rules compare persons
        (console.accounts.own_work)."""
        return self.owner_ref or self.ref

    @property
    def is_person(self) -> bool:
        """Whether this is somebody who signs in, and no program."""
        return self.ref.startswith("user:")

    @property
    def is_system(self) -> bool:
        """Whether this is the console itself, or an operator at its machine."""
        return self.ref.startswith("system:")

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions

    def sees_team(self, team_id: int | None) -> bool:
        """Return whether the actor sees the chats of this team. None means queues without one."""
        return team_id is None or self.sees_all_teams or team_id in self.team_ids

    def may_send_notice(self, key: str) -> bool:
        return self.allowed_notices is None or key in self.allowed_notices

    def require_notice(self, key: str) -> None:
        """Raise PermissionRefused unless the actor may send the notice with this key."""
        if not self.may_send_notice(key):
            raise PermissionRefused(
                "notice_not_allowed",
                "{name} may not send the notice {key}: it is not among those that an "
                "administrator allows it. An administrator can add it.",
                {"notice": key},
                name=self.name,
                key=key,
            )

    def require(self, *permissions: Permission) -> None:
        """Raise PermissionRefused unless the actor has one of `permissions`."""
        if not any(self.may(permission) for permission in permissions):
            raise PermissionRefused(
                "permission_refused",
                "{name} may not do this. It takes the permission to {wanted:or}; {how_granted}.",
                name=self.name,
                wanted=[term(str(permission)) for permission in permissions],
                how_granted=_how_granted(self, permissions),
            )


HowGranted = Callable[[Actor, tuple[Permission, ...]], Sentence]


def _in_general(actor: Actor, permissions: tuple[Permission, ...]) -> Sentence:
    return term("an administrator can grant it")


_how_granted: HowGranted = _in_general


def say_how_granted(how: HowGranted) -> None:
    """Register the function that explains who can grant a permission.

    Only console.accounts knows the roles and scopes.
    """
    global _how_granted
    _how_granted = how


def system_actor(part: str) -> Actor:
    """Return the console itself as an actor without a person. `part` names the part of it."""
    return Actor(
        ref=f"system:{part}",
        name=f"Notice Console ({part})",
        permissions=frozenset(Permission),
        sees_all_teams=True,
    )
