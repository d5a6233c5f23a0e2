"""The settings of the organisation's directory, each described in docs/settings.md."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from console.site import environment as env

ROLES = ("supervisor", "editor", "approver", "auditor", "administrator")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectorySettings:
    """The directory that signs people in (docs/signing-in.md). Without a `url` there is none.

    `roles` and `teams` map each group to its roles and teams here. `acr` are the directory's names
    of a sign-in with two factors. `ca` is a file of trusted authorities that replaces the machine's
    own.
    """

    url: str = ""
    name: str = "the directory"
    client_id: str = ""
    secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "profile")
    groups_claim: str = "groups"
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    acr: tuple[str, ...] = ()
    ca: str = ""
    returns: bool = False

    @property
    def ruled_teams(self) -> frozenset[str]:
        """The teams whose members are decided by groups alone."""
        return frozenset(name for names in self.teams.values() for name in names)

    def roles_of(self, groups: tuple[str, ...]) -> list[str]:
        """Return the roles that membership in `groups` gives, sorted and each once."""
        return sorted({role for group in groups for role in self.roles.get(group, ())})

    def teams_of(self, groups: tuple[str, ...]) -> list[str]:
        """Return the names of the teams that membership in `groups` gives."""
        return sorted({team for group in groups for team in self.teams.get(group, ())})


def scopes(raw: str) -> tuple[str, ...]:
    found = tuple(env.words(raw))
    if "openid" not in found or any(" " in scope for scope in found):
        raise ValueError("set it to scopes with commas between them, openid among them")
    return found


def read_directory_settings() -> DirectorySettings:
    """Read the settings from the environment.

    console.site.unsafe_settings checks which of them need others.
    """
    return DirectorySettings(
        url=env.read("CONSOLE_OIDC_URL", env.origin, ""),
        name=env.read("CONSOLE_OIDC_NAME", env.text, "the directory"),
        client_id=env.read("CONSOLE_OIDC_CLIENT_ID", env.text, ""),
        secret=env.read("CONSOLE_OIDC_CLIENT_SECRET", env.text, ""),
        scopes=env.read("CONSOLE_OIDC_SCOPES", scopes, ("openid", "profile")),
        groups_claim=env.read("CONSOLE_OIDC_GROUPS_CLAIM", env.text, "groups"),
        roles=env.read("CONSOLE_OIDC_ROLES", env.meanings(*ROLES), dict[str, tuple[str, ...]]()),
        teams=env.read("CONSOLE_OIDC_TEAMS", env.meanings(), dict[str, tuple[str, ...]]()),
        acr=tuple(env.read("CONSOLE_OIDC_ACR", env.words, list[str]())),
        ca=env.read("CONSOLE_OIDC_CA", env.certificates, ""),
        returns=env.read("CONSOLE_OIDC_RETURN", env.boolean, False),
    )
