"""People, the teams they work in, and the programs that use the API."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from console.accounts.roles import OF_ALL_TEAMS, ROLE_PERMISSIONS, Role
from console.actors import Actor, Permission
from console.database.clock import near_now

TEAMS_AND_CLIENTS = """
    SELECT ARRAY(SELECT team_id FROM accounts_user_teams WHERE user_id = %(person)s),
           ARRAY(SELECT id FROM accounts_apiclient WHERE owner_id = %(person)s ORDER BY id)
"""


class Scope(models.TextChoices):
    FEED = "feed", _("Feed interactions")
    SEND = "send", _("Send notices")
    READ = "read", _("Read")
    CATALOGUE = "catalogue", _("Write the catalogue")
    APPROVE = "approve", _("Decide on the catalogue")
    ADMIN = "admin", _("Administer")
    AUDIT = "audit", _("Read the audit trail")


SCOPE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    Scope.FEED: frozenset({Permission.FEED}),
    Scope.SEND: frozenset(
        {Permission.SEND, Permission.VIEW_INTERACTIONS, Permission.VIEW_CATALOGUE}
    ),
    Scope.READ: frozenset(
        {
            Permission.VIEW_INTERACTIONS,
            Permission.VIEW_CATALOGUE,
            Permission.VIEW_HISTORY,
            Permission.VIEW_CHAT_SERVERS,
        }
    ),
    Scope.CATALOGUE: frozenset({Permission.VIEW_CATALOGUE, Permission.EDIT_CATALOGUE}),
    Scope.APPROVE: frozenset({Permission.VIEW_CATALOGUE, Permission.REVIEW_CATALOGUE}),
    Scope.ADMIN: frozenset({Permission.ADMINISTER, Permission.VIEW_CHAT_SERVERS}),
    # For an auditor's programs: the ledger, its checkpoints and its export.
    Scope.AUDIT: frozenset({Permission.VIEW_AUDIT}),
}

# Scopes that a second administrator has to confirm. The database has this list too (own_work).
CONFIRMED_SCOPES = frozenset({Scope.SEND, Scope.CATALOGUE, Scope.APPROVE, Scope.AUDIT})


def _union(table: dict[str, frozenset[Permission]], names: list[str]) -> frozenset[Permission]:
    return frozenset().union(*(table[name] for name in names))


class ClientState(models.TextChoices):
    ACTIVE = "active", _("Active")
    AWAITING = "awaiting", _("Awaiting confirmation")
    EXPIRED = "expired", _("Expired")
    DEACTIVATED = "deactivated", _("Deactivated")


class Team(models.Model):
    """A group of people and the queues whose chats they see.

    Every supervisor sees a chat in a queue that no team has.
    """

    name = models.CharField(max_length=100, unique=True)
    queues = ArrayField(models.CharField(max_length=255), default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in. Their permissions follow from `roles` alone.

    A session is valid as long as `session_stamp` is the same as at its start: a new stamp ends all
    sessions of the person, wherever they are stored.
    """

    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list)
    teams = models.ManyToManyField(Team, related_name="members", blank=True)
    # Somebody else knows the password, so it only allows choosing another.
    must_change_password = models.BooleanField(default=False, editable=False)
    session_stamp = models.CharField(max_length=32, blank=True, default="", editable=False)

    class Meta:
        ordering: ClassVar = ["username"]
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("username"), name="user_username_any_case"),
            models.CheckConstraint(
                condition=models.Q(roles__contained_by=Role.values), name="user_roles_known"
            ),
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username

    @property
    def ref(self) -> str:
        """The person's reference as an actor."""
        return f"user:{self.pk}"

    @property
    def role_labels(self) -> list[str]:
        """The labels of the person's roles, in the order of Role."""
        return [str(role.label) for role in Role if role in self.roles]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Return the hash that Django compares with the session's at each request.

        Django also passes the old secrets.
        """
        value = f"{self.password}:{self.session_stamp}"
        key_salt = "console.accounts.models.User.session"
        return salted_hmac(key_salt, value, secret=secret, algorithm="sha256").hexdigest()

    def to_actor(self) -> Actor:
        """Return this person as the actor of a service."""
        permissions = _union(ROLE_PERMISSIONS, self.roles) if self.is_active else frozenset()
        teams, clients = self._teams_and_clients()
        return Actor(
            ref=self.ref,
            # Columns that store an actor's name have room for this much.
            name=str(self)[:200],
            permissions=permissions,
            roles=frozenset(self.roles),
            team_ids=frozenset(teams),
            sees_all_teams=not OF_ALL_TEAMS.isdisjoint(self.roles),
            client_refs=tuple(f"client:{client}" for client in clients),
        )

    def _teams_and_clients(self) -> tuple[list[int], list[int]]:
        """Return the ids of the person's teams and API clients. One short query."""
        with connection.cursor() as cursor:
            cursor.execute(TEAMS_AND_CLIENTS, {"person": self.pk})
            teams, clients = cursor.fetchone()
        return teams, clients


