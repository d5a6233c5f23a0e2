"""Django's PostgreSQL backend, with limits on each session and on each wait for an answer, and with
statements that are carried out with the commit (console.database.committing)."""

from collections.abc import Callable
from dataclasses import dataclass
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

Make = Callable[["DatabaseWrapper", list[Any]], list[str]]


@dataclass(frozen=True)
class _Added:
    """What is carried out with the commit: a statement, or an item of those that `make` makes
    statements of. It is forgotten with each of `savepoints`."""

    savepoints: frozenset[str]
    statement: str = ""
    make: Make | None = None
    item: Any = None


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that was lost is replaced at its next use outside of a transaction.

    Django itself keeps a lost connection until the end of a request, and a worker has no requests.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._added: list[_Added] = []
        self._when_committed: list[Callable[[], object]] = []
        self._when_rolled_back: list[Callable[[], object]] = []
        # What those who make statements keep for the present transaction.
        self.of_transaction: dict[str, Any] = {}
        # How often a part of the present transaction was rolled back.
        self.rollbacks = 0

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
        self._add(_Added(self._savepoints(), statement))

    def add_made_to_commit(self, make: Make, items: list[Any]) -> None:
        for item in items:
            self._added.append(_Added(self._savepoints(), make=make, item=item))
        if self._is_outermost():
            self._carry_out()

    def when_committed(self, call: Callable[[], object]) -> None:
        """Call this once the present transaction is known to be committed, and never if not."""
        self._when_committed.append(call)

    def when_rolled_back(self, call: Callable[[], object]) -> None:
        """Call this once the present transaction is not committed, as far as is known."""
        self._when_rolled_back.append(call)

    def carry_out_added(self) -> None:
        self._carry_out()

    def _savepoints(self) -> frozenset[str]:
        return frozenset(filter(None, self.savepoint_ids))

    def _add(self, added: _Added) -> None:
        self._added.append(added)
        if self._is_outermost():
            self._carry_out()

    def _carry_out(self, *more: str) -> None:
        if self._added:
            added, self._added = self._added, []
            with self.wrap_database_errors:
                self.carry_out([*self._statements(added), *more])

    def carry_out(self, statements: list[str]) -> None:
        """Carry out statements of those who make them, in one message."""
        with psycopg.ClientCursor(self.connection) as cursor:
            cursor.execute("; ".join(statements))

    def _statements(self, added: list[_Added]) -> list[str]:
        """Return the statements in their order. Those that are made of items stand where the first
        of the items does."""
        items: dict[Make, list[Any]] = {}
        for each in added:
            if each.make is not None:
                items.setdefault(each.make, []).append(each.item)
        statements: list[str] = []
        for each in added:
            if each.make is None:
                statements.append(each.statement)
            elif each.make in items:
                statements += each.make(self, items.pop(each.make))
        return statements

    def _commit(self) -> None:
        # After it the driver finds that nothing is left to commit.
        self._carry_out("COMMIT")
        super()._commit()  # type: ignore[misc]
        calls = self._when_committed
        self._forget()
        for call in calls:
            call()

    def _rollback(self) -> None:
        self._give_up()
        super()._rollback()  # type: ignore[misc]

    def _close(self) -> None:
        self._give_up()
        super()._close()  # type: ignore[misc]

    def _give_up(self) -> None:
        calls = self._when_rolled_back
        self._forget()
        for call in calls:
            call()

    def _forget(self) -> None:
        self._added, self.of_transaction = [], {}
        self._when_committed, self._when_rolled_back = [], []

    def savepoint_rollback(self, sid: str) -> None:
        super().savepoint_rollback(sid)
        self.rollbacks += 1
        self._added = [each for each in self._added if sid not in each.savepoints]

    def savepoint_commit(self, sid: str) -> None:
        if self._is_outermost():
            self._carry_out()
        super().savepoint_commit(sid)

    def _is_outermost(self) -> bool:
        """Return whether only transactions of a test are open. They never commit, so what would
        commit elsewhere ends here."""
        return all(getattr(block, "_from_testcase", False) for block in self.atomic_blocks)
