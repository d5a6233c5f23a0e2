"""Writes people, teams and API clients."""

from console.accounts.services.api_clients import (
    OVERLAPS,
    TOKEN_PREFIX,
    api_client_create,
    api_client_deactivate,
    api_client_reactivate,
    api_client_seen,
    api_client_token_rotate,
    api_client_update,
    token_digest,
    token_seen,
)
from console.accounts.services.client_confirmation import api_client_confirm, api_client_decline
from console.accounts.services.refused_tokens import token_refused
from console.accounts.services.teams import team_create, team_delete, team_update
from console.accounts.services.users import (
    require_strong,
    user_create,
    user_deactivate,
    user_password_set,
    user_reactivate,
    user_sign_out_everywhere,
    user_update,
)

__all__ = [
    "OVERLAPS",
    "TOKEN_PREFIX",
    "api_client_confirm",
    "api_client_create",
    "api_client_deactivate",
    "api_client_decline",
    "api_client_reactivate",
    "api_client_seen",
    "api_client_token_rotate",
    "api_client_update",
    "require_strong",
    "team_create",
    "team_delete",
    "team_update",
    "token_digest",
    "token_refused",
    "token_seen",
    "user_create",
    "user_deactivate",
    "user_password_set",
    "user_reactivate",
    "user_sign_out_everywhere",
    "user_update",
]
