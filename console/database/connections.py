"""Connections that a request borrows from the pool."""

from django.db import connections


def give_back_connections() -> None:
    """Return the borrowed connections to the pool. Django does so only at the end of a response,
    and some responses last as long as a page is open: a few open pages would use up the pool."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
