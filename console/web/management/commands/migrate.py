"""manage.py migrate: Django's own, with a limit on how long it waits for a table."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate as djangos
from django.db import OperationalError, connections
from psycopg.errors import LockNotAvailable

from console.site import commands

# While a migration waits for a table, all other queries of the table wait behind it.
LOCK_SECONDS = 10


class Command(commands.Command, djangos.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
        try:
            super().handle(*args, **options)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise CommandError(
                f"Somebody else held a table for more than {LOCK_SECONDS} s, so this migration "
                "was taken back. Stop all workers and web servers, and whoever reads for long, "
                "then run this again: what was migrated before stays."
            ) from error
        finally:
            if connection.connection is not None and not connection.needs_rollback:
                with connection.cursor() as cursor:
                    cursor.execute("RESET lock_timeout")
