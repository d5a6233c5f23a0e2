"""Writes of people, teams and API clients."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import ApiClient, Role, Scope, Team, User
from console.actors import Actor, Permission
from console.audit import services as audit
from console.errors import Conflict, InvalidInput

TOKEN_PREFIX = "ncon_"  # noqa: S105 - a prefix, by which scanners find leaked tokens
LAST_USED_PRECISION = timedelta(minutes=1)
NAME_LIMIT = 100


def token_digest(token: str) -> str:
    """SHA-256 of a token, in hexadecimal. Tokens are random: they need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def api_client_create(actor: Actor, *, name: str, scopes: Iterable[str]) -> tuple[ApiClient, str]:
    """Create a program's access and answer it with its token, which can't be read again.

    Raises InvalidInput for no name, no or an unknown scope; Conflict for a name in use.
    """
    actor.require(Permission.ADMINISTER)
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        raise InvalidInput(
            "unknown_scope",
            f"Choose at least one scope from {', '.join(Scope.values)}"
            + (f"; {', '.join(unknown)} is none of them." if unknown else "."),
        )
    _require_name(name, "the API client")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            client = ApiClient.objects.create(
                name=name.strip(), token_hash=token_digest(token), scopes=wanted
            )
            audit.record(
                actor,
                "api_client.created",
                target=("api_client", client.pk, client.name),
                data={"scopes": wanted},
            )
    except IntegrityError as error:
        raise Conflict(
            "name_taken", f"There is an API client named {name} already. Choose another name."
        ) from error
    return client, token


def api_client_seen(client: ApiClient) -> None:
    """Note that a client used its token, at most once a minute."""
    now = timezone.now()
    if client.last_used_at is None or now - client.last_used_at > LAST_USED_PRECISION:
        ApiClient.objects.filter(pk=client.pk).update(last_used_at=now)


def team_create(actor: Actor, *, name: str, queues: Sequence[str] = ()) -> Team:
    """Create a team that sees the chats of `queues`.

    Raises InvalidInput for no name or too long a one, Conflict for one in use.
    """
    actor.require(Permission.ADMINISTER)
    _require_name(name, "the team")
    try:
        with transaction.atomic():
            team = Team.objects.create(name=name.strip(), queues=list(queues))
            audit.record(
                actor, "team.created", target=("team", team.pk, name), data={"queues": list(queues)}
            )
    except IntegrityError as error:
        raise Conflict("name_taken", f"There is a team named {name} already.") from error
    return team


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
    _require_names(User(username=username, first_name=first_name, last_name=last_name))
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


def _require_name(name: str, of_what: str) -> None:
    if not name.strip():
        raise InvalidInput("name_missing", f"Give {of_what} a name.")
    if len(name.strip()) > NAME_LIMIT:
        raise InvalidInput(
            "name_too_long", f"The name of {of_what} may have at most {NAME_LIMIT} characters."
        )


def _require_names(user: User) -> None:
    try:
        user.clean_fields(exclude=["password", "roles"])
    except ValidationError as error:
        messages = {name: " ".join(texts) for name, texts in error.message_dict.items()}
        summary = "; ".join(f"{name}: {text}" for name, text in messages.items())
        raise InvalidInput("invalid_name", summary, messages) from error
