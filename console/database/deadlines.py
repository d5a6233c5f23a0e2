"""Limits the time of a search: each of its statements may take what is left of it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import OperationalError, transaction
from psycopg.errors import QueryCanceled

from console.database.reading import alias_here, connection_here
from console.database.search_places import search_place
from console.database.standby import Source, checked, first_at_standby
from console.errors import Unprocessable

R = TypeVar("R")


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
        left = self._left()
        try:
            with (
                transaction.atomic(using=alias_here()),
                connection_here().cursor() as cursor,
            ):
                self._give(left)
                yield
                cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                raise TooSlow from error
            raise

    def renew(self) -> None:
        """Let the following statements of the block take no more than what is left by now.

        Raises TooSlow if nothing is left.
        """
        self._give(self._left())

    def _left(self) -> int:
        left = int((self._ends - time.monotonic()) * 1000)
        if left <= 0:
            raise TooSlow
        return left

    def _give(self, milliseconds: int) -> None:
        with connection_here().cursor() as cursor:
            words = [f"{milliseconds}ms"]
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", words)


def searched(who: str, read: Callable[[], R], *, has_everything: bool = False) -> tuple[R, Source]:
    """Search a long list: at the standby if it may be read (console.database.standby), otherwise at
    the primary. Return what `read` returns, and where that was read.

    The search gets one of the places that there are for searches (console.database.search_places),
    and CONSOLE_SEARCH_SECONDS. `who` is the person that it counts for. `has_everything`: a standby
    that lacks anything is not read.

    Raises Unprocessable, which says how to narrow it, and what `search_place` raises.
    """
    deadline = Deadline(settings.SEARCH_SECONDS)

    def placed() -> tuple[R, Source]:
        with search_place(who), deadline.bounded():
            source = checked(has_everything=has_everything)
            return read(), source

    try:
        return first_at_standby(placed)
    except TooSlow as error:
        raise Unprocessable(
            "search_too_long",
            "This search took longer than {seconds:g} seconds, so it was ended. Narrow it: say "
            "from when until when, or choose one more filter.",
            seconds=settings.SEARCH_SECONDS,
        ) from error
