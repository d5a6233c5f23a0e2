"""A second database beside the tests' own, in which one comes back from a backup."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection

NAME = "{}_restored"


@contextmanager
def another_database() -> Iterator[None]:
    """An empty one, which is the database of everything in this process until the end."""
    known = connection.settings_dict
    own, other = known["NAME"], NAME.format(known["NAME"])
    server = {"host": known["HOST"], "user": known["USER"], "dbname": "postgres"}
    with psycopg.connect(**server, autocommit=True) as maintenance:
        maintenance.execute(f'DROP DATABASE IF EXISTS "{other}" WITH (FORCE)')
        maintenance.execute(f'CREATE DATABASE "{other}" TEMPLATE template0')
        connection.close()
        known["NAME"] = other
        try:
            yield
        finally:
            connection.close()
            known["NAME"] = own
            maintenance.execute(f'DROP DATABASE "{other}" WITH (FORCE)')
