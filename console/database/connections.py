"""Connections that a request borrows from the pool."""

from django.db import connections


def give_back_connections() -> None:
    """What was borrowed so far. Django gives it back at the end of a response, and some last as
    long as a page is open: a few open pages would use up the pool."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
