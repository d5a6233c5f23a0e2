"""Django's settings of the database, from its address."""

from typing import Any

import environ


def postgresql(url: str) -> str:
    """The address of a PostgreSQL. Raises ValueError for one that can't be read."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ValueError(
            "set it to an address that starts with postgresql:// "
            "(for example postgresql://user:password@host:5432/console)"
        )
    try:
        environ.Env.db_url_config(url)
    except ValueError:
        # Neither the error nor its cause may be told: they quote from the address, and so perhaps
        # from its password.
        raise ValueError(
            "it can't be read. Write it as "
            "postgresql://user:password@host:5432/console, special characters percent-encoded"
        ) from None
    return url


def database_settings(url: str, *, embedded: bool, pool_size: int) -> dict[str, Any]:
    """Of the PostgreSQL at `url`, or the embedded one; without either, of none."""
    if not url and not embedded:
        return {"ENGINE": "django.db.backends.dummy"}
    chosen: dict[str, Any] = {"ENGINE": "console.embedded", "NAME": "console"}
    if url:
        chosen = environ.Env.db_url_config(url) | {"ENGINE": "django.db.backends.postgresql"}
    options = chosen.setdefault("OPTIONS", {})
    if pool_size:
        # Connections that died in the pool are found before they are handed out.
        chosen["CONN_HEALTH_CHECKS"] = True
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return chosen
