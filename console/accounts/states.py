"""The editable state of a person, a team or an API client, as plain data.

The ledger records the differences of two states. The revision of one tells whether somebody else
changed it since a page showed it.
"""

from console.accounts.models import ApiClient, Team, User
from console.editing.revision import State
from console.text.moments import moment_text


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
