"""Writes programs that use the API."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from console.accounts.models import ApiClient, User
from console.accounts.services.client_confirmation import grant
from console.accounts.services.client_limits import (
    read_addresses,
    read_expiry,
    read_notices,
    read_scopes,
    require_right,
)
from console.accounts.states import api_client_state
from console.accounts.told import API_CLIENT
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database.clock import near_now
from console.editing.revision import changes, require_unchanged
from console.editing.rotation import OVERLAPS
from console.errors import Conflict, InvalidInput, PermissionRefused
from console.text.inputs import ALL, read_name
from console.text.moments import moment_text
from console.text.sentences import term

TOKEN_PREFIX = "ncon_"  # noqa: S105 - a prefix, by which scanners find leaked tokens
LAST_USED_PRECISION = timedelta(minutes=1)
GRANTS = (
    *("pending_scopes", "pending_notices", "proposed_by_ref", "proposed_by_name", "proposed_at"),
    *("confirmed_by_ref", "confirmed_by_name", "confirmed_at"),
)
LISTS = ("scopes", "allowed_notices", "addresses")
EDITABLE = ("name", "scopes", "allowed_notices", "expires_at", "addresses")


def token_digest(token: str) -> str:
    """Return the SHA-256 of a token in hexadecimal.

    Tokens are random, so they need no slow hash.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def api_client_create(
    actor: Actor,
    *,
    name: str,
    scopes: Iterable[str],
    allowed_notices: Iterable[str] = (ALL,),
    expires_at: datetime | None = None,
    addresses: Iterable[str] = (ALL,),
    owner: User | None = None,
) -> tuple[ApiClient, str]:
    """Create an API client, and return it with its token, which can't be read again.

    It belongs to the person who creates it, since they have its token; an operator names an owner,
    or none. With a scope of CONFIRMED_SCOPES its token works only after another administrator's
    confirmation, unless an operator creates it.

    `allowed_notices` are notice keys, `addresses` are address ranges, and (ALL,) allows any.

    Raises InvalidInput for a missing name, a missing or unknown scope, and invalid limits; Conflict
    for a name in use.
    """
    actor.require(Permission.ADMINISTER)
    given = {
        "name": name,
        "scopes": scopes,
        "allowed_notices": allowed_notices,
        "expires_at": expires_at,
        "addresses": addresses,
    }
    token = _new_token()
    client = ApiClient(token_hash=token_digest(token), scopes=[], owner=_owner(actor, owner))
    _set(actor, client, given)
    try:
        with transaction.atomic():
            client.save()
            data = _said_of_new(client)
            audit.record(actor, Action.API_CLIENT_CREATED, target=_target(client), data=data)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return client, token


def _said_of_new(client: ApiClient) -> dict[str, Any]:
    state = api_client_state(client)
    return {
        **{name: value for name, value in state.items() if value and name != "name"},
        "counts_as": client.owner_ref or client.ref,
        "owner": client.owner.username if client.owner else "",
        **told((API_CLIENT, client.pk)),
    }


def api_client_update(
    actor: Actor, client: ApiClient, *, expected: str | None = None, **values: Any
) -> ApiClient:
    """Change a client's `name`, `scopes`, `allowed_notices`, `expires_at` or `addresses`; its token
    stays. What gives it more of what a second administrator has to confirm waits for that. With
    `expected`, the revision of the state that was shown, Conflict where it is another.

    Raises what `api_client_create` raises.
    """
    actor.require(Permission.ADMINISTER)
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise InvalidInput("unknown_field", "A client has no {unknown} to change.", unknown=unknown)
    try:
        with transaction.atomic():
            locked = _lock(client)
            before = api_client_state(locked)
            require_unchanged(before, expected, str(client))
            _set(actor, locked, {**_given(locked), **values})
            changed = changes(before, api_client_state(locked))
            if changed:
                locked.save(update_fields=(*EDITABLE, *GRANTS))
                data = {**changed, **told((API_CLIENT, locked.pk))}
                audit.record(actor, Action.API_CLIENT_CHANGED, target=_target(locked), data=data)
    except IntegrityError as error:
        raise _name_taken(str(values["name"])) from error
    return locked


