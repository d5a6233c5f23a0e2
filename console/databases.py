"""Django's settings of the database, from its address."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured


def database_settings(url: str, *, pool_size: int) -> dict[str, Any]:
    """Of the PostgreSQL at `url`, or without one of the embedded.

    Raises ImproperlyConfigured for an address that can't be read, with what to do.
    """
    chosen: dict[str, Any] = _at(url) if url else {"ENGINE": "console.embedded", "NAME": "console"}
    options = chosen.setdefault("OPTIONS", {})
    if pool_size:
        # Connections that died in the pool are found before they are handed out.
        chosen["CONN_HEALTH_CHECKS"] = True
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return chosen


def _at(url: str) -> dict[str, Any]:
    if not url.startswith(("postgres://", "postgresql://")):
        raise ImproperlyConfigured(
            "DATABASE_URL must start with postgresql:// "
            "(for example postgresql://user:password@host:5432/console); "
            "leave it empty to use the embedded PostgreSQL"
        )
    try:
        chosen = dict(environ.Env.db_url_config(url))
    except ValueError:
        # Neither the error nor its cause may be told: they quote from the address, and so perhaps
        # from its password.
        raise ImproperlyConfigured(
            "DATABASE_URL can't be read. Write it as "
            "postgresql://user:password@host:5432/console, special characters percent-encoded"
        ) from None
    return chosen | {"ENGINE": "django.db.backends.postgresql"}
