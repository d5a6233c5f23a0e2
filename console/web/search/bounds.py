"""A search never holds a connection for long: each statement has what is left of its time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

SECONDS = 2.0


class TooSlow(Exception):
    """A kind could not be searched within the time that is left."""


class Deadline:
    """The time of one search, shared by all of its kinds."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._ends = time.monotonic() + seconds

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """PostgreSQL ends any statement in here that takes longer than what is left. Raises
        TooSlow."""
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
