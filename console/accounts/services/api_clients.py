"""Writes of the programs that use the API."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from console.accounts.addresses import network
from console.accounts.models import ApiClient, Scope
from console.accounts.services.names import read_name
from console.accounts.states import (
    api_client_state,
    changes,
    moment_text,
    require_unchanged,
)
from console.actors import Actor, Permission
from console.audit import services as audit
from console.clock import near_now
from console.errors import Conflict, InvalidInput
from console.inputs import ALL, require_none_blank

TOKEN_PREFIX = "ncon_"  # noqa: S105 - a prefix, by which scanners find leaked tokens
LAST_USED_PRECISION = timedelta(minutes=1)
# How long the old token may stay valid beside a new one.
OVERLAPS = (timedelta(0), timedelta(hours=1), timedelta(days=1))
LIST_LIMIT = 200
NOTICE_KEY = re.compile(r"[-a-zA-Z0-9_]{1,100}")
EDITABLE = ("name", "scopes", "allowed_notices", "expires_at", "addresses")


def token_digest(token: str) -> str:
    """SHA-256 of a token, in hexadecimal. Tokens are random: they need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()


def api_client_create(
    actor: Actor,
    *,
    name: str,
    scopes: Iterable[str],
    allowed_notices: Iterable[str] = (ALL,),
    expires_at: datetime | None = None,
    addresses: Iterable[str] = (ALL,),
) -> tuple[ApiClient, str]:
    """Create a program's access and answer it with its token, which can't be read again.

    `allowed_notices` are keys of notices, `addresses` ranges of addresses, and (ALL,) is any.

    Raises InvalidInput for no name, no or an unknown scope, and limits that can't be; Conflict for
    a name in use.
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
    client = ApiClient(token_hash=token_digest(token))
    _set(client, given)
    try:
        with transaction.atomic():
            client.save()
            state = api_client_state(client)
            data = {name: value for name, value in state.items() if value and name != "name"}
            audit.record(actor, "api_client.created", target=_target(client), data=data)
    except IntegrityError as error:
        raise _name_taken(name) from error
    return client, token


def api_client_update(
    actor: Actor, client: ApiClient, *, expected: str | None = None, **values: Any
) -> ApiClient:
    """Change a client's `name`, `scopes`, `allowed_notices`, `expires_at` or `addresses`; its token
    stays. With `expected`, the digest of the state that was shown, Conflict where it is another.

    Raises what `api_client_create` raises.
    """
    actor.require(Permission.ADMINISTER)
    unknown = sorted(set(values) - set(EDITABLE))
    if unknown:
        raise InvalidInput("unknown_field", f"A client has no {', '.join(unknown)} to change.")
    try:
        with transaction.atomic():
            locked = _lock(client)
            before = api_client_state(locked)
            require_unchanged(before, expected, str(client))
            _set(locked, {**_given(locked), **values})
            locked.save(update_fields=EDITABLE)
            changed = changes(before, api_client_state(locked))
            if changed:
                audit.record(actor, "api_client.changed", target=_target(locked), data=changed)
    except IntegrityError as error:
        raise _name_taken(str(values["name"])) from error
    return locked


def api_client_token_rotate(
    actor: Actor, client: ApiClient, *, overlap: timedelta, expected: str | None = None
) -> tuple[ApiClient, str]:
    """Give a client a new token, which can't be read again. The one that it has stays valid for
    `overlap`, one of OVERLAPS; one before that ends now.

    With `expected`, what `token_seen` answered for the page that asks, Conflict where somebody else
    gave it another one meanwhile.
    """
    actor.require(Permission.ADMINISTER)
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
                f"No new token was made: {locked} has got another one since you opened this page. "
                "Look whether that is the one you need.",
            )
        until = near_now() + overlap if overlap else None
        locked.previous_token_hash, locked.previous_token_until = locked.token_hash, until
        locked.token_hash = token_digest(token)
        locked.save(update_fields=["token_hash", "previous_token_hash", "previous_token_until"])
        data = {"old_token_until": moment_text(until)}
        audit.record(actor, "api_client.token_rotated", target=_target(locked), data=data)
    return locked, token


def token_seen(client: ApiClient) -> str:
    """Tells one token of a client from the next, and nothing about either."""
    return token_digest(client.token_hash)


def api_client_deactivate(actor: Actor, client: ApiClient) -> ApiClient:
    """Refuse all of a client's tokens from now on; what waits of its sends is skipped."""
    return _switch(actor, client, is_active=False)


def api_client_reactivate(actor: Actor, client: ApiClient) -> ApiClient:
    """Take a client's tokens again, as far as they have not expired."""
    return _switch(actor, client, is_active=True)


