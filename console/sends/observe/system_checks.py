"""System checks of what sending needs: Java for `psdk://` addresses, and connections. They start
nothing."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from console.database import standby
from console.database.budget import budget
from console.sends.engine.java import java_problems


@register()
def java_as_set(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that PSDK_CLASSPATH, if set, is usable: a wrong setting stops the start."""
    if not settings.PSDK_CLASSPATH:
        return []
    return [Error(problem, id="sends.E001") for problem in java_problems()]


@register(Tags.database)
def java_as_needed(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn if a Chat Server needs Java and none is set: `manage.py check --database default`."""
    if not databases or settings.PSDK_CLASSPATH:
        return []
    names = _servers_that_need_java()
    if not names:
        return []
    reached = f"Chat Servers with psdk:// addresses ({', '.join(names)}) can't be reached: "
    return [Warning(reached + problem, id="sends.W001") for problem in java_problems()]


@register(Tags.database)
def connections_suffice(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn if a web process and a worker do not both fit: `manage.py check --database default`."""
    if not databases:
        return []
    found = budget()
    if not found.is_short(workers=1):
        return []
    return [
        Warning(
            f"PostgreSQL has {found.most} connections for the console; {found.used} are in use.",
            hint="Raise max_connections, or use smaller pools: docs/postgresql.md.",
            id="sends.W002",
        )
    ]


@register(Tags.database)
def standby_is_one(
    app_configs: Any, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that CONSOLE_REPLICA_URL leads to a standby of the database."""
    if not databases or not standby.is_set():
        return []
    found = standby.compared_now()
    if found.wrong is not None:
        return [Error(found.wrong, id="sends.E002")]
    if not found.is_standby:
        hint = "Searches and exports read the primary meanwhile: docs/postgresql.md."
        return [Warning("The standby can't be read, or is too late.", hint=hint, id="sends.W003")]
    return []


def _servers_that_need_java() -> list[str]:
    from console.interactions.models import ChatServer

    try:
        needing = ChatServer.objects.filter(enabled=True, url__istartswith="psdk")
        return list(needing.order_by("name").values_list("name", flat=True))
    except DatabaseError:
        return []  # before the first migration
