"""How many connections the console needs, and how many PostgreSQL has (docs/postgresql.md)."""

from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import connection

logger = structlog.get_logger("console.database")

DRAIN_CONNECTIONS = 4
QUEUE_CONNECTIONS = 3
JOBS_AT_ONCE = 8
# Drains, their leases, the heartbeat, two that listen, the job queue, its periodic jobs, and jobs
# at once.
WORKER_CONNECTIONS = DRAIN_CONNECTIONS + 2 + 2 + QUEUE_CONNECTIONS + 1 + JOBS_AT_ONCE
# Above this part of them there is no room for whoever comes next.
MOST_USED = 0.9

CONNECTIONS = """
SELECT (SELECT sum(numbackends) FROM pg_stat_database)::int,
    current_setting('max_connections')::int
    - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true), '0')::int
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """Connections that are `used` now by anybody, and that there are at `most` for the console."""

    used: int
    most: int

    def is_short(self, workers: int) -> bool:
        """Return whether connections are nearly used up, or so many workers and one web process
        would not all find theirs."""
        needed = workers * WORKER_CONNECTIONS + web_connections()
        return self.used > self.most * MOST_USED or needed > self.most


def budget() -> Budget:
    with connection.cursor() as cursor:
        cursor.execute(CONNECTIONS)
        return Budget(*cursor.fetchone())


def web_connections() -> int:
    """Return how many a web process needs with this process's pool, one listening included."""
    return settings.DATABASE_POOL_SIZE + 1


def warn_if_short(needed: int) -> None:
    """Log at the start of a process if PostgreSQL has no room for the connections that it needs."""
    found = budget()
    if found.used + needed > found.most:
        logger.warning("connections are short", used=found.used, most=found.most, needed=needed)
