"""A search of a long list that takes too long is ended, with a sentence that says what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test import Client

from console.accounts.models import ApiClient, User
from tests.support.calling import by_token, error

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "This search took longer than 0.2 seconds, so it was ended. Narrow it"


@pytest.fixture(autouse=True)
def _soon(settings: Any) -> None:
    settings.SEARCH_SECONDS = 0.2


@contextmanager
def held(table: str) -> Iterator[None]:
    """Whoever reads this table waits."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_of_the_history(
    auditor: User,
    make_send: Callable[..., Any],
    browse: Callable[..., Client],
    make_client: Callable[..., tuple[ApiClient, str]],
) -> None:
    make_send(1)
    person, client = browse(auditor), by_token(make_client("read", "audit")[1])
    with held("sends_resolution"):
        response = person.get("/history/?q=nowhere&resolution=contested")
        refused = client.raw("GET", "deliveries/?resolution=contested")
    page = response.content.decode()
    assert response.status_code == 422
    assert "The search took too long" in page
    assert SAID in page
    assert 'value="nowhere"' in page
    answer = error(refused, 422, "search_too_long")
    assert answer["message"].startswith(SAID)
    assert person.get("/history/?resolution=contested").status_code == 200


def test_of_the_trail(
    auditor: User, browse: Callable[..., Client], make_client: Callable[..., Any]
) -> None:
    person, client = browse(auditor), by_token(make_client("read", "audit")[1])
    # The request itself reads no entry of the trail before it looks for these.
    with held("audit_auditentry"):
        response = person.get("/audit/?target_kind=nothing")
        refused = client.raw("GET", "audit/entries/?target_kind=nothing")
    page = response.content.decode()
    assert response.status_code == 422
    assert SAID in page
    assert 'value="nothing"' in page
    error(refused, 422, "search_too_long")
