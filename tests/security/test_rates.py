"""So many pages a person, so many an address, so many streams: the rest gets 429."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import RateCount, User
from console.database.clock import database_now
from console.security.generated_secrets import made_up_secret_key
from console.web.requests import limits
from tests.support.demos import until
from tests.support.serving import serving
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db
# No window ends in the middle of a test.
DAY = 24 * 60 * 60


def check_refused(response: Any, seconds: int = DAY) -> None:
    assert response.status_code == 429
    wait = response.headers["Retry-After"]
    assert seconds // 2 < int(wait) <= seconds
    assert f"Too many pages in so short a time. Try again in {wait} s." in response.content.decode()
    assert response.headers["Cache-Control"] == "private, no-store"


def test_a_person_has_their_own_limit(
    settings: Any, supervisor: User, editor: User, client: Client
) -> None:
    settings.PAGE_RATE = "3/day"
    sign_in(client, supervisor)
    assert [client.get("/help/").status_code for _ in range(3)] == [200] * 3
    check_refused(client.get("/help/"))
    again = Client()  # another session of theirs is no way around it
    sign_in(again, supervisor)
    check_refused(again.get("/help/"))
    sign_in(client, editor)
    assert client.get("/help/").status_code == 200


def test_strangers_share_the_limit_of_their_address(settings: Any, client: Client) -> None:
    settings.STRANGER_RATE = "2/day"
    for _ in range(2):
        assert client.get("/accounts/login/", REMOTE_ADDR="192.0.2.1").status_code == 200
    check_refused(client.get("/accounts/login/", REMOTE_ADDR="192.0.2.1"))
    check_refused(client.get("/nothing/", REMOTE_ADDR="192.0.2.1"))
    assert client.get("/accounts/login/", REMOTE_ADDR="192.0.2.2").status_code == 200


def test_another_window_another_count(settings: Any, client: Client) -> None:
    settings.STRANGER_RATE = "1/day"
    client.get("/accounts/login/")
    check_refused(client.get("/accounts/login/"))
    RateCount.objects.update(ends_at=database_now())
    assert client.get("/accounts/login/").status_code == 200
    check_refused(client.get("/accounts/login/"))


def test_windows_that_are_over_leave_no_rows() -> None:
    for number in range(5):
        limits.seconds_to_wait(f"caller {number}", "1/min")
    RateCount.objects.update(ends_at=database_now())
    limits.seconds_to_wait("another", "1/min")
    assert RateCount.objects.count() == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/static/css/tokens.css"])
def test_probes_and_files_are_not_counted(settings: Any, client: Client, path: str) -> None:
    settings.STRANGER_RATE = "1/day"
    for _ in range(3):
        response = client.get(path)
        b"".join(response)
        assert response.status_code == 200


@pytest.mark.parametrize("unit", ["s", "sec", "m", "min", "h", "hour", "d", "day"])
def test_every_unit_of_the_setting(unit: str) -> None:
    assert limits.seconds_to_wait("sue", f"1/{unit}") == 0
    assert limits.seconds_to_wait("sue", f"1/{unit}") > 0


# --- Streams and keys, of the running server -----------------------------------------------------


def session_of(client: Client, user: User) -> str:
    sign_in(client, user)
    return client.cookies["sessionid"].value


@pytest.mark.django_db(transaction=True)
def test_a_person_has_so_many_streams(client: Client, make_user: Callable[..., User]) -> None:
    cookie = f"sessionid={session_of(client, make_user('sue', 'supervisor'))}"
    head = f"GET /events/?topic=board HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n"
    with serving(CONSOLE_STREAM_LIMIT="1") as server:
        with server.open(head.encode()) as first:
            assert b": connected" in first
            refused = server.ask("/events/?topic=board", Cookie=cookie)
            assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
            assert b"Close some." in refused.body
        until(lambda: server.ask("/events/?topic=board", Cookie=cookie).status == 200)


@pytest.mark.django_db(transaction=True)
def test_a_new_secret_key_with_the_old_one_beside_it(
    client: Client, make_user: Callable[..., User], settings: Any
) -> None:
    """The session lives on and is signed anew: afterwards the old key is not needed for it. One
    that only the old key signed ends when that is taken away."""
    sue = make_user("sue", "supervisor")
    cookie = f"sessionid={session_of(client, sue)}"
    old, new = settings.SECRET_KEY, made_up_secret_key()
    with serving(CONSOLE_SECRET_KEY=new, CONSOLE_OLD_SECRET_KEYS=old) as server:
        answer = server.ask("/help/", Cookie=cookie)
        assert answer.status == 200
        cookies = answer.headers.get_all("Set-Cookie") or []
        signed_anew = next(each for each in cookies if each.startswith("sessionid="))
        signed_anew = signed_anew.partition(";")[0]
    with serving(CONSOLE_SECRET_KEY=new) as server:
        assert server.ask("/help/", Cookie=signed_anew).status == 200
        answer = server.ask("/help/", Cookie=f"sessionid={session_of(client, sue)}")
        assert answer.status == 302  # to the sign-in
        assert answer.headers["Location"].startswith("/accounts/login/")
