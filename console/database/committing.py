"""Statements that PostgreSQL carries out together with the COMMIT of their transaction.

They and the COMMIT travel in one message. So what they lock is held only by PostgreSQL itself, for
as long as they take: a client that stops in the middle of a transaction has not taken it yet.
"""

from typing import TYPE_CHECKING, Any, cast

import psycopg
from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from console.database.backend.base import DatabaseWrapper


def add_to_commit(sql: str, values: "Sequence[Any] | Mapping[str, Any]") -> None:
    """Let a statement be carried out with the COMMIT of the present transaction, after all that
    were added before. It is forgotten if that, or the savepoint that it is in, is rolled back.

    Its errors are raised at the end of the transaction, which they roll back.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("only a transaction has a commit to add to")
    connection.ensure_connection()
    cursor = psycopg.ClientCursor(connection.connection)
    _wrapper().add_to_commit(cursor.mogrify(sql, values))


def execute_with_commit(sql: str, values: "Sequence[Any] | Mapping[str, Any]") -> None:
    """Let a statement be carried out with the COMMIT of the present transaction, or at once if
    there is none."""
    if transaction.get_connection().in_atomic_block:
        add_to_commit(sql, values)
        return
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def carry_out_now() -> None:
    """Carry out what was added, for whoever must read it in the same transaction. Then what it
    locks is held until the end of the transaction."""
    _wrapper().carry_out_added()


def _wrapper() -> "DatabaseWrapper":
    return cast("DatabaseWrapper", transaction.get_connection())
