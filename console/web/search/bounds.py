"""Limits the time of a search: each statement may take what is left of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

SECONDS = 2.0


class TooSlow(Exception):
    """A kind could not be searched within the remaining time."""


class Deadline:
    """The time limit of one search, shared by all kinds."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._ends = time.monotonic() + seconds

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Let PostgreSQL cancel any statement in the block after the remaining time.

        Raises TooSlow.
        """
        left = int((self._ends - time.monotonic()) * 1000)
        if left <= 0:
            raise TooSlow
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{left}ms"])
                yield
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                raise TooSlow from error
            raise
