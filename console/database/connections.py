"""Connections that are given back to the pool, and statements that a connection prepares.

Django puts the values into the text of each query, so that each is a new one. It also turns off
psycopg's prepared statements, for poolers that assign connections by transaction. The statements
here run where a connection is held anyway, for its locks.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, connections


def give_back_connections() -> None:
    """Return the borrowed connections to the pool. Django does so only at the end of a response,
    and some responses last as long as a page is open: a few open pages would use up the pool."""
    for each in connections.all(initialized_only=True):
        if not each.in_atomic_block:
            each.close()


# Executions before psycopg prepares a statement by itself: its default. Django's cursors don't.
THRESHOLD = 5


def execute(sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a prepared statement, as mappings; see `execute_rows`."""
    with _executed(sql, values) as cursor:
        result = cursor.pgresult
        names = [(result.fname(n) or b"").decode() for n in range(result.nfields)] if result else []
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def execute_rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a prepared statement, within Django's present transaction.

    Cast each array and each number (`%(ids)s::bigint[]`): PostgreSQL can't infer their types.
    Raises Django's database errors.
    """
    with _executed(sql, values) as cursor:
        return _rows(cursor)


def array(values: Iterable[int | UUID | None]) -> str:
    """Return an array of numbers or ids for PostgreSQL, ten times faster than psycopg."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


class Pipeline:
    """Prepared statements that PostgreSQL carries out one after another while the caller goes on.

    Their rows are there once the block of `pipelined` has ended.
    """

    def __init__(self) -> None:
        self._driver = _driver()

    def start(self, sql: str, values: Mapping[str, Any]) -> "Started":
        """Send a statement; see `execute_rows`. An error may come here or at the end."""
        cursor = psycopg.Cursor(self._driver)
        return Started(cursor.execute(sql, values, prepare=True))


class Started:
    """A statement of a pipeline."""

    def __init__(self, cursor: psycopg.Cursor[tuple[Any, ...]]) -> None:
        self._cursor = cursor

    def rows(self) -> list[tuple[Any, ...]]:
        with self._cursor:
            return _rows(self._cursor)


@contextmanager
def pipelined() -> Iterator[Pipeline]:
    """Let statements travel without waiting for each other's results. Call it in a transaction that
    has begun, and run nothing else within it. Raises Django's database errors: the first one, after
    which none of the statements that follow is carried out."""
    pipeline = Pipeline()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield pipeline


@contextmanager
def _executed(sql: str, values: Mapping[str, Any]) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    driver = _driver()
    with connection.wrap_database_errors, psycopg.Cursor(driver) as cursor:
        yield cursor.execute(sql, values, prepare=True)


def _driver() -> psycopg.Connection[tuple[Any, ...]]:
    connection.ensure_connection()
    driver: psycopg.Connection[tuple[Any, ...]] = connection.connection
    is_pooled = connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]
    if driver.prepare_threshold is None and not is_pooled:
        driver.prepare_threshold = THRESHOLD  # with None psycopg ignores `prepare=True`
    return driver


def _rows(cursor: psycopg.Cursor[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []
