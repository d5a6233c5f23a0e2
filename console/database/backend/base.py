"""Django's PostgreSQL backend, with limits on each session and on each wait for an answer, and with
statements that are carried out with the commit (console.database.committing)."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe

from console.database.reading import STANDBY
from console.database.sessions import (
    BoundedConnection,
    client_parameters,
    limits_here,
    set_limits,
)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that was lost is replaced at its next use outside of a transaction.

    Django itself keeps a lost connection until the end of a request, and a worker has no requests.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Statements for the commit, each with the savepoints that it is in.
        self._added: list[tuple[frozenset[str], str]] = []

    def get_connection_params(self) -> dict[str, Any]:
        return client_parameters(super().get_connection_params())

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.pool:
            return super().get_new_connection(conn_params)
        # Each session has this isolation by default (console.database.sessions).
        self.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
        return BoundedConnection.connect(**conn_params)

    def _configure_connection(self, connection: Any) -> bool:
        """Set up a new session, also one of the pool's. It is in autocommit mode here."""
        set_limits(connection, limits_here(), time_zone=self.timezone_name)
        if self.alias == STANDBY:  # which may be promoted at any moment
            connection.execute("SET default_transaction_read_only = on")
        return bool(super()._configure_connection(connection))  # type: ignore[misc]

    def ensure_connection(self) -> None:
        driver = self.connection
        if driver is not None and driver.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()

    # --- With the commit -------------------------------------------------------------------------

    def add_to_commit(self, statement: str) -> None:
        self._added.append((frozenset(filter(None, self.savepoint_ids)), statement))
        if self._is_outermost():
            self._carry_out()

    def carry_out_added(self) -> None:
        self._carry_out()

    def _carry_out(self, *more: str) -> None:
        if self._added:
            statements = [statement for _savepoints, statement in self._added]
            self._added = []
            with self.wrap_database_errors, psycopg.ClientCursor(self.connection) as cursor:
                cursor.execute("; ".join([*statements, *more]))

    def _commit(self) -> None:
        # After it the driver finds that nothing is left to commit.
        self._carry_out("COMMIT")
        super()._commit()  # type: ignore[misc]

    def _rollback(self) -> None:
        self._added = []
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self._added = []
        super()._close()  # type: ignore[misc]

    def savepoint_rollback(self, sid: str) -> None:
        super().savepoint_rollback(sid)
        self._added = [each for each in self._added if sid not in each[0]]

    def savepoint_commit(self, sid: str) -> None:
        if self._is_outermost():
            self._carry_out()
        super().savepoint_commit(sid)

    def _is_outermost(self) -> bool:
        """Return whether only transactions of a test are open. They never commit, so what would
        commit elsewhere ends here."""
        return all(getattr(block, "_from_testcase", False) for block in self.atomic_blocks)
