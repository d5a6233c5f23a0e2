"""Writes of people, teams and API clients."""

from console.accounts.services.api_clients import (
    TOKEN_PREFIX,
    api_client_create,
    api_client_seen,
    token_digest,
)
from console.accounts.services.teams import team_create
from console.accounts.services.users import user_create

__all__ = [
    "TOKEN_PREFIX",
    "api_client_create",
    "api_client_seen",
    "team_create",
    "token_digest",
    "user_create",
]
