"""Statements that PostgreSQL parses and plans once a connection, for the few that run all the time.

Django puts the values into the text of each query, so that each is a new one, and turns
psycopg's preparing off, which is for poolers that hand out connections by the transaction. These
run where a connection is kept anyway, for its locks.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection

# Executions before psycopg prepares what it is not told to: its default. Django's cursors never do.
THRESHOLD = 5


def execute(sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a prepared statement, as mappings; see `execute_rows`."""
    with _executed(sql, values) as cursor:
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def execute_rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a prepared statement, within the transaction that Django is in.

    Say the type of each array and each number (`%(ids)s::bigint[]`): nothing else tells it. Raises
    Django's database errors.
    """
    with _executed(sql, values) as cursor:
        return cursor.fetchall() if cursor.pgresult and cursor.pgresult.nfields else []


def array(values: Iterable[int | UUID | None]) -> str:
    """An array of numbers or ids as PostgreSQL reads it, in a tenth of the time that psycopg
    takes."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


@contextmanager
def _executed(sql: str, values: Mapping[str, Any]) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
    connection.ensure_connection()
    driver = connection.connection
    if driver.prepare_threshold is None:
        driver.prepare_threshold = THRESHOLD  # None would outdo `prepare=True`
    with connection.wrap_database_errors, psycopg.Cursor(driver) as cursor:
        yield cursor.execute(sql, values, prepare=True)
