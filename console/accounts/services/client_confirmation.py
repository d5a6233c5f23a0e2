"""Two administrators decide what an API client may do, if it can send or change texts."""

from collections.abc import Collection

from django.db import transaction

from console.accounts.models import CONFIRMED_SCOPES, ApiClient, Scope
from console.accounts.own_work import is_own
from console.accounts.states import api_client_state
from console.accounts.told import API_CLIENT
from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database.clock import near_now
from console.editing.revision import require_unchanged
from console.errors import Conflict, PermissionRefused

DECIDED = (
    *("scopes", "pending_scopes", "allowed_notices", "pending_notices"),
    *("confirmed_by_ref", "confirmed_by_name", "confirmed_at"),
)


def grant(actor: Actor, client: ApiClient, *, scopes: list[str], notices: list[str]) -> None:
    """Give `client` what one administrator can give, and propose the rest. Saves nothing."""
    if actor.is_system:
        _give(client, scopes, notices)
        _propose(actor, client, [], None)
        _confirm(actor, client)
        return
    added = sorted((set(scopes) & CONFIRMED_SCOPES) - set(client.scopes))
    # A new client can do nothing before all of it is confirmed.
    at_once = [] if added and not client.scopes else [s for s in scopes if s not in added]
    pending = scopes if added and not at_once else added
    sends_before_and_after = Scope.SEND in client.scopes and Scope.SEND in at_once
    if sends_before_and_after and _is_wider(notices, client.allowed_notices):
        _give(client, at_once, client.allowed_notices)
        _propose(actor, client, pending, notices)
    else:
        _give(client, at_once, notices)
        _propose(actor, client, pending, None)


def api_client_confirm(actor: Actor, client: ApiClient, *, expected: str) -> ApiClient:
    """Confirm what another administrator proposed for a client.

    `expected` is the digest of the state that the actor has seen. Raises PermissionRefused
    (own_work) for its owner and for the proposer, and Conflict if nothing is proposed or the client
    has changed.
    """
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = _lock_awaiting(client, expected)
        if is_own(actor, locked.proposed_by_ref) or actor.person_ref == locked.owner_ref:
            raise PermissionRefused(
                "own_work",
                "You own this API client, or proposed this yourself: another administrator has to "
                "confirm it. Where there is none, an operator makes the client with manage.py "
                "create_api_client.",
            )
        proposed_by = locked.proposed_by_name
        _give(locked, locked.wanted_scopes, locked.wanted_notices)
        locked.pending_scopes, locked.pending_notices = [], None
        _confirm(actor, locked)
        locked.save(update_fields=DECIDED)
        data = {
            "scopes": sorted(locked.scopes),
            "allowed_notices": locked.allowed_notices,
            "proposed_by": proposed_by,
        }
        data |= told((API_CLIENT, locked.pk))
        audit.record(actor, Action.API_CLIENT_CONFIRMED, target=_target(locked), data=data)
    return locked


def api_client_decline(actor: Actor, client: ApiClient, *, expected: str) -> ApiClient:
    """Discard what was proposed for a client; the proposer may withdraw it in the same way."""
    actor.require(Permission.ADMINISTER)
    with transaction.atomic():
        locked = _lock_awaiting(client, expected)
        data = {"awaited": api_client_state(locked)["awaits"]}
        locked.pending_scopes, locked.pending_notices = [], None
        locked.save(update_fields=["pending_scopes", "pending_notices"])
        data |= told((API_CLIENT, locked.pk))
        audit.record(actor, Action.API_CLIENT_DECLINED, target=_target(locked), data=data)
    return locked


def _lock_awaiting(client: ApiClient, expected: str) -> ApiClient:
    locked = ApiClient.objects.select_for_update().get(pk=client.pk)
    if not locked.awaits:
        raise Conflict(
            "nothing_awaits", "Nothing of {name} awaits confirmation any more.", name=locked
        )
    require_unchanged(api_client_state(locked), expected, str(locked))
    return locked


def _is_wider(notices: Collection[str], before: Collection[str]) -> bool:
    """Return whether `notices` allows more than `before`. An empty list allows any."""
    return bool(before) and (not notices or not set(notices) <= set(before))


def _give(client: ApiClient, scopes: list[str], notices: list[str]) -> None:
    client.scopes, client.allowed_notices = scopes, notices


def _propose(actor: Actor, client: ApiClient, scopes: list[str], notices: list[str] | None) -> None:
    """Set the proposal. Whoever changes it becomes its proposer."""
    if (scopes, notices) == (client.pending_scopes, client.pending_notices):
        return
    client.pending_scopes, client.pending_notices = scopes, notices
    if client.awaits:
        client.proposed_by_ref, client.proposed_by_name = actor.ref, actor.name
        client.proposed_at = near_now()


def _confirm(actor: Actor, client: ApiClient) -> None:
    client.confirmed_by_ref, client.confirmed_by_name = actor.ref, actor.name
    client.confirmed_at = near_now()


def _target(client: ApiClient) -> tuple[str, object, str]:
    return "api_client", client.pk, client.name
