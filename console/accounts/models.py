"""People, the teams they work in, and the programs that use the API."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from console.accounts.roles import ROLE_PERMISSIONS, Role
from console.actors import Actor, Permission
from console.database.clock import near_now


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
    # For the auditor's programs: the trail, its checkpoints and its export.
    Scope.AUDIT: frozenset({Permission.VIEW_AUDIT}),
}

# What a second administrator has to confirm. The database knows these too (own_work).
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

    A chat in a queue that no team has is seen by every supervisor.
    """

    name = models.CharField(max_length=100, unique=True)
    queues = ArrayField(models.CharField(max_length=255), default=list, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person who signs in. What they may do follows from `roles` alone.

    A session is good for as long as `session_stamp` is what it was at its start: giving the person
    another stamp ends all of their sessions, wherever they are kept.
    """

    roles = ArrayField(models.CharField(max_length=20, choices=Role.choices), default=list)
    teams = models.ManyToManyField(Team, related_name="members", blank=True)
    # Somebody else knows the password: it opens nothing but the way to choose another.
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
        """How the person is named as an actor."""
        return f"user:{self.pk}"

    @property
    def role_labels(self) -> list[str]:
        """In the order of the roles themselves."""
        return [str(role.label) for role in Role if role in self.roles]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What Django compares with a session's at each request, with fallback secrets too."""
        value = f"{self.password}:{self.session_stamp}"
        key_salt = "console.accounts.models.User.session"
        return salted_hmac(key_salt, value, secret=secret, algorithm="sha256").hexdigest()

    def to_actor(self) -> Actor:
        """This person as the actor of a service."""
        permissions = _union(ROLE_PERMISSIONS, self.roles) if self.is_active else frozenset()
        return Actor(
            ref=self.ref,
            # Wherever a name is kept beside its reference there is room for this much.
            name=str(self)[:200],
            permissions=permissions,
            roles=frozenset(self.roles),
            team_ids=frozenset(self.teams.values_list("pk", flat=True)),
            sees_all_teams=Role.AUDITOR in self.roles or Role.ADMINISTRATOR in self.roles,
        )


class ApiClient(models.Model):
    """A program that uses the API with a token, of which only a hash is kept.

    `allowed_notices` are keys of notices and `addresses` networks in CIDR; of both an empty list
    means any. The token before the newest one is good until `previous_token_until`.

    What the client does counts as its `owner`'s own work, who has its token; without an owner, as
    its own. `pending_scopes` and `pending_notices` were proposed by one administrator and hold once
    another confirms them; while it has no `scopes` at all its token is refused.
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
    # When its refusal last became an entry of the audit trail.
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
        """How the program is named as an actor."""
        return f"client:{self.pk}"

    @property
    def owner_ref(self) -> str:
        return f"user:{self.owner_id}" if self.owner_id else ""

    @property
    def awaits(self) -> bool:
        """Whether something of it takes a second administrator's word."""
        return bool(self.pending_scopes) or self.pending_notices is not None

    @property
    def wanted_scopes(self) -> list[str]:
        """Those that it has, and those that are proposed."""
        return sorted({*self.scopes, *self.pending_scopes})

    @property
    def wanted_notices(self) -> list[str]:
        return self.allowed_notices if self.pending_notices is None else self.pending_notices

    @property
    def is_authenticated(self) -> bool:
        """What REST framework's permission asks of a request's user."""
        return True

    def to_actor(self) -> Actor:
        """This program as the actor of a service. It belongs to no team and serves all."""
        return Actor(
            ref=self.ref,
            name=self.name,
            permissions=_union(SCOPE_PERMISSIONS, self.scopes),
            sees_all_teams=True,
            allowed_notices=frozenset(self.allowed_notices) or None,
            owner_ref=self.owner_ref,
        )


class RateCount(models.Model):
    """How often somebody did something until `ends_at` (console.accounts.services.counters)."""

    key = models.CharField(max_length=64, primary_key=True)
    number = models.BigIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.number} until {self.ends_at}"


class SharedValue(models.Model):
    """What django-allauth notes for a while in Django's cache, such as a code that was used: as
    rows, so that all processes know of it. The columns are those of Django's DatabaseCache."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.cache_key
