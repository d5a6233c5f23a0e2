"""django-allauth's settings of the organisation's directory."""

from typing import Any


def openid_connect(url: str, *, name: str, client_id: str, secret: str) -> dict[str, Any]:
    """For SOCIALACCOUNT_PROVIDERS: the directory at `url`; without an address none."""
    if not url:
        return {}
    directory = {
        "provider_id": "directory",
        "name": name,
        "client_id": client_id,
        "secret": secret,
        "settings": {"server_url": url},
    }
    return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [directory]}}
