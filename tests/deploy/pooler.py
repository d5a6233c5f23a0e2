"""A real PgBouncer before a PostgreSQL of this machine."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.proxy import free_port
from tests.support.demos import data_folder, until
from tools.torture.cluster import USER

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SETTINGS = """
[databases]
* = host={host} port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = {mode}
default_pool_size = {size}
logfile = {folder}/pgbouncer.log
"""


class Pooler:
    """One before a PostgreSQL, always on the same port. It asks nobody for a password, and has none
    that PostgreSQL would ask for."""

    def __init__(
        self, folder: Path, server: int, *, host: str = "127.0.0.1", user: str, mode: str, size: int
    ) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "users.txt").write_text(f'"{user}" ""\n')
        self._settings = folder / "pgbouncer.ini"
        self._settings.write_text(
            SETTINGS.format(
                host=host, server=server, port=self.port, folder=folder, mode=mode, size=size
            )
        )
        self._as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # as which it does not run
            shutil.chown(folder, USER)
            self._as_user = {"user": pwd.getpwnam(USER).pw_uid}

    def start(self) -> None:
        assert PGBOUNCER is not None
        command = [PGBOUNCER, str(self._settings)]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **self._as_user)
        until(lambda: _open(self.port))

    def kill(self) -> None:
        """End it on the spot: every connection dies."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(30)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)


@contextmanager
def pooling(server: int, **how: Any) -> Iterator[Pooler]:
    """A running one, see Pooler."""
    if PGBOUNCER is None:
        pytest.skip("there is no PgBouncer here: .ci/install-pgbouncer")
    with data_folder() as folder:
        made = Pooler(folder, server, **how)
        try:
            made.start()
            yield made
        finally:
            made.close()


@contextmanager
def pooler(server: int) -> Iterator[int]:
    """The port of one in session mode before the PostgreSQL on the port `server`."""
    with pooling(server, user="console", mode="session", size=60) as running:
        yield running.port


def _open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
