"""Reads of people, teams and API clients."""

from console.accounts.models import ApiClient, Team, User
from console.accounts.services import token_digest
from console.actors import Actor, system_actor
from console.errors import NotFound


def api_client_by_token(token: str) -> ApiClient | None:
    """The active client that owns `token`. The look-up is by hash, so timing tells nothing."""
    return ApiClient.objects.filter(token_hash=token_digest(token), is_active=True).first()


def actor_by_ref(ref: str) -> Actor | None:
    """Who is behind an Actor's `ref`, with the permissions of now; None where there is none left or
    the account was switched off."""
    kind, _colon, key = ref.partition(":")
    if kind == "system":
        return system_actor(key)
    if kind == "user" and key.isdigit():
        user = User.objects.filter(pk=key, is_active=True).first()
        return None if user is None else user.to_actor()
    if kind == "client" and key.isdigit():
        client = ApiClient.objects.filter(pk=key, is_active=True).first()
        return None if client is None else client.to_actor()
    return None


def team_by_name(name: str) -> Team:
    """Raises NotFound where there is none of that name."""
    team = Team.objects.filter(name=name).first()
    if team is None:
        raise NotFound("team_not_found", f"There is no team named {name}.")
    return team
