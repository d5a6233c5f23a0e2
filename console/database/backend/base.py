"""Django's PostgreSQL backend, with limits on each session and on each wait for an answer."""

from typing import Any

from django.db.backends.postgresql import base
from django.utils.asyncio import async_unsafe
from psycopg import IsolationLevel

from console.database.sessions import (
    BoundedConnection,
    client_parameters,
    limits_here,
    session_query,
)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that was lost is replaced at its next use outside of a transaction.

    Django itself keeps a lost connection until the end of a request, and a worker has no requests.
    """

    def get_connection_params(self) -> dict[str, Any]:
        return client_parameters(super().get_connection_params())

    @async_unsafe
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self.pool:
            return super().get_new_connection(conn_params)
        # Each session has this isolation by default (console.database.sessions).
        self.isolation_level = IsolationLevel.READ_COMMITTED
        return BoundedConnection.connect(**conn_params)

    def _configure_connection(self, connection: Any) -> bool:
        """Set up a new session, also one of the pool's. It is in autocommit mode here."""
        limits = limits_here()
        connection.answer_seconds = limits.answer_seconds
        with connection.cursor() as cursor:
            cursor.execute(session_query(limits, time_zone=self.timezone_name))
        return bool(super()._configure_connection(connection))  # type: ignore[misc]

    def ensure_connection(self) -> None:
        driver = self.connection
        if driver is not None and driver.closed and not self.in_atomic_block:
            self.close()
        super().ensure_connection()
