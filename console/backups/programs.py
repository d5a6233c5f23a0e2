"""PostgreSQL's own client programs: where they are, and how they get the database's address.

They get it only through the environment, since everybody on the machine can read a command line.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from django.conf import settings
from django.db import connection
from psycopg import pq

from console.errors import Unavailable
from console.text.sentences import Sentence, term

APPLICATION = "notice-console-backup"


class ProgramFailed(Unavailable):
    """A PostgreSQL program is missing, has the wrong version, or failed."""

    def __init__(self, message: Sentence) -> None:
        super().__init__("postgresql_program", message)


def program(name: str) -> str:
    """Return the path of `pg_dump`, `pg_restore` or `psql` of the server's own major version.

    The server may be unable to read another version's dump, or to know its settings. Raises
    ProgramFailed.
    """
    found = shutil.which(name, path=str(_folder()) if _folder() else None)
    if found is None:
        raise ProgramFailed(
            term(
                "{name} is not {where}. Install PostgreSQL's client of version {major} (on Debian "
                "postgresql-client-{major}), or set CONSOLE_PG_BIN to the folder in which it is.",
                name=name,
                where=term("in {folder}", folder=_folder()) if _folder() else term("on PATH"),
                major=server_major(),
            )
        )
    major = _major(found)
    if major != server_major():
        raise ProgramFailed(
            term(
                "{found} is of PostgreSQL {found_major}, and the server of {major}. Set "
                "CONSOLE_PG_BIN to the folder with the programs of the server's version.",
                found=found,
                found_major=major,
                major=server_major(),
            )
        )
    return found


def database_environment() -> dict[str, str]:
    """Return this process's environment with the database's address for PostgreSQL's programs."""
    parameters = connection.get_connection_params()
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    ours = {
        variables[keyword]: str(value)
        for keyword, value in parameters.items()
        if keyword in variables and value not in (None, "")
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**others, **ours, "PGAPPNAME": APPLICATION, "LC_ALL": "C.UTF-8"}


def failure(name: str, stderr: bytes) -> ProgramFailed:
    """Return the error of a program, with its last messages."""
    said = stderr.decode(errors="replace").strip().splitlines()
    return ProgramFailed(
        term(
            "{name} failed: {said}", name=name, said=" ".join(said[-3:]) or term("it said nothing")
        )
    )


def _folder() -> Path | None:
    if settings.PG_BIN or not settings.EMBEDDED:
        chosen: Path | None = settings.PG_BIN
        return chosen
    from console.embedded.server import PROGRAMS

    return PROGRAMS


def server_major() -> int:
    """Return the major version of the database's PostgreSQL."""
    connection.ensure_connection()
    return int(connection.connection.info.server_version // 10_000)


def _major(path: str) -> int:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    version = re.search(r"(\d+)(\.|devel|beta|rc|\s|$)", said)
    return int(version[1]) if version else 0
