"""Django's settings of the database, from its address."""

from typing import Any

import environ

from console.database.reading import STANDBY
from console.database.sessions import BoundedConnection

# How long a read waits for a connection to the standby. psycopg takes less for 2.
STANDBY_SECONDS = 2
# How long a request waits for a connection of the pool.
POOL_SECONDS = 4.0


def postgresql(url: str) -> str:
    """Return the address of a PostgreSQL. Raises ValueError if it can't be read."""
    if not url.startswith(("postgres://", "postgresql://")):
        raise ValueError(
            "set it to an address that starts with postgresql:// "
            "(for example postgresql://user:password@host:5432/console)"
        )
    try:
        environ.Env.db_url_config(url)
    except ValueError:
        # Neither the error nor its cause may be shown: they quote from the address, and perhaps its
        # password.
        raise ValueError(
            "it can't be read. Write it as "
            "postgresql://user:password@host:5432/console, special characters percent-encoded"
        ) from None
    return url


def database_settings(
    url: str, *, embedded: bool, pool_size: int, pooler: str = ""
) -> dict[str, Any]:
    """Return the settings of the PostgreSQL at `url`, the embedded one, or none.

    A process with a pool reaches it through `pooler`, if there is one. Each of its transactions may
    be in another session of PostgreSQL, so it prepares no statements and keeps no cursors.
    """
    is_pooled = bool(pooler and pool_size)
    url = pooler if is_pooled else url
    if not url and not embedded:
        return {"ENGINE": "django.db.backends.dummy"}
    chosen: dict[str, Any] = {"ENGINE": "console.embedded", "NAME": "console"}
    if url:
        chosen = environ.Env.db_url_config(url) | {"ENGINE": "console.database.backend"}
    options = chosen.setdefault("OPTIONS", {})
    chosen["DISABLE_SERVER_SIDE_CURSORS"] = is_pooled
    if pool_size:
        # Finds connections that died in the pool before they are used.
        chosen["CONN_HEALTH_CHECKS"] = True
        options["pool"] = {
            "min_size": 1,
            "max_size": pool_size,
            "timeout": POOL_SECONDS,
            "connection_class": BoundedConnection,
        }
    return chosen


def standby_settings(url: str) -> dict[str, Any]:
    """Return the settings of the standby at `url`, by its name; nothing without one.

    It has no pool: its connections are few, and each read compares the server at its end with the
    primary. What reads it can write nowhere.
    """
    if not url:
        return {}
    chosen = environ.Env.db_url_config(url) | {"ENGINE": "console.database.backend"}
    given = chosen.setdefault("OPTIONS", {})
    given["connect_timeout"] = min(int(given.get("connect_timeout", STANDBY_SECONDS)), 5)
    return {STANDBY: chosen | {"TEST": {"MIRROR": "default"}}}
