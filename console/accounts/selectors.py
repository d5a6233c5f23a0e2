"""Reads of people, teams and API clients."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session
from django.db.models import Count, Prefetch, Q, QuerySet
from django.utils import timezone

from console.accounts.models import ApiClient, ClientState, Team, User
from console.accounts.services import token_digest
from console.accounts.services.directory import PROVIDER
from console.accounts.signing_in.addresses import is_within
from console.accounts.signing_in.session_store import PERSON, SessionStore
from console.actors import Actor, Permission, system_actor
from console.database.clock import near_now
from console.errors import NotFound

# --- Tokens, and the actors behind references -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Admission:
    """The result of checking a token: its client, if any, and why it is refused.

    The reason is a code for programs and a sentence with advice. Without a reason there is a
    client.
    """

    client: ApiClient | None
    code: str = ""
    message: str = ""


def api_client_admitted(token: str, *, address: str, now: datetime | None = None) -> Admission:
    """Check whether `token` is accepted from `address`.

    It is looked up by hash, so timing reveals nothing.
    """
    now = now or near_now()
    digest = token_digest(token)
    owned = Q(token_hash=digest) | Q(previous_token_hash=digest)
    client = ApiClient.objects.filter(owned).first()
    if client is None:
        return Admission(
            None, "authentication_failed", "This token is not valid. Ask an administrator for one."
        )
    code, message = _refusal(client, digest, address, now)
    return Admission(client, code, message)


def _refusal(client: ApiClient, digest: str, address: str, now: datetime) -> tuple[str, str]:
    state = client.state_at(now)
    until = client.previous_token_until
    if state == ClientState.DEACTIVATED:
        return (
            "client_deactivated",
            "This API client was deactivated. An administrator can activate it again.",
        )
    if digest != client.token_hash and (until is None or until <= now):
        return (
            "token_replaced",
            "This token was replaced by a new one. Use that, or ask an administrator for another.",
        )
    if state == ClientState.AWAITING:
        return (
            "client_unconfirmed",
            "This API client awaits confirmation. An administrator who neither owns nor proposed "
            "it has to confirm it, on its page.",
        )
    if state == ClientState.EXPIRED:
        return (
            "token_expired",
            "The access of this API client has expired. An administrator can extend it.",
        )
    if client.addresses and not is_within(address, client.addresses):
        return (
            "address_not_allowed",
            f"This API client may not call from the address {address}. Call from one "
            "that it is allowed, or ask an administrator to add this one.",
        )
    return "", ""


def actor_by_ref(ref: str) -> Actor | None:
    """Return the actor behind an Actor's `ref` with their present permissions, or None.

    None means that the account does not exist or is deactivated, or that a program's access has
    expired.
    """
    kind, _colon, key = ref.partition(":")
    if kind == "system":
        return system_actor(key)
    if kind == "user" and key.isdigit():
        user = User.objects.filter(pk=key, is_active=True).first()
        return None if user is None else user.to_actor()
    if kind == "client" and key.isdigit():
        client = ApiClient.objects.filter(pk=key).first()
        is_active = client is not None and client.state == ClientState.ACTIVE
        return client.to_actor() if client is not None and is_active else None
    return None


# --- Administration -------------------------------------------------------------------------------


def users(
    actor: Actor, *, q: str = "", role: str = "", team: Team | None = None, state: str = ""
) -> QuerySet[User]:
    """Return people by user name, with their teams. `state` is active, deactivated or "" (any)."""
    actor.require(Permission.ADMINISTER)
    found = User.objects.prefetch_related(Prefetch("teams", Team.objects.order_by("name")))
    for word in q.split():
        found = found.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    if role:
        found = found.filter(roles__contains=[role])
    if team is not None:
        found = found.filter(teams=team)
    if state:
        found = found.filter(is_active=state == "active")
    return found.order_by("username")


def user_get(actor: Actor, user_id: int) -> User:
    """Return a person. Raises NotFound."""
    user = users(actor).filter(pk=user_id).first()
    if user is None:
        raise NotFound("user_not_found", "There is no such person.")
    return user


def teams(actor: Actor, *, q: str = "") -> QuerySet[Team]:
    """Return teams by name, each with `member_count`."""
    actor.require(Permission.ADMINISTER)
    found = Team.objects.annotate(member_count=Count("members"))
    for word in q.split():
        in_queues = Q(queues__icontains=word)
        found = found.filter(Q(name__icontains=word) | in_queues)
    return found.order_by("name")


def team_get(actor: Actor, team_id: int) -> Team:
    """Return a team. Raises NotFound."""
    team = teams(actor).filter(pk=team_id).first()
    if team is None:
        raise NotFound("team_not_found", "There is no such team.")
    return team


def team_by_name(name: str) -> Team:
    """Return a team by its name. Raises NotFound."""
    team = Team.objects.filter(name=name).first()
    if team is None:
        raise NotFound("team_not_found", "There is no team named {name}.", name=name)
    return team


def api_clients(actor: Actor, *, q: str = "", state: str = "") -> QuerySet[ApiClient]:
    """Return API clients by name. `state` is a ClientState, or "" for any."""
    actor.require(Permission.ADMINISTER)
    found = ApiClient.objects.select_related("owner")
    for word in q.split():
        found = found.filter(Q(name__icontains=word))
    over = Q(is_active=True, expires_at__lte=near_now())
    if state == ClientState.DEACTIVATED:
        found = found.filter(is_active=False)
    elif state == ClientState.EXPIRED:
        found = found.filter(over)
    elif state == ClientState.ACTIVE:
        found = found.filter(Q(is_active=True) & ~over).exclude(scopes=[])
    elif state == ClientState.AWAITING:  # includes clients that work and have a proposal for more
        awaits = ~Q(pending_scopes=[]) | Q(pending_notices__isnull=False)
        found = found.filter(awaits, ~over, is_active=True)
    return found.order_by("name")


def api_client_get(actor: Actor, client_id: int) -> ApiClient:
    """Return an API client. Raises NotFound."""
    client = api_clients(actor).filter(pk=client_id).first()
    if client is None:
        raise NotFound("api_client_not_found", "There is no such API client.")
    return client


def directory_account(user: User) -> SocialAccount | None:
    """Return the directory account that signs this person in, or None."""
    return SocialAccount.objects.filter(user=user, provider=PROVIDER).first()


def user_by_subject(subject: str) -> User | None:
    """Return the person of a permanent id in the directory: signed in by it, or linked to it."""
    found = SocialAccount.objects.filter(provider=PROVIDER, uid=subject).select_related("user")
    account = found.first()
    return None if account is None else account.user


def second_factors(user: User) -> "QuerySet[Any]":
    """Return a person's second factors: apps and keys.

    Recovery codes are not among them: they are for a person who has lost these.
    """
    return Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES)


def session_seconds_left(key: str) -> float:
    """Return the seconds until an unused session ends; 0 if it has ended."""
    ends_at = Session.objects.filter(session_key=key).values_list("expire_date", flat=True).first()
    return 0 if ends_at is None else max(0, (ends_at - timezone.now()).total_seconds())


def is_signed_in(key: str) -> bool:
    """Return whether this session key belongs to a person whose account is active."""
    if not (key.isascii() and key.isalnum()):  # as Django makes them
        return False
    person = SessionStore(key).get(PERSON)
    return person is not None and User.objects.filter(pk=person, is_active=True).exists()
