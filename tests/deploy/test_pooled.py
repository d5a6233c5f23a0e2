"""Two web processes that reach PostgreSQL by a PgBouncer in transaction mode, and two workers that
reach it directly: PgBouncer is killed in the middle of sends and pages, and comes back."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from console.accounts.models import User
from console.database import notifications
from console.database.connections import execute
from console.database.sessions import WEB, session_settings
from console.interactions.services import feed_apply
from console.sends.models import Outbox, Send, SendStatus, Worker
from tests.deploy.pooler import Pooler, pooling
from tests.sends.test_workers import WorkerProcess
from tests.support.demos import ROOT as FILES
from tests.support.demos import data_folder, until
from tests.support.factories import ROOT, upsert
from tests.support.serving import Answer, Server
from tests.support.signing_in import sign_in
from tests.support.simulators import Simulator
from tests.support.working import assert_ledger_agrees, statuses

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]
CHATS = 8
PATIENCE_SECONDS = 90.0
# Fewer sessions than the two processes have connections, so that transactions share them.
SESSIONS = 6


@pytest.fixture
def pooler() -> Iterator[Pooler]:
    known = connection.settings_dict
    with pooling(
        5432, host=known["HOST"], user=known["USER"], mode="transaction", size=SESSIONS
    ) as running:
        yield running


def url(pooler: Pooler) -> str:
    known = connection.settings_dict
    return f"postgresql://{known['USER']}@127.0.0.1:{pooler.port}/{known['NAME']}"


@pytest.fixture
def servers(pooler: Pooler) -> Iterator[list[Server]]:
    own: dict[str, Any] = {
        "CONSOLE_POOLER_URL": url(pooler),
        "CONSOLE_API_RATE": "1000000/min",
        "CONSOLE_PAGE_RATE": "1000000/min",
        "CONSOLE_HOURLY_QUOTA": "0",
        "CONSOLE_RESEND_GUARD_MINUTES": "0",
    }
    # They write of the errors that the tests make.
    with data_folder() as folder:
        started = [Server(folder, **own) for _ in range(2)]
        try:
            yield started
        finally:
            for server in started:
                server.close()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[list[WorkerProcess]]:
    started = [WorkerProcess(f"worker-{number}", tmp_path) for number in range(2)]
    yield started
    for worker in started:
        worker.process.kill()
        worker.process.wait(PATIENCE_SECONDS)


class Senders:
    """Programs that send one notice after the other, each to a chat of its own. A send without an
    answer is repeated with its key until there is one."""

    def __init__(self, servers: list[Server], token: str, chats: list[str]) -> None:
        self.servers, self.token = servers, token
        self.accepted: dict[str, int] = {}
        self.others: Counter[int | str] = Counter()
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._send, args=(chat,)) for chat in chats]

    def __enter__(self) -> "Senders":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def go_on(self) -> None:
        then = len(self.accepted)
        until(lambda: len(self.accepted) > then + 2 * CHATS, within=PATIENCE_SECONDS)

    def _send(self, chat: str) -> None:
        number = tries = 0
        while not self._over.is_set():
            key = f"{chat} {number}"
            body = {"notice": "hello", "interactions": [chat], "why": key}
            tries += 1
            answer = self._ask(self.servers[tries % len(self.servers)], key, body)
            if answer is not None and answer.status in (200, 201):
                self.accepted[key] = json.loads(answer.body)["id"]
                number += 1

    def _ask(self, server: Server, key: str, body: dict[str, Any]) -> Answer | None:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content_Type": "application/json",
            "Idempotency_Key": key,
        }
        try:
            answer = server.ask("/api/v1/sends/", "POST", json.dumps(body), **headers)
        except (OSError, HTTPException) as error:
            self.others[repr(error)] += 1
            return None
        if answer.status not in (200, 201):
            self.others[answer.status] += 1
        return answer


@pytest.fixture
def token(
    simulator: Simulator, make_notice: Callable[..., Any], make_client: Callable[..., Any]
) -> str:
    make_notice("Hello", key="hello")
    names = {"ChatServerAppName": simulator.name}
    events = [upsert(chat, user_data={**names, "InteractionId": chat}) for chat in chats()]
    assert feed_apply(ROOT, events).rejected == []
    _client, token = make_client("read", "send")
    return str(token)


def chats() -> list[str]:
    return [f"chat-{number}" for number in range(CHATS)]


def cookie_of(user: User) -> str:
    name = settings.SESSION_COOKIE_NAME
    return f"{name}={sign_in(Client(), user).cookies[name].value}"


def test_pgbouncer_is_killed_in_the_middle_and_comes_back(
    pooler: Pooler,
    servers: list[Server],
    workers: list[WorkerProcess],
    simulator: Simulator,
    token: str,
    make_user: Callable[..., User],
) -> None:
    cookie = cookie_of(make_user("olga", "supervisor", "auditor"))
    pages = ["/board/", "/history/?q=hello", "/sends/", "/audit/"]

    def look() -> list[Answer]:
        asks = [partial(server.ask, page, Cookie=cookie) for server in servers for page in pages]
        with ThreadPoolExecutor(len(asks)) as people:
            return list(people.map(lambda ask: ask(), asks))

    assert {answer.status for answer in look()} == {200}
    until(lambda: Worker.objects.count() == 2)
    with Senders(servers, token, chats()) as senders:
        senders.go_on()
        pooler.kill()
        away = look()
        # The workers go on with what was accepted.
        accepted = [*senders.accepted.values()]
        until(lambda: Outbox.objects.filter(send__in=accepted).count() == 0, within=60)
        pooler.start()
        senders.go_on()
        until(lambda: {answer.status for answer in look()} == {200}, within=60)

    assert {answer.status for answer in away} == {503}
    for answer in away:
        assert "The database is busy or away" in answer.body.decode()
        assert answer.headers["Retry-After"]
    assert set(senders.others) <= {503}
    assert senders.others
    assert_each_was_sent_once(senders, simulator)


def assert_each_was_sent_once(senders: Senders, simulator: Simulator) -> None:
    """What was accepted, and of what was asked for at the last nothing more than once."""
    until(lambda: not Outbox.objects.exists(), within=PATIENCE_SECONDS)
    until(lambda: not Send.objects.exclude(status=SendStatus.FINISHED).exists())
    sent = Counter(Send.objects.values_list("why", flat=True))
    assert set(sent) >= set(senders.accepted)
    assert set(sent.values()) == {1}
    assert statuses() == {"delivered": len(sent)}
    taken = Counter(entry["interaction_id"] for entry in simulator.journalled())
    assert taken == Counter(key.partition(" ")[0] for key in sent)
    assert_ledger_agrees()


def test_events_come_to_pages_behind_it(
    servers: list[Server], make_user: Callable[..., User]
) -> None:
    """Who listens has a session of its own, beside the pooler."""
    cookie = cookie_of(make_user("olga", "supervisor"))
    for server in servers:
        with closing(HTTPConnection(*server.place, timeout=30)) as asking:
            asking.request("GET", "/events/?topic=board", headers={"Cookie": cookie})
            answer = asking.getresponse()
            heard_until(answer, b": connected")
            notifications.publish(notifications.BOARD)
            heard_until(answer, b"data: board")


def heard_until(answer: HTTPResponse, wanted: bytes) -> None:
    while wanted not in (line := answer.readline()):
        assert line, "the stream has ended"


def test_nothing_is_prepared_behind_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next transaction may be in a session that does not know the statement."""
    for is_pooled, prepared in ((False, 1), (True, 0)):
        monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", is_pooled)
        connection.close()
        for _ in range(10):
            execute("SELECT 1 AS one", {})
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_prepared_statements")
            assert cursor.fetchone() == (prepared,)
    connection.close()


def test_each_session_of_the_role_has_the_limits_of_web_processes() -> None:
    """By deploy/postgresql/pooled.sql, whichever session a pooler gives to a process."""
    text = (FILES / "deploy" / "postgresql" / "pooled.sql").read_text("utf-8")
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as opened:
        opened.execute("DROP ROLE IF EXISTS console_pooled; CREATE ROLE console_pooled LOGIN")
        try:
            opened.execute(text.replace("ROLE console ", "ROLE console_pooled ").encode())
            known = connection.get_connection_params() | {"user": "console_pooled"}
            with psycopg.connect(**known) as session:
                for name, wanted in session_settings(WEB).items():
                    shown = session.execute(
                        "SELECT current_setting(%s) = set_config(%s, %s, true)",
                        [name, name, wanted],
                    ).fetchone()
                    assert shown == (True,), name
        finally:
            opened.execute("DROP ROLE console_pooled")
