"""Lets PostgreSQL find out soon that a worker's machine is gone.

The lock that makes a drain exclusive belongs to a session. A process that dies ends its session at
once. A machine that loses power or network does not: PostgreSQL would keep the lock until its
system's own TCP keep-alive gives up, often after two hours.
"""

from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

PROBES = 3


def keepalive_settings(seconds: int) -> dict[str, int]:
    """Return PostgreSQL's settings to end a dead session after `seconds`. All are in seconds,
    except the last, in milliseconds."""
    interval = max(1, seconds // 5)
    return {
        "tcp_keepalives_idle": max(1, seconds - PROBES * interval),
        "tcp_keepalives_interval": interval,
        "tcp_keepalives_count": PROBES,
        "tcp_user_timeout": seconds * 1000,
    }


def use_keepalives() -> None:
    """Set keep-alives on all sessions that this process opens from now on. The embedded server is
    on the same machine and uses no TCP."""
    if settings.DATABASE_KEEPALIVE_SECONDS and not settings.EMBEDDED:
        connection_created.connect(_set, dispatch_uid="console.sends.engine.keepalive")


def _set(connection: BaseDatabaseWrapper, **_signal: Any) -> None:
    values = keepalive_settings(settings.DATABASE_KEEPALIVE_SECONDS)
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET {name} = {value}" for name, value in values.items()))