class ApiClient(models.Model):
    """A program that uses the API with a token. Only a hash of the token is stored.

    `allowed_notices` are notice keys and `addresses` networks in CIDR; an empty list allows any.
    The previous token is valid until `previous_token_until`.

    The client's work counts as that of its `owner`, who has its token; without an owner, as its
    own. One administrator proposes `pending_scopes` and `pending_notices`, and they take effect
    once another confirms them. A client without `scopes` has its token refused.
    """

    name = models.CharField(max_length=100, unique=True)
    token_hash = models.CharField(max_length=64, unique=True)
    previous_token_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    previous_token_until = models.DateTimeField(null=True, blank=True)
    owner = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="api_clients"
    )
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    pending_scopes = ArrayField(
        models.CharField(max_length=20, choices=Scope.choices), default=list, blank=True
    )
    allowed_notices = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    pending_notices = ArrayField(models.CharField(max_length=100), null=True, blank=True)
    proposed_by_ref = models.CharField(max_length=64, blank=True, default="", editable=False)
    proposed_by_name = models.CharField(max_length=200, blank=True, default="", editable=False)
    proposed_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmed_by_ref = models.CharField(max_length=64, blank=True, default="", editable=False)
    confirmed_by_name = models.CharField(max_length=200, blank=True, default="", editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    addresses = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # When a refusal of its token was last recorded in the ledger.
    refused_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(scopes__contained_by=Scope.values),
                name="api_client_scopes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(pending_scopes__contained_by=Scope.values),
                name="api_client_pending_scopes_known",
            ),
            models.CheckConstraint(
                condition=models.Q(pending_scopes=[], pending_notices=None)
                | ~models.Q(proposed_by_ref=""),
                name="api_client_proposal_has_proposer",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def state_at(self, now: datetime) -> ClientState:
        if not self.is_active:
            return ClientState.DEACTIVATED
        if self.expires_at is not None and self.expires_at <= now:
            return ClientState.EXPIRED
        return ClientState.ACTIVE if self.scopes else ClientState.AWAITING

    @property
    def state(self) -> ClientState:
        return self.state_at(near_now())

    @property
    def ref(self) -> str:
        """The program's reference as an actor."""
        return f"client:{self.pk}"

    @property
    def owner_ref(self) -> str:
        return f"user:{self.owner_id}" if self.owner_id else ""

    @property
    def awaits(self) -> bool:
        """Whether a part of it waits for a second administrator's confirmation."""
        return bool(self.pending_scopes) or self.pending_notices is not None

    @property
    def wanted_scopes(self) -> list[str]:
        """The scopes that it has, and those that are proposed."""
        return sorted({*self.scopes, *self.pending_scopes})

    @property
    def wanted_notices(self) -> list[str]:
        return self.allowed_notices if self.pending_notices is None else self.pending_notices

    @property
    def is_authenticated(self) -> bool:
        """For REST framework's permission class, which requires it of a request's user."""
        return True

    def to_actor(self) -> Actor:
        """Return this program as the actor of a service. It belongs to no team and serves all."""
        return Actor(
            ref=self.ref,
            name=self.name,
            permissions=_union(SCOPE_PERMISSIONS, self.scopes),
            sees_all_teams=True,
            allowed_notices=frozenset(self.allowed_notices) or None,
            owner_ref=self.owner_ref,
        )


class ApprovalQuestion(models.Model):
    """A question for somebody's security key, which has to confirm an approval.

    `challenge` is the digest of what is approved (console.accounts.approvals). The row is deleted
    with the approval that it confirms, so that no answer is good for two.
    """

    challenge = models.CharField(max_length=64, primary_key=True)
    person = models.ForeignKey(User, on_delete=models.CASCADE)
    session = models.CharField(max_length=64)  # the digest of its key
    site = models.CharField(max_length=255)
    nonce = models.CharField(max_length=32)
    asked_at = models.CharField(max_length=27)  # exactly as signed
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"question {self.nonce}"


class RateCount(models.Model):
    """A counter of one kind of event until `ends_at` (console.accounts.services.counters)."""

    key = models.CharField(max_length=64, primary_key=True)
    number = models.BigIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.number} until {self.ends_at}"


class SharedValue(models.Model):
    """A value that django-allauth puts into Django's cache for a while, such as a used code.

    It is stored as a row, so that all processes share it. The columns are those of Django's
    DatabaseCache.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.cache_key
