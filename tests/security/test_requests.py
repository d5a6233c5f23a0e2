"""What no view should see is refused at the door, and no answer is kept by a cache."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.test import Client
from django.urls import reverse

from console.accounts.models import ApiClient, User
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

FORM = "application/x-www-form-urlencoded"
HEADERS = {"Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options"}


@pytest.fixture
def signed_in(client: Client, supervisor: User) -> Client:
    sign_in(client, supervisor)
    client.raise_request_exception = False
    return client


def check_refused(response: Any) -> None:
    assert response.status_code == 400, response.content
    assert set(response.headers) >= HEADERS
    assert response.headers["Cache-Control"] == "private, no-store"
    assert "could not be read" in response.content.decode()


# --- A NUL ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "/notices/?q=%00",
        "/history/?q=a%00b",
        "/audit/?action=%00",
        "/notices/a%00b/",
        "/board/?%00=1",
        "/accounts/login/?next=%00",
        "/nothing/%00",
        "/static/%00.css",
    ],
)
def test_a_nul_in_the_address_of_a_page(signed_in: Client, address: str) -> None:
    check_refused(signed_in.get(address))


@pytest.mark.parametrize(
    "path",
    [
        "notices/?q=%00",
        "deliveries/?q=%00",
        "audit/entries/?action=%00",
        "interactions/%00/",
        "notices/?%00=1",
    ],
)
def test_a_nul_in_an_address_of_the_api(
    client: Client, make_client: Callable[..., tuple[ApiClient, str]], path: str
) -> None:
    token = make_client()[1]
    response = client.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})
    check_refused(response)
    assert response.json()["code"] == "bad_request"


@pytest.mark.parametrize("body", ["username=a%00b&password=x", "username=a\0b", "a%00=1"])
def test_a_nul_in_a_form(client: Client, body: str) -> None:
    check_refused(client.post(reverse("account_login"), body, content_type=FORM))


def test_a_nul_in_a_multipart_form(client: Client) -> None:
    check_refused(client.post(reverse("account_login"), {"login": "a\0b", "password": "x"}))


# --- Charsets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "latin-1", "idna", "zebra", ""])
@pytest.mark.parametrize("path", ["/accounts/login/?next=/", "/api/v1/notices/?q=a"])
def test_another_charset(client: Client, path: str, charset: str) -> None:
    client.raise_request_exception = False
    check_refused(client.generic("POST", path, "a=b", content_type=f"{FORM}; charset={charset}"))


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "utf8", '"utf-8"'])
def test_utf8_by_each_of_its_names(client: Client, charset: str) -> None:
    kind = f"{FORM}; charset={charset}"
    response = client.generic("POST", reverse("account_login"), "a=b", content_type=kind)
    assert response.status_code == 200


# --- Sessions ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["a\0bcdefgh", "../../etc/passwd", "ABCDEFGHIJ", "abcdefg hij"])
def test_a_cookie_that_names_no_session(
    client: Client, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    original = SessionMiddleware.process_request

    def watched(self: SessionMiddleware, request: Any) -> None:
        seen.append(request.COOKIES.get(settings.SESSION_COOKIE_NAME))
        original(self, request)

    monkeypatch.setattr(SessionMiddleware, "process_request", watched)
    client.cookies[settings.SESSION_COOKIE_NAME] = key
    response = client.get("/board/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith(reverse("account_login"))
    assert seen == [None]


# --- Failures ------------------------------------------------------------------------------------


def fail(*_arguments: Any, **_named: Any) -> None:
    raise ZeroDivisionError


def test_a_failure_of_what_every_page_shows_is_still_a_page(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.web.pages.context.actor_of", fail)
    response = signed_in.get("/help/")
    assert response.status_code == 500
    assert "The console could not answer" in response.content.decode()
    assert set(response.headers) >= HEADERS


def test_a_failure_before_any_view_carries_the_headers(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionMiddleware, "process_request", fail)
    response = signed_in.get("/help/")
    assert response.status_code == 500
    assert set(response.headers) >= HEADERS
    assert response.headers["Cache-Control"] == "private, no-store"


# --- Caches --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/board/", "/help/", "/nothing/", "/audit/", "/api/v1/notices/", "/healthz"]
)
def test_no_answer_is_stored(signed_in: Client, path: str) -> None:
    assert signed_in.get(path).headers["Cache-Control"] == "private, no-store"


def test_a_redirect_is_not_stored(client: Client) -> None:
    assert client.get("/").headers["Cache-Control"] == "private, no-store"


def test_static_files_are(client: Client) -> None:
    response = client.get("/static/css/base.css")
    assert response.status_code == 200
    response.close()
    assert "no-store" not in response.headers["Cache-Control"]
