"""Statements that PostgreSQL parses and plans once a connection, for the few that run all the time.

Django puts the values into the text of each query, so that each is a new one.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection


def execute(sql: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a prepared statement, as mappings; see `execute_rows`."""
    rows, names = _execute(sql, values)
    return [dict(zip(names, row, strict=True)) for row in rows]


def execute_rows(sql: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a prepared statement, within the transaction that Django is in.

    Say the type of each array and each number (`%(ids)s::bigint[]`): nothing else tells it. Raises
    Django's database errors.
    """
    return _execute(sql, values)[0]


def _execute(sql: str, values: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], list[str]]:
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, values, prepare=True)
        columns = cursor.description
        if columns is None:
            return [], []
        return cursor.fetchall(), [column.name for column in columns]
