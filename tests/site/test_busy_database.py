"""Calls and pages that need what others hold in the database, at a running web server: each is
answered while the other still holds it."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from console.accounts.models import ApiClient, Scope, User
from console.database.sessions import WEB
from tests.support.serving import Server
from tests.support.signing_in import sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture(scope="module")
def server(django_db_setup: None) -> Iterator[Server]:
    """One whose log may have failures."""
    with tempfile.TemporaryDirectory() as folder:
        running = Server(Path(folder))
        try:
            yield running
        finally:
            running.close()


@contextmanager
def held(table: str) -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_no_lock_is_waited_for_longer_than_five_seconds() -> None:
    assert 0 < WEB.lock < 5


def test_a_call_is_told_to_come_again(
    server: Server, make_client: Callable[..., tuple[ApiClient, str]]
) -> None:
    headers = {"Authorization": f"Bearer {make_client(*Scope.values)[1]}"}
    assert server.ask("/api/v1/chat-servers/", **headers).status == 200
    with held("interactions_chatserver"):
        answer = server.ask("/api/v1/chat-servers/", **headers)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    said = json.loads(answer.body)
    assert said["code"] == "database_busy"
    assert said["params"] == {"seconds": 2}
    assert server.ask("/api/v1/chat-servers/", **headers).status == 200


@pytest.mark.parametrize("table", ["interactions_chatserver", "accounts_user"])
def test_so_is_a_person(server: Server, supervisor: User, client: Client, table: str) -> None:
    """In a view, and before any view: who asks is looked up first."""
    sign_in(client, supervisor, "totp")
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
    assert server.ask("/operations/", Cookie=cookie).status == 200
    with held(table):
        answer = server.ask("/operations/", Cookie=cookie)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert "The database is busy or away" in answer.body.decode()
    assert server.ask("/operations/", Cookie=cookie).status == 200
