"""The tests' database, migrated once: the other processes of a run copy it.

Migrating takes some seconds of a processor. The first process that needs its database migrates it
and makes a copy of it, while the others wait; each of them begins with that copy.
"""

import fcntl
import os
import time
from typing import IO, Any

import psycopg
from django.conf import settings
from django.db import connection

NAME = "test_console_template"
_held: list[IO[str]] = []


def copy_what_is_migrated() -> None:
    """Have the database made from the copy, if there is one. Otherwise nobody else goes on until
    `keep_a_copy`."""
    if not _is_shared():
        return
    file = (settings.CONSOLE_DATA / "template-database.lock").open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    if _ask("SELECT FROM pg_database WHERE datname = %s", NAME):
        test: dict[str, Any] = connection.settings_dict["TEST"]
        test["TEMPLATE"] = NAME
        file.close()
    else:
        _held.append(file)


def keep_a_copy() -> None:
    if not _held:
        return
    connection.close()  # whoever is connected keeps it from being copied
    _ask(f'CREATE DATABASE "{NAME}" TEMPLATE "{connection.settings_dict["NAME"]}"')
    _held.pop().close()


def stop_autovacuum() -> None:
    """Stop it on a server of the tests' own. It locks a table at a moment that no test chooses, and
    its statistics would make plans differ from run to run."""
    if settings.EMBEDDED:
        _ask("ALTER SYSTEM SET autovacuum = off")
        _ask("SELECT pg_reload_conf()")


LEFT = """
SELECT pid, concat_ws(', ', application_name, state, 'since', state_change, 'last:', query)
FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()
"""


def end_left_sessions() -> list[str]:
    """End what is still connected when the tests are over, which would keep the database from being
    dropped. Return what that was."""
    name = connection.settings_dict["NAME"]
    connection.close()
    with _asking() as asking:
        until = time.monotonic() + 3.0
        while (left := asking.execute(LEFT, [name]).fetchall()) and time.monotonic() < until:
            time.sleep(0.1)
        for pid, _said in left:
            asking.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    return [f"{name}, {said}" for _pid, said in left]


def _is_shared() -> bool:
    """Whether other processes run tests on this server, which is the run's own."""
    return "PYTEST_XDIST_WORKER" in os.environ and settings.EMBEDDED


def _ask(query: str, *values: str) -> bool:
    with _asking() as asking:
        return asking.execute(query.encode(), values).rowcount > 0


def _asking() -> "psycopg.Connection[Any]":
    known = connection.get_connection_params() | {"dbname": "postgres"}
    address = {name: known[name] for name in ("dbname", "user", "host")}
    return psycopg.connect(**address, autocommit=True)
