"""Reads of people, teams and API clients."""

from console.accounts.models import ApiClient, Team
from console.accounts.services import token_digest
from console.errors import NotFound


def api_client_by_token(token: str) -> ApiClient | None:
    """The active client that owns `token`. The look-up is by hash, so timing tells nothing."""
    return ApiClient.objects.filter(token_hash=token_digest(token), is_active=True).first()


def team_by_name(name: str) -> Team:
    """Raises NotFound where there is none of that name."""
    team = Team.objects.filter(name=name).first()
    if team is None:
        raise NotFound("team_not_found", f"There is no team named {name}.")
    return team
