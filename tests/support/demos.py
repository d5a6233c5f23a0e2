"""The demo as a process of its own, as `make demo` starts it, and small clients for its pages."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin

import psutil
import pytest

from console.demo.control import ask
from console.demo.feed import Feed
from console.demo.people import PASSWORD
from tests.support import warm_start

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "manage.py")
SETTINGS = "tests.support.cheap_passwords"
# Of a busy machine: only what hangs takes longer.
START_SECONDS = 180.0
STOP_SECONDS = 90.0
PATIENCE_SECONDS = 60.0
SESSIONS = 20

# Makes descriptor `1` of the words number 3, as systemd hands it over, and becomes the program.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""

T = TypeVar("T")


def environment(data_folder: Path) -> dict[str, str]:
    """A fresh shell's: settings of whoever runs the tests have no say. What runs here does not
    count as covered: that would make processes about twice as slow."""
    others = ("CONSOLE_", "COVERAGE_")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(others) and name != "DATABASE_URL"
    }
    ours = {
        "CONSOLE_DATA": str(data_folder),
        "CONSOLE_EMBEDDED": "1",
        # Many tests send to the same few chats.
        "CONSOLE_CONTACT_BUDGET": "",
    }
    return {**kept, **ours}


@contextmanager
def data_folder() -> Iterator[Path]:
    """One that PostgreSQL may use as another user, which it may not with those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="notice-console-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def until(true: Callable[[], T | None], *, within: float = PATIENCE_SECONDS) -> T:
    """What `true` answers once it answers something; fails with its last answer after `within`
    seconds."""
    deadline = time.monotonic() + within
    while not (answer := true()):
        assert time.monotonic() < deadline, f"still {answer!r} after {within:.0f} s"
        time.sleep(0.05)
    return answer