def api_client_token_rotate(
    actor: Actor, client: ApiClient, *, overlap: timedelta, expected: str | None = None
) -> tuple[ApiClient, str]:
    """Give a client a new token, which can't be read again.

    The present one stays valid for `overlap`, one of OVERLAPS; an earlier one ends now. Only its
    owner and operators may do this, since whoever has the token acts as the owner. Raises
    PermissionRefused for others, and for all if it has no owner.

    `expected` is the page's result of `token_seen`. Raises Conflict if the client has got another
    token since.
    """
    actor.require(Permission.ADMINISTER)
    _require_token_taker(actor, client)
    if overlap not in OVERLAPS:
        raise InvalidInput(
            "invalid_overlap",
            "The old token may stay valid for no time, an hour or a day: choose one of these.",
            {"field": "overlap"},
        )
    token = _new_token()
    with transaction.atomic():
        locked = _lock(client)
        if expected is not None and token_seen(locked) != expected:
            raise Conflict(
                "changed_meanwhile",
                "No new token was made: {name} has got another one since you opened this page. "
                "Look whether that is the one you need.",
                name=locked,
            )
        until = near_now() + overlap if overlap else None
        locked.previous_token_hash, locked.previous_token_until = locked.token_hash, until
        locked.token_hash = token_digest(token)
        locked.save(update_fields=["token_hash", "previous_token_hash", "previous_token_until"])
        data = {"old_token_until": moment_text(until), **told((API_CLIENT, locked.pk))}
        audit.record(actor, Action.API_CLIENT_TOKEN_ROTATED, target=_target(locked), data=data)
    return locked, token


def token_seen(client: ApiClient) -> str:
    """Return a digest that differs for each token of a client, and reveals nothing about it."""
    return token_digest(client.token_hash)


def api_client_deactivate(actor: Actor, client: ApiClient) -> ApiClient:
    """Refuse all of a client's tokens from now on. Its pending deliveries are skipped."""
    return _switch(actor, client, is_active=False)


def api_client_reactivate(actor: Actor, client: ApiClient) -> ApiClient:
    """Accept a client's tokens again, if they have not expired."""
    return _switch(actor, client, is_active=True)


def _switch(actor: Actor, client: ApiClient, *, is_active: bool) -> ApiClient:
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = _lock(client)
        if locked.is_active == is_active:
            if is_active:
                words = term("{name} has been reactivated already.", name=locked)
                raise Conflict("already_reactivated", words)
            words = term("{name} has been deactivated already.", name=locked)
            raise Conflict("already_deactivated", words)
        locked.is_active = is_active
        locked.save(update_fields=["is_active"])
        action = Action.API_CLIENT_REACTIVATED if is_active else Action.API_CLIENT_DEACTIVATED
        data = told((API_CLIENT, locked.pk))
        audit.record(actor, action, target=_target(locked), data=data)
    return locked


def api_client_seen(client: ApiClient) -> None:
    """Record that a client used its token, at most once a minute."""
    now = near_now()
    if client.last_used_at is None or now - client.last_used_at > LAST_USED_PRECISION:
        ApiClient.objects.filter(pk=client.pk).update(last_used_at=now)


def _new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def _lock(client: ApiClient) -> ApiClient:
    return ApiClient.objects.select_for_update().get(pk=client.pk)


def _target(client: ApiClient) -> tuple[str, object, str]:
    return "api_client", client.pk, client.name


def _owner(actor: Actor, owner: User | None) -> User | None:
    """Return the owner of a new client."""
    if actor.is_system:
        return owner
    person = actor.person_ref.removeprefix("user:")
    if owner is not None and str(owner.pk) != person:
        raise PermissionRefused(
            "not_owner",
            "An API client belongs to whoever makes it, and so has its token.",
            {"field": "owner"},
        )
    return User.objects.filter(pk=person).first() if person.isdecimal() else None


def _require_token_taker(actor: Actor, client: ApiClient) -> None:
    if actor.is_system or (client.owner_ref and client.owner_ref == actor.person_ref):
        return
    whose = term("{owner}'s", owner=client.owner) if client.owner else term("nobody's")
    raise PermissionRefused(
        "not_owner",
        "This API client is {whose}: whoever takes a new token acts as its owner. Its owner can "
        "make one, and an operator, with manage.py rotate_api_client_token. If the token has "
        "leaked, deactivate the client now.",
        whose=whose,
    )


def _given(client: ApiClient) -> dict[str, Any]:
    """Return a client's present or proposed values, in the form of the services' arguments."""
    known = {name: getattr(client, name) for name in EDITABLE}
    known |= {"scopes": client.wanted_scopes, "allowed_notices": client.wanted_notices}
    return known | {name: known[name] or [ALL] for name in ("allowed_notices", "addresses")}


def _set(actor: Actor, client: ApiClient, given: dict[str, Any]) -> None:
    """Set the given values, once all of them are valid."""
    given = {**given, **{name: list(given[name]) for name in LISTS}}
    require_right(given, client.expires_at)
    name = read_name(given["name"], term("the API client"))
    scopes = read_scopes(given["scopes"])
    notices = read_notices(given["allowed_notices"], scopes)
    expires_at = read_expiry(given["expires_at"], client.expires_at)
    client.addresses = read_addresses(given["addresses"])
    client.name, client.expires_at = name, expires_at
    grant(actor, client, scopes=scopes, notices=notices)


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "name_taken",
        "There is an API client named {name} already. Choose another name.",
        {"field": "name"},
        name=name.strip(),
    )
