"""Searches have few places: for a person, and for all."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.test import Client

from console.accounts.models import User
from console.accounts.services import api_client_create
from console.actors import system_actor
from console.database.search_places import TAKE, search_place
from console.errors import TooManyRequests, Unavailable
from tests.support.calling import by_token, error

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr("console.database.search_places.PATIENCE_SECONDS", 0.0)
    settings.SEARCHES_OF_A_PERSON, settings.SEARCHES_AT_ONCE = 2, 3


class Searching:
    """Other searches that run, each with a connection of its own."""

    def __init__(self) -> None:
        self.sessions: list[psycopg.Connection[Any]] = []

    def begin(self, who: str) -> tuple[int | None, int | None]:
        session = psycopg.connect(**connection.get_connection_params())
        self.sessions.append(session)
        found = session.execute(TAKE, {"who": who, "of_person": 2, "in_all": 3}).fetchone()
        assert found is not None
        return found

    def end(self) -> None:
        with self.sessions.pop() as session:
            session.rollback()


@pytest.fixture
def searching() -> Any:
    others = Searching()
    yield others
    for session in others.sessions:
        session.close()


def test_a_person_has_so_many_places(searching: Searching) -> None:
    assert [searching.begin("user:1") for _ in range(2)] == [(1, 1), (2, 2)]
    with pytest.raises(TooManyRequests) as refused, search_place("user:1"):
        pass
    assert refused.value.code == "too_many_searches"
    with search_place("user:2"):
        pass
    searching.end()
    with search_place("user:1"):
        pass


def test_all_have_so_many_places(searching: Searching) -> None:
    for number in range(3):
        searching.begin(f"user:{number}")
    with pytest.raises(Unavailable) as refused, search_place("user:9"):
        pass
    assert (refused.value.code, refused.value.retry_after) == ("searches_busy", 5)
    searching.end()
    with search_place("user:9"):
        pass


def test_a_refused_search_holds_nothing(searching: Searching) -> None:
    """Neither of the places, although one of them was free."""
    searching.begin("user:1"), searching.begin("user:1")
    with pytest.raises(TooManyRequests), search_place("user:1"):
        pass
    assert searching.begin("user:2") == (1, 3)


def test_a_failed_search_frees_its_place() -> None:
    for _ in range(5):
        with pytest.raises(ZeroDivisionError), search_place("user:1"):
            raise ZeroDivisionError
    with transaction.atomic(), search_place("user:1"):
        pass


@pytest.mark.parametrize("who", ["person", "all"])
def test_pages_keep_what_was_typed(
    who: str,
    auditor: User,
    browse: Callable[..., Client],
    searching: Searching,
) -> None:
    person = browse(auditor)
    _client, token = api_client_create(
        system_actor("tests"), name="own", scopes=["read", "audit"], owner=auditor
    )
    for number in range(2 if who == "person" else 3):
        searching.begin(f"user:{auditor.pk}" if who == "person" else f"user:9{number}")
    status, code, said = {
        "person": (429, "too_many_searches", "2 searches of yours run already"),
        "all": (503, "searches_busy", "Many people search at this moment"),
    }[who]
    for address in ("/history/?q=typed", "/audit/?target_kind=typed", "/search/?q=typed"):
        page = person.get(address)
        assert (page.status_code, page.headers["Retry-After"]) == (status, "5"), address
        assert said in page.content.decode()
        assert 'value="typed"' in page.content.decode()
    for address in ("deliveries/?q=typed", "audit/entries/"):
        refused = by_token(token).raw("GET", address)
        assert error(refused, status, code)["message"].startswith(said)
        assert refused.headers["Retry-After"] == "5"
    # What is no search is there.
    assert person.get("/sends/").status_code == 200
