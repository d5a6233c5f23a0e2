"""Limits the time of a search: each of its statements may take what is left of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from console.database.search_places import search_place
from console.errors import Unprocessable


class TooSlow(Exception):
    """What was searched for could not be found within the remaining time."""


class Deadline:
    """The time limit of one search, shared by its parts."""

    def __init__(self, seconds: float) -> None:
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


@contextmanager
def search_time(who: str) -> Iterator[None]:
    """Give the search of a long list in the block one of the places that there are for searches
    (console.database.search_places), and limit it to CONSOLE_SEARCH_SECONDS. `who` is the person
    that it counts for.

    Raises Unprocessable, which says how to narrow it, and what `search_place` raises.
    """
    try:
        with search_place(who), Deadline(settings.SEARCH_SECONDS).bounded():
            yield
    except TooSlow as error:
        raise Unprocessable(
            "search_too_long",
            "This search took longer than {seconds:g} seconds, so it was ended. Narrow it: say "
            "from when until when, or choose one more filter.",
            seconds=settings.SEARCH_SECONDS,
        ) from error
