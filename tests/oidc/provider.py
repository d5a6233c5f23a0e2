"""oidc-provider, an OpenID Connect provider that is widely used, in a process of its own.

`make test` installs it by npm (.ci/install-interpreters).
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.directory_server import CLIENT_ID, CLIENT_SECRET, CONSOLE

HERE = Path(__file__).resolve().parent


class Provider:
    """One that runs, behind `issuer`, which passes on what comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._said())

    def prepare(self, claims: dict[str, Any]) -> None:
        """Whoever is asked next who they are is this person."""
        login = {name: claims[name] for name in ("sub", "amr", "acr") if name in claims}
        others = {name: value for name, value in claims.items() if name not in login}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({**login, "claims": others}) + "\n")
        self._process.stdin.flush()
        self._said()

    def _said(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self._process.communicate(timeout=10)[1]
        return line


@contextmanager
def running_provider(issuer: str, console: str = CONSOLE) -> Iterator[Provider]:
    """For the console at that address, which it knows as its client."""
    if shutil.which("node") is None or not (HERE / "node_modules").exists():
        pytest.skip("no Node.js, or no oidc-provider: run .ci/install-interpreters")
    started = {
        "issuer": issuer,
        "clientId": CLIENT_ID,
        "clientSecret": CLIENT_SECRET,
        "comesBackTo": f"{console}/accounts/directory/login/callback/",
        "signedOutTo": f"{console}/accounts/login/",
    }
    with subprocess.Popen(
        ["node", str(HERE / "provider.js"), json.dumps(started)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Provider(process)
        finally:
            process.kill()