def manage(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    """One command, as from a second terminal."""
    return warm_start.run([MANAGE, *arguments], env=environment(data), timeout=START_SECONDS)


class Program:
    """A command of manage.py that runs on; `output` is what it has said. It is handed `listener`,
    as by systemd, where there is one."""

    def __init__(
        self,
        *arguments: str,
        data: Path,
        listener: socket.socket | None = None,
        **settings: str,
    ) -> None:
        self.data = data
        self.output = ""
        handed = [] if listener is None else ["-c", HAND_OVER, str(listener.fileno())]
        self.process = warm_start.start(
            [*handed, MANAGE, *arguments],
            ends_with_parent=True,
            pass_fds=[] if listener is None else [listener.fileno()],
            env=environment(data) | {"DJANGO_SETTINGS_MODULE": SETTINGS} | settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    def says(self, pattern: str) -> re.Match[str]:
        """Wait for it to say that; fails when it ends without."""

        def said() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            assert found or self._reading.is_alive(), self.output
            return found

        return until(said, within=START_SECONDS)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> int:
        """Its status, once it has ended."""
        status = self.process.wait(STOP_SECONDS)
        self._reading.join(STOP_SECONDS)
        return status

    def close(self) -> None:
        """End it, whatever became of the test."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


class Demo(Program):
    """A running demo."""

    def __init__(self, *, data: Path, sessions: int = SESSIONS) -> None:
        arguments = ("demo", "--port", "0", "--sessions", str(sessions))
        super().__init__(*arguments, data=data)

    @property
    def address(self) -> str:
        """Of its pages; waits until it is ready."""
        found = self.says(r"is ready: (http://\S+)\n(?:.*\n)*.*Ctrl-C ends everything")
        return found[1]

    def processes(self) -> dict[str, psutil.Process]:
        """All its processes, PostgreSQL included, by what they are."""
        main = psutil.Process(self.process.pid)
        postmaster = int((self.data / "postgres/postmaster.pid").read_text().split()[0])
        found = {"demo": main, "postgres": psutil.Process(postmaster)}
        for child in main.children(recursive=True):
            found[" ".join(child.cmdline()[1:4])] = child
        return found

    def api(self) -> "Api":
        """With the token of the demo's own feed."""
        return Api(self.address, (self.data / "demo_feed_token").read_text())

    def control(self, chat_server: str, do: str, **arguments: Any) -> dict[str, Any]:
        """One command to a simulator, whose control port its web server knows."""
        web = next(part for name, part in self.processes().items() if " serve" in name)
        ports = dict(
            entry.split("=") for entry in web.environ()["CONSOLE_DEMO_SIMULATORS"].split(",")
        )
        return ask(int(ports[chat_server]), do, **arguments)

    def journal(self, since: float = 0.0) -> list[dict[str, Any]]:
        """The requests that its Chat Servers took since then, in the order of time."""
        files = self.data.glob("journal-*.jsonl")
        # The last line may not be whole yet.
        lines = (line for file in files for line in file.read_text("utf-8").splitlines(True))
        taken = (json.loads(line) for line in lines if line.endswith("\n"))
        return sorted((line for line in taken if line["at"] >= since), key=lambda line: line["at"])

    @contextmanager
    def chat(
        self,
        interaction_id: str,
        *,
        waiting: timedelta,
        locale: str = "en",
        queue: str = "sales",
        **user_data: str,
    ) -> Iterator[None]:
        """A chat that stays as long as this lasts, whoever else comes and goes."""
        user_data |= {
            "InteractionId": interaction_id,
            "IsOnline": "1",
            "ChatServerAppName": "chat-east",
        }
        opening = {"interaction_id": interaction_id, "user_data": user_data}
        self.control("chat-east", "open_session", **opening)
        interaction = {
            "id": interaction_id,
            "media_type": "chat",
            "tenant_id": 101,
            "state": "handling",
            "queue": queue,
            "agent": "ann.keller",
            "locale": locale,
            "received_at": (datetime.now(UTC) - waiting).isoformat(),
            "user_data": user_data,
        }
        self._feed("upsert", interaction)
        try:
            yield
        finally:
            self.control("chat-east", "close_session", interaction_id=interaction_id)
            self._feed("stopped", interaction)

    def _feed(self, kind: str, interaction: dict[str, Any]) -> None:
        event = {
            "type": kind,
            "occurred_at": datetime.now(UTC).isoformat(),
            "interaction": interaction,
        }
        Feed(self.address, self.api().token).tell([event])


@dataclass
class Api:
    """The HTTP API with a token."""

    address: str
    token: str

    def get(self, path: str, **query: Any) -> Any:
        request = urllib.request.Request(
            urljoin(self.address, f"/api/v1/{path}?{urlencode(query)}"),
            headers={"Authorization": f"Bearer {self.token}"},
        )
        with _opener().open(request, timeout=PATIENCE_SECONDS) as answer:
            return json.load(answer)

    def live_chats(self) -> list[dict[str, Any]]:
        chats: list[dict[str, Any]] = self.get("interactions/", page_size=500)["results"]
        return chats


@dataclass
class Browser:
    """Pages without scripts: cookies, forms and links."""

    address: str
    opener: urllib.request.OpenerDirector = field(
        default_factory=lambda: _opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    )

    def get(self, path: str) -> tuple[int, str]:
        return self._open(path, None)

    def sign_in(self, username: str) -> tuple[int, str]:
        _status, page = self.get("/accounts/login/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert token, page
        form = {"login": username, "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
        return self._open("/accounts/login/", form)

    def _open(self, path: str, form: dict[str, str] | None) -> tuple[int, str]:
        body = None if form is None else urlencode(form).encode()
        try:
            with self.opener.open(
                urljoin(self.address, path), body, timeout=PATIENCE_SECONDS
            ) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()


def _opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), *handlers)


class SharedDemo:
    """The one demo that the tests of a process share. It is started for the first that needs it."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._demo: Demo | None = None

    def get(self) -> Demo:
        if self._demo is None:
            folder = self._open.enter_context(data_folder())
            self._demo = Demo(data=folder)
            self._open.callback(self._demo.close)
        self._demo.address  # noqa: B018 - waits until it is ready
        return self._demo

    def end(self) -> None:
        self._demo = None
        self._open.close()


SHARED = SharedDemo()


# For a module: who ends the shared one knows that nothing of a later module stands on it.
@pytest.fixture(scope="module")
def demo() -> Demo:
    """Tests look at it, send and sign in, and leave it running."""
    return SHARED.get()
