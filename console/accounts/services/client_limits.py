"""The limits of an API client: scopes, notices, addresses and an expiry."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from console.accounts.models import Scope
from console.accounts.signing_in.addresses import network
from console.database.clock import near_now
from console.errors import InvalidInput
from console.text.inputs import ALL, read_name, require_all, require_none_blank
from console.text.sentences import term

LIST_LIMIT = 200
NOTICE_KEY = re.compile(r"[-a-zA-Z0-9_]{1,100}")


def require_right(given: Mapping[str, Any], expires_before: datetime | None = None) -> None:
    """Raise one InvalidInput for everything that is wrong with the given values of a client."""
    reads: dict[str, Callable[[Any], object]] = {
        "name": lambda name: read_name(name, term("the API client")),
        "scopes": read_scopes,
        "allowed_notices": lambda keys: read_notices(keys, list(given.get("scopes", ()))),
        "expires_at": lambda at: read_expiry(at, expires_before),
        "addresses": read_addresses,
    }
    # The valid notices depend on the scopes.
    known = [name for name in reads if name != "allowed_notices" or given.get("scopes")]
    require_all(*(partial(reads[name], given[name]) for name in known if name in given))


def read_scopes(scopes: Iterable[str]) -> list[str]:
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in Scope.values]
    if unknown or not wanted:
        raise InvalidInput(
            "unknown_scope",
            term(
                "Choose at least one scope from {known}; {unknown} is none of them.",
                known=Scope.values,
                unknown=unknown,
            )
            if unknown
            else term("Choose at least one scope from {known}.", known=Scope.values),
            {"field": "scopes"},
        )
    return wanted


def read_notices(keys: Iterable[str], scopes: list[str]) -> list[str]:
    field = {"field": "allowed_notices"}
    wanted = sorted({key.strip() for key in keys})
    require_none_blank(wanted, field="allowed_notices")
    if wanted == [ALL]:
        return []
    if not wanted and Scope.SEND in scopes:
        raise InvalidInput(
            "notices_missing",
            "Say which notices it may send: their keys, or {all} alone for any.",
            field,
            all=ALL,
        )
    wrong = [key for key in wanted if not NOTICE_KEY.fullmatch(key)]
    if wrong:
        raise InvalidInput(
            "invalid_notice_key",
            "{key!r} is no key of a notice: letters, digits and hyphens, as in the catalogue, or "
            "{all} alone for any.",
            field,
            key=wrong[0][:40],
            all=ALL,
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


def read_addresses(addresses: Iterable[str]) -> list[str]:
    wanted = []
    addresses = list(addresses)
    require_none_blank(addresses, field="addresses")
    if addresses == [ALL]:
        return []
    if not addresses:
        raise InvalidInput(
            "addresses_missing",
            "Say where it may call from: ranges of addresses, or {all} alone for any.",
            {"field": "addresses"},
            all=ALL,
        )
    for text in addresses:
        try:
            wanted.append(network(text))
        except ValueError as error:
            raise InvalidInput(
                "invalid_address_range",
                "{text!r} is no range of addresses: write it as 10.1.2.0/24, 2001:db8::/32, or a "
                "single address; {all} alone is any.",
                {"field": "addresses"},
                text=text.strip()[:60],
                all=ALL,
            ) from error
    _require_few(wanted, "addresses")
    return list(dict.fromkeys(wanted))


def _require_few(wanted: list[str], field: str) -> None:
    if len(wanted) > LIST_LIMIT:
        raise InvalidInput(
            "too_many_entries", "Give at most {limit} of these.", {"field": field}, limit=LIST_LIMIT
        )


def read_expiry(expires_at: datetime | None, before: datetime | None) -> datetime | None:
    """Return the expiry to the minute, as pages show it.

    Raises InvalidInput if it is new and in the past.
    """
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
