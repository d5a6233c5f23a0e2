"""What of a person, a team or an API client can be edited, as plain data.

Two of these tell what a change was, for the ledger; the digest of one tells whether somebody else
changed it since a page showed it.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from console.accounts.models import ApiClient, Team, User
from console.errors import Conflict

State = dict[str, Any]


def user_state(user: User) -> State:
    return {
        "first_name": user.first_name,
        "last_name": user.last_name,
        "email": user.email,
        "roles": sorted(user.roles),
        "teams": sorted(team.name for team in user.teams.all()),
    }


def team_state(team: Team) -> State:
    return {
        "name": team.name,
        "queues": list(team.queues),
        "members": sorted(user.username for user in team.members.all()),
    }


def api_client_state(client: ApiClient) -> State:
    return {
        "name": client.name,
        "scopes": client.wanted_scopes,
        "allowed_notices": list(client.wanted_notices),
        "expires_at": moment_text(client.expires_at),
        "addresses": list(client.addresses),
        "awaits": [
            *client.pending_scopes,
            *(["allowed_notices"] if client.pending_notices is not None else []),
        ],
    }


def moment_text(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).isoformat()


def state_digest(state: State) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def changes(before: State, after: State) -> dict[str, dict[str, Any]]:
    """What differs, each with its `from` and `to`."""
    return {
        name: {"from": before[name], "to": value}
        for name, value in after.items()
        if before[name] != value
    }


def require_unchanged(state: State, expected: str | None, what: str) -> None:
    """Raise Conflict unless `expected` is the digest of `state`; None expects nothing."""
    if expected is not None and state_digest(state) != expected:
        raise Conflict(
            "changed_meanwhile",
            "Not saved: somebody else has changed {what} since you opened this page. What is kept "
            "now stands beside each field that differs. Save again to replace it with yours.",
            what=what,
        )
