"""Writes of the programs that use the API."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from console.accounts.models import ApiClient, Scope
from console.accounts.services.names import require_name
from console.actors import Actor, Permission
from console.audit import services as audit
from console.errors import Conflict, InvalidInput

TOKEN_PREFIX = "ncon_"  # noqa: S105 - a prefix, by which scanners find leaked tokens
LAST_USED_PRECISION = timedelta(minutes=1)


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
    require_name(name, "the API client")
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
