"""What is tortured: a database, three Chat Servers, three workers, one web process, and the ways
between the workers and the others."""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from console.security.generated_secrets import made_up_key
from tests.support.java_stand_ins import OPTIONS, compiled
from tools.torture.cluster import Cluster
from tools.torture.evidence import LATEST_TIMEOUTS, RECORDED_SECONDS, WINDOW, Holder
from tools.torture.processes import Simulator, Supervisor, Web, Worker, environment
from tools.torture.ways import Way, Ways

NOTICE = "torture"
TEXT = "Hello {{ data.FirstName }}, an agent will be with you shortly. #{{ field.key }}"
STAGE_TEXT = "Hello {{ data.FirstName }}, this is about the outage."
# Two outages run at a time, each with a playbook and a queue of its own. An incident's texts end
# with its name and their stage's number.
PLAYBOOKS = ("outage-a", "outage-b")
STAGES: tuple[dict[str, Any], ...] = (
    {"name": "Known", "is_standing": True},
    {"name": "Update", "is_standing": True, "reach": "got_earlier"},
    {"name": "Solved", "reach": "got_earlier"},
)
CHATS = 1500
# How long each Chat Server takes for an answer: so there is always something on the wire.
LATENCIES = (0.05, 0.15, 0.3)
WORKERS = 3
# The default. A clock that is two minutes ahead would be beyond it.
TIME_TO_LIVE_SECONDS = 120
HELD = """
SELECT c.name, w.pid FROM interactions_chatserver c JOIN sends_worker w ON w.id = c.drain_holder
"""
DRAINED = """
SELECT c.name FROM interactions_chatserver c
JOIN sends_worker w ON w.id = c.drain_holder WHERE w.pid = %s
"""
# The Chat Servers that have something due or on the wire.
WITH_WORK = """
SELECT DISTINCT o.chat_server_name FROM sends_outbox o JOIN sends_send s ON s.id = o.send_id
WHERE s.status = 'running' AND o.due_at <= clock_timestamp()
"""
LEFT = """
SELECT (SELECT count(*) FROM sends_outbox), (SELECT count(*) FROM sends_claim),
    (SELECT count(*) FROM sends_send WHERE status NOT IN ('finished', 'cancelled')),
    (SELECT count(*) FROM sends_delivery
     WHERE status = 'unknown' AND attempted_at > clock_timestamp() - %s::interval
        AND NOT EXISTS (SELECT FROM sends_lateanswer WHERE delivery_id = sends_delivery.id))
"""
CLAIMED = "SELECT DISTINCT chat_server_name FROM sends_claim WHERE chat_server_name = ANY(%s)"


