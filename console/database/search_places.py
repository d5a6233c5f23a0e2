"""How many searches may run at once: for a person, in a process, and in all.

A search of years of data keeps a connection and a core of PostgreSQL for seconds. So there are few
places for searches, and whoever finds none waits for a moment without a connection and is then
refused. Everything else, such as pages, the feed and sends, keeps its connections.

Places are locks of the search's transaction in the PostgreSQL that it reads: the primary and its
standby have places of their own. So they count over all processes, and are free again as soon as
the transaction is over, however that happens.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.conf import settings
from django.db import transaction

from console.database.connections import give_back_connections
from console.database.reading import alias_here, connection_here
from console.errors import TooManyRequests, Unavailable

# How long a search waits for a place, and how often it looks.
PATIENCE_SECONDS = 1.0
LOOK_SECONDS = 0.1
# So many may wait in a process; more are refused at once.
MOST_WAITING = 20
RETRY_SECONDS = 5

# A lock that is taken is not waited for, and none is taken after the first that was free.
TAKE = """
    SELECT
        (SELECT n FROM generate_series(1, %(of_person)s) AS n
         WHERE pg_try_advisory_xact_lock(hashtextextended('search of ' || %(who)s, n)) LIMIT 1),
        (SELECT n FROM generate_series(1, %(in_all)s) AS n
         WHERE pg_try_advisory_xact_lock(hashtextextended('search', n)) LIMIT 1)
"""
_waiting = threading.BoundedSemaphore(MOST_WAITING)


class _NoPlace(Exception):
    def __init__(self, *, of_person: bool) -> None:
        self.of_person = of_person


@contextmanager
def search_place(who: str) -> Iterator[None]:
    """Run the block in a transaction that has a place for a search of this person.

    Raises TooManyRequests if the person's other searches have all of theirs, Unavailable if the
    searches of all have.
    """
    ends = time.monotonic() + PATIENCE_SECONDS
    is_waiting = False
    try:
        while True:
            try:
                with _process_place(), transaction.atomic(using=alias_here()):
                    _take(who)
                    yield
                return
            except _NoPlace as full:
                is_waiting = is_waiting or _waiting.acquire(blocking=False)
                is_over = not is_waiting or time.monotonic() >= ends
                if is_over or connection_here().in_atomic_block:
                    raise _refusal(of_person=full.of_person) from None
            give_back_connections()
            time.sleep(LOOK_SECONDS)
    finally:
        if is_waiting:
            _waiting.release()


@contextmanager
def _process_place() -> Iterator[None]:
    """Leave half of the process's connections to everything else."""
    places = _places(settings.DATABASE_POOL_SIZE)
    if not places.acquire(blocking=False):
        raise _NoPlace(of_person=False)
    try:
        yield
    finally:
        places.release()


@cache
def _places(pool_size: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(max(1, pool_size // 2) if pool_size else MOST_WAITING)


def _take(who: str) -> None:
    with connection_here().cursor() as cursor:
        cursor.execute(
            TAKE,
            {
                "who": who,
                "of_person": settings.SEARCHES_OF_A_PERSON,
                "in_all": settings.SEARCHES_AT_ONCE,
            },
        )
        own, common = cursor.fetchone()
    if own is None or common is None:
        raise _NoPlace(of_person=own is None)


def _refusal(*, of_person: bool) -> TooManyRequests | Unavailable:
    if of_person:
        return TooManyRequests(
            "too_many_searches",
            "{most} searches of yours run already. Wait for one of them, then search again.",
            retry_after=RETRY_SECONDS,
            most=settings.SEARCHES_OF_A_PERSON,
        )
    return Unavailable(
        "searches_busy",
        "Many people search at this moment, so this search was not begun. Search again in "
        "{seconds} s.",
        retry_after=RETRY_SECONDS,
        seconds=RETRY_SECONDS,
    )
