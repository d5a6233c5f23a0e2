"""However many search at once, everything else is answered: pages, the feed, sends, `/readyz`."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from console.accounts.models import User
from tests.support.factories import upsert
from tests.support.serving import Answer, Server, serving
from tests.support.signing_in import sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

# Twice as many as the process has connections, and more than it has places for waiting.
EACH = 14
# A search is ended before its session has waited too long for a lock.
SETTINGS: dict[str, Any] = {"CONSOLE_DATABASE_POOL_SIZE": "20", "CONSOLE_SEARCH_SECONDS": "3"}
SECONDS = 60.0
EXPECTED = [200, 200, 200, 200, 202, 201]


class Flood:
    """People who search again and again, each in many tabs, for what takes long."""

    def __init__(self, server: Server, cookies: list[str]) -> None:
        self.server = server
        self.answers: Counter[int] = Counter()
        self.is_over = threading.Event()
        self.has_refused = threading.Event()
        self.threads = [
            threading.Thread(target=self._search, args=(cookie,))
            for cookie in cookies
            for _ in range(EACH)
        ]

    def _search(self, cookie: str) -> None:
        while not self.is_over.is_set():
            status = self.server.ask("/history/?q=nowhere", Cookie=cookie).status
            self.answers[status] += 1
            if status in (429, 503):
                self.has_refused.set()

    @contextmanager
    def under_way(self) -> Iterator[None]:
        for thread in self.threads:
            thread.start()
        try:
            assert self.has_refused.wait(SECONDS)
            yield
        finally:
            self.is_over.set()
            for thread in self.threads:
                thread.join(SECONDS)


@contextmanager
def slow_searches() -> Iterator[None]:
    """Whoever reads what the history is searched in waits for as long as a session may."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE sends_historypart IN ACCESS EXCLUSIVE MODE")
        yield


def test_a_flood_of_searches_leaves_the_rest_alone(
    make_user: Callable[..., User],
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
    make_client: Callable[..., Any],
    chat_server: Any,
) -> None:
    make_notice(key="hello")
    chats = [make_interaction().pk for _ in range(6)]
    token = f"Bearer {make_client('send', 'feed', 'read')[1]}"
    cookies = [_cookie(make_user(f"sam{number}", "auditor")) for number in range(3)]
    other = _cookie(make_user("sue", "supervisor", "auditor"))
    with serving(**SETTINGS) as server:
        asks = _others(server, other, token, chats)
        flood = Flood(server, cookies)
        assert [ask(0).status for ask in asks] == EXPECTED
        with slow_searches(), flood.under_way():
            found = [[ask(number).status for ask in asks] for number in range(1, 6)]
    assert found == [EXPECTED] * 5
    assert set(flood.answers) <= {422, 429, 503}
    assert flood.answers[429]


def _cookie(person: User) -> str:
    browser = sign_in(Client(), person)
    return f"{settings.SESSION_COOKIE_NAME}={browser.cookies[settings.SESSION_COOKIE_NAME].value}"


def _others(
    server: Server, cookie: str, token: str, chats: list[str]
) -> list[Callable[[int], Answer]]:
    """What others do meanwhile."""

    def post(path: str, body: dict[str, Any]) -> Answer:
        headers = {"Content_Type": "application/json", "Authorization": token}
        return server.ask(f"/api/v1/{path}", "POST", json.dumps(body), **headers)

    return [
        lambda _number: server.ask("/board/", Cookie=cookie),
        lambda _number: server.ask("/notices/", Cookie=cookie),
        lambda _number: server.ask("/readyz"),
        lambda _number: server.ask("/api/v1/interactions/", Authorization=token),
        lambda number: post("interactions/events/", {"events": [upsert(f"new-{number}")]}),
        lambda number: post("sends/", {"notice": "hello", "interactions": [chats[number]]}),
    ]
