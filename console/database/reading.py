"""Which database the present reads are for: the primary, or its standby.

All writes go to the primary, and so do all reads but those in a block of `reading_from_standby`.
Django asks the Router; what has a statement of its own takes `connection_here`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

STANDBY = "standby"
_here: ContextVar[str] = ContextVar("console_reads_from", default=DEFAULT_DB_ALIAS)


class Router:
    """Tells Django which database a query is for."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return alias_here()

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True  # both databases have the same rows

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS


def alias_here() -> str:
    """Return the name of the database that is read now."""
    return _here.get()


def connection_here() -> Any:
    """Return this thread's connection to the database that is read now."""
    return connections[_here.get()]


@contextmanager
def reading_from_standby(*, keeps_open: bool = False) -> Iterator[None]:
    """Read from the standby in the block. Its connection is closed afterwards unless it is kept for
    the next block."""
    before = _here.set(STANDBY)
    try:
        yield
    except BaseException:
        keeps_open = False
        raise
    finally:
        _here.reset(before)
        if not keeps_open:
            connections[STANDBY].close()
