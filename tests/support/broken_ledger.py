"""A ledger that takes no entry, for real: PostgreSQL refuses each.

By an error that no service takes for its own, such as a name that is in use.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

BREAK = """
CREATE FUNCTION ledger_broken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the ledger is broken'; END $$;
CREATE TRIGGER broken BEFORE INSERT ON audit_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_broken();
"""
MEND = "DROP TRIGGER broken ON audit_auditentry; DROP FUNCTION ledger_broken()"


def break_ledger() -> None:
    """Until the test's own rollback mends it."""
    with connection.cursor() as cursor:
        cursor.execute(BREAK)


@contextmanager
def broken_ledger() -> Iterator[None]:
    break_ledger()
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(MEND)