@dataclass
class World:
    """`request_timeout` is the Chat Servers', in seconds."""

    folder: Path
    cluster: Cluster
    simulators: list[Simulator]
    workers: list[Worker]
    web: Web
    supervisor: Supervisor
    chats: list[str]
    request_timeout: float

    @property
    def mortal_workers(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.is_steady]

    @property
    def chat_servers(self) -> tuple[str, ...]:
        return tuple(simulator.name for simulator in self.simulators)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Raises psycopg.Error while there is no database."""
        with self.cluster.connect() as connection:
            return connection.execute(query, values).fetchall()

    def drained_by(self, worker: Worker) -> tuple[str, ...]:
        """The Chat Servers of which this worker has the lease."""
        return tuple(name for (name,) in self.ask(DRAINED, worker.process.pid))

    def holders(self) -> list[Holder]:
        """Who has the leases now. Nobody knows while there is no database."""
        try:
            held = self.ask(HELD)
        except psycopg.Error:
            return []
        names = {pid: worker.name for worker in self.workers for pid in worker.pids}
        return [Holder(time.time(), name, names.get(pid, "")) for name, pid in held]

    def with_work(self) -> tuple[str, ...]:
        """The Chat Servers that have something to do."""
        return tuple(name for (name,) in self.ask(WITH_WORK))

    def open_deliveries(self) -> int | None:
        """None while there is no database."""
        try:
            return int(self.ask("SELECT count(*) FROM sends_outbox")[0][0])
        except psycopg.Error:
            return None

    def is_quiet(self) -> bool:
        """Whether every send is over, nothing is on the wire, and no late answer can come."""
        try:
            late = f"{LATEST_TIMEOUTS * self.request_timeout + RECORDED_SECONDS} s"
            return self.ask(LEFT, late) == [(0, 0, 0, 0)]
        except psycopg.Error:
            return False


@contextmanager
def world(folder: Path, *, request_timeout: float, pace: float, psdk: bool) -> Iterator[World]:
    """All of it, running; ended on leaving. The folder must be open to PostgreSQL's user.

    With `psdk` the first Chat Server, the quickest, is reached through Java in the workers.
    """
    cluster = Cluster(folder)
    cluster.start()
    settings = _settings(folder, cluster)
    if psdk:
        settings |= {
            "PSDK_CLASSPATH": str(compiled(folder / "classes")),
            "PSDK_JVM_OPTIONS": " ".join(OPTIONS),
        }
    schemes = ["psdk" if psdk else "esp+json", "esp+json", "esp+json"]
    os.environ.update({name: settings[name] for name in settings if _is_ours(name)})
    ways = Ways()
    try:
        simulators = [
            Simulator(number, latency, settings, folder, ways, scheme=scheme)
            for number, (latency, scheme) in enumerate(zip(LATENCIES, schemes, strict=True), 1)
        ]
        token = _set_up(simulators, request_timeout, pace)
        workers = [
            _worker(number, settings, folder, cluster, ways.to(cluster.port))
            for number in range(1, WORKERS + 1)
        ]
        web = Web(settings, folder)
        web.token = token
        supervisor = Supervisor([*simulators, *workers, web])
        try:
            web.wait_ready()
            for simulator in simulators:
                simulator.wait_ready()
            chats = [f"chat{number:05}" for number in range(CHATS)]
            yield World(
                folder, cluster, simulators, workers, web, supervisor, chats, request_timeout
            )
        finally:
            supervisor.close()
    finally:
        ways.close()
        cluster.close()


def _worker(
    number: int, settings: dict[str, str], folder: Path, cluster: Cluster, way: Way
) -> Worker:
    """The last one is steady."""
    own = {**settings, "DATABASE_URL": cluster.url_by(way.port)}
    return Worker(number, own, folder, way, is_steady=number == WORKERS)


def _is_ours(name: str) -> bool:
    return name.startswith("CONSOLE_") or name in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")


def _settings(folder: Path, cluster: Cluster) -> dict[str, str]:
    return environment(
        folder,
        DJANGO_SETTINGS_MODULE="console.settings",
        DATABASE_URL=cluster.url,
        CONSOLE_SECRET_KEY=secrets.token_urlsafe(50),
        CONSOLE_AUDIT_KEY=made_up_key(),
        CONSOLE_HTTPS="0",
        CONSOLE_ALLOWED_HOSTS="127.0.0.1",
        CONSOLE_LOG_LEVEL="INFO",
        CONSOLE_API_RATE="600000/min",
        CONSOLE_DELIVERY_TTL_SECONDS=str(TIME_TO_LIVE_SECONDS),
        # Limits for people are not what is tried here.
        CONSOLE_APPROVAL_ABOVE="0",
        CONSOLE_HOURLY_QUOTA="0",
        CONSOLE_RESEND_GUARD_MINUTES="0",
        CONSOLE_PAUSE_ABOVE_PERCENT="0",
        # Never spent: what is tried is that claims lock their chats, and go on.
        CONSOLE_CONTACT_BUDGET="routine=1000/1",
    )


def _set_up(simulators: list[Simulator], request_timeout: float, pace: float) -> str:
    """Tables, Chat Servers, chats, a published notice and an API client; answers its token."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from console.accounts.models import Scope
    from console.accounts.services import api_client_create
    from console.actors import Actor, system_actor
    from console.interactions.services import chat_server_create, feed_apply

    call_command("migrate", verbosity=0)
    root = system_actor("torture")
    for simulator in simulators:
        chat_server_create(
            root,
            name=simulator.name,
            url=simulator.url,
            window=WINDOW,
            pace_per_second=pace,
            connect_timeout_seconds=request_timeout,
            request_timeout_seconds=request_timeout,
        )
    people = (
        Actor("user:author", "Author", root.permissions),
        Actor("user:reviewer", "Reviewer", root.permissions),
    )
    _publish_notice(*people, NOTICE, TEXT, "key")
    for number in range(1, len(STAGES) + 1):
        _publish_notice(
            *people, f"stage-{number}", f"{STAGE_TEXT} #{{{{ field.outage }}}} {number}", "outage"
        )
    for queue in PLAYBOOKS:
        _publish_playbook(*people, queue)
    for first in range(0, CHATS, 500):
        fed = feed_apply(
            root,
            [
                chat_event(f"chat{number:05}", simulators[number % len(simulators)].name)
                for number in range(first, min(first + 500, CHATS))
            ],
        )
        assert not fed.rejected, fed.rejected[:3]
    _client, token = api_client_create(root, name="torture", scopes=Scope.values)
    connection.close()
    return token


def _publish_notice(author: Any, reviewer: Any, key: str, text: str, field: str) -> None:
    from console.catalogue.content.notices import notice_create
    from console.catalogue.content.version_content import VersionContent
    from console.catalogue.content.versions import version_approve, version_create, version_submit

    notice = notice_create(author, key=key, kind="message", title=key.capitalize())
    version = version_create(
        author,
        notice,
        VersionContent(default_locale="en", bodies={"en": text}, fields=[{"name": field}]),
    )
    version_submit(author, version)
    version_approve(reviewer, version)


def _publish_playbook(author: Any, reviewer: Any, queue: str) -> None:
    from console.incidents.playbook_content import PlaybookContent
    from console.incidents.services.playbooks import (
        playbook_create,
        version_approve,
        version_submit,
    )

    stages = [{**stage, "notice": f"stage-{number}"} for number, stage in enumerate(STAGES, 1)]
    content = PlaybookContent.read({"audience": {"queue": queue}, "stages": stages})
    version = playbook_create(author, key=queue, title=queue.capitalize(), content=content)
    version_submit(author, version)
    version_approve(reviewer, version)


def chat_event(
    interaction_id: str,
    chat_server: str,
    *,
    online: bool = True,
    queue: str = "",
    received_at: str = "",
) -> dict[str, Any]:
    """The feed's event that says where a chat is now."""
    now = datetime.now(UTC).isoformat()
    return {
        "type": "upsert",
        "occurred_at": now,
        "interaction": {
            "id": interaction_id,
            "media_type": "chat",
            "state": "handling",
            "locale": "en",
            "queue": queue,
            "received_at": received_at or now,
            "user_data": {
                "InteractionId": interaction_id,
                "IsOnline": "1" if online else "0",
                "ChatServerAppName": chat_server,
                "FirstName": "Zoë",
            },
        },
    }


def ended_event(interaction_id: str) -> dict[str, Any]:
    """The feed's event that says that a chat is over."""
    now = datetime.now(UTC).isoformat()
    return {"type": "stopped", "occurred_at": now, "interaction": {"id": interaction_id}}