def _switch(actor: Actor, client: ApiClient, *, is_active: bool) -> ApiClient:
    actor.require(Permission.ADMINISTER)
    word = "reactivated" if is_active else "deactivated"
    with transaction.atomic():
        locked = _lock(client)
        if locked.is_active == is_active:
            raise Conflict(f"already_{word}", f"{locked} has been {word} already.")
        locked.is_active = is_active
        locked.save(update_fields=["is_active"])
        audit.record(actor, f"api_client.{word}", target=_target(locked))
    return locked


def api_client_seen(client: ApiClient) -> None:
    """Note that a client used its token, at most once a minute."""
    now = near_now()
    if client.last_used_at is None or now - client.last_used_at > LAST_USED_PRECISION:
        ApiClient.objects.filter(pk=client.pk).update(last_used_at=now)


def _new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def _lock(client: ApiClient) -> ApiClient:
    return ApiClient.objects.select_for_update().get(pk=client.pk)


def _target(client: ApiClient) -> tuple[str, object, str]:
    return "api_client", client.pk, client.name


def _given(client: ApiClient) -> dict[str, Any]:
    """What a client has, in the form in which it is given."""
    known = {name: getattr(client, name) for name in EDITABLE}
    return known | {name: known[name] or [ALL] for name in ("allowed_notices", "addresses")}


def _set(client: ApiClient, given: dict[str, Any]) -> None:
    """Take over what was given, once all of it is right."""
    name = read_name(given["name"], "the API client")
    scopes = _read_scopes(given["scopes"])
    notices = _read_notices(given["allowed_notices"], scopes)
    expires_at = _read_expiry(given["expires_at"], client.expires_at)
    client.addresses = _read_addresses(given["addresses"])
    client.name, client.scopes = name, scopes
    client.allowed_notices, client.expires_at = notices, expires_at


def _read_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        raise InvalidInput(
            "unknown_scope",
            f"Choose at least one scope from {', '.join(Scope.values)}"
            + (f"; {', '.join(unknown)} is none of them." if unknown else "."),
            {"field": "scopes"},
        )
    return wanted


def _read_notices(keys: Iterable[str], scopes: list[str]) -> list[str]:
    field = {"field": "allowed_notices"}
    wanted = sorted({key.strip() for key in keys})
    require_none_blank(wanted, field="allowed_notices")
    if wanted == [ALL]:
        return []
    if not wanted and Scope.SEND in scopes:
        raise InvalidInput(
            "notices_missing",
            f"Say which notices it may send: their keys, or {ALL} alone for any.",
            field,
        )
    wrong = [key for key in wanted if not NOTICE_KEY.fullmatch(key)]
    if wrong:
        raise InvalidInput(
            "invalid_notice_key",
            f"{wrong[0][:40]!r} is no key of a notice: letters, digits and hyphens, as in the "
            f"catalogue, or {ALL} alone for any.",
            field,
        )
    _require_few(wanted, "allowed_notices")
    if wanted and Scope.SEND not in scopes:
        raise InvalidInput(
            "notices_without_send",
            "Notices can be allowed only to a client that may send. Choose the scope send, or "
            "leave the notices out.",
            field,
        )
    return wanted


def _read_addresses(addresses: Iterable[str]) -> list[str]:
    wanted = []
    addresses = list(addresses)
    require_none_blank(addresses, field="addresses")
    if addresses == [ALL]:
        return []
    if not addresses:
        raise InvalidInput(
            "addresses_missing",
            f"Say where it may call from: ranges of addresses, or {ALL} alone for any.",
            {"field": "addresses"},
        )
    for text in addresses:
        try:
            wanted.append(network(text))
        except ValueError as error:
            raise InvalidInput(
                "invalid_address_range",
                f"{text.strip()[:60]!r} is no range of addresses: write it as 10.1.2.0/24, "
                f"2001:db8::/32, or a single address; {ALL} alone is any.",
                {"field": "addresses"},
            ) from error
    _require_few(wanted, "addresses")
    return list(dict.fromkeys(wanted))


def _require_few(wanted: list[str], field: str) -> None:
    if len(wanted) > LIST_LIMIT:
        raise InvalidInput(
            "too_many_entries", f"Give at most {LIST_LIMIT} of these.", {"field": field}
        )


def _read_expiry(expires_at: datetime | None, before: datetime | None) -> datetime | None:
    """To the minute, as pages show it. One that has passed may stay, and not be chosen."""
    if expires_at is None:
        return None
    expires_at = expires_at.replace(second=0, microsecond=0)
    if expires_at != before and expires_at <= near_now():
        raise InvalidInput(
            "expiry_in_the_past",
            "That time has passed: choose a later one. To end its access now, deactivate it.",
            {"field": "expires_at"},
        )
    return expires_at


def _name_taken(name: str) -> Conflict:
    return Conflict(
        "name_taken",
        f"There is an API client named {name.strip()} already. Choose another name.",
        {"field": "name"},
    )
