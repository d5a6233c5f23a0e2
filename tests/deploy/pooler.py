"""A real PgBouncer in session mode before a PostgreSQL on loopback."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.deploy.proxy import free_port
from tests.support.demos import data_folder, until
from tools.torture.cluster import USER

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SETTINGS = """
[databases]
* = host=127.0.0.1 port={server}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = session
default_pool_size = 60
logfile = {folder}/pgbouncer.log
"""


@contextmanager
def pooler(server: int) -> Iterator[int]:
    """The port of one before the PostgreSQL on the port `server`. It asks nobody for a password,
    and has none that PostgreSQL would ask for."""
    if PGBOUNCER is None:
        pytest.skip("there is no PgBouncer here: .ci/install-pgbouncer")
    port = free_port()
    with data_folder() as folder:
        (folder / "users.txt").write_text('"console" ""\n')
        settings = folder / "pgbouncer.ini"
        settings.write_text(SETTINGS.format(server=server, port=port, folder=folder))
        as_user: dict[str, Any] = {}
        if os.geteuid() == 0:  # as which it does not run
            shutil.chown(folder, USER)
            as_user = {"user": pwd.getpwnam(USER).pw_uid}
        process = subprocess.Popen([PGBOUNCER, str(settings)], stderr=subprocess.DEVNULL, **as_user)
        try:
            until(lambda: _open(port))
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
