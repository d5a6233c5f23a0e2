"""Statements that PostgreSQL carries out together with the COMMIT of their transaction.

They and the COMMIT travel in one message. So what they lock is held only by PostgreSQL itself, for
as long as they take: a client that stops in the middle of a transaction has not taken it yet.
"""

from typing import TYPE_CHECKING, Any, cast

import psycopg
from django.db import connection, transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from console.database.backend.base import DatabaseWrapper, Make


def add_to_commit(sql: str, values: "Sequence[Any] | Mapping[str, Any]") -> None:
    """Let a statement be carried out with the COMMIT of the present transaction, after all that
    were added before. It is forgotten if that, or the savepoint that it is in, is rolled back.

    Its errors are raised at the end of the transaction, which they roll back.
    """
    _require_transaction()
    _wrapper().add_to_commit(in_full(sql, values))


def add_made_to_commit(make: "Make", items: "Sequence[Any]") -> None:
    """Let `make` make statements of all items of the present transaction that were added for it,
    right before they are carried out with its COMMIT. They stand where the first item was added.

    `make` takes the connection and the items. What is rolled back with a savepoint is no item.
    """
    _require_transaction()
    _wrapper().add_made_to_commit(make, list(items))


def in_full(sql: str, values: "Sequence[Any] | Mapping[str, Any]") -> str:
    """Return a statement with its values in it."""
    connection.ensure_connection()
    return psycopg.ClientCursor(connection.connection).mogrify(sql, values)


def _require_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("only a transaction has a commit to add to")


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
