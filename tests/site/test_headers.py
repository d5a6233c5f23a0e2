"""Every response, whatever it is, carries the policy and the security headers."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from console.accounts.models import User
from tests.support.signing_in import sign_in

POLICY = {
    "default-src 'self'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
}
HEADERS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

pytestmark = pytest.mark.django_db


def check_headers(response: Any) -> None:
    policy = {part.strip() for part in response.headers["Content-Security-Policy"].split(";")}
    assert policy == POLICY
    for name, value in HEADERS.items():
        assert response.headers[name] == value, name
    assert "Server" not in response.headers


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/accounts/login/", 200),
        ("/", 302),
        ("/board/", 302),
        ("/nothing/at/all/", 404),
        ("/api/v1/notices/", 401),
        ("/api/v1/nothing/", 404),
        ("/api/v1/schema/", 401),
        ("/api/v1/%00/", 400),
        ("/%00/", 400),
        ("/events/", 302),
    ],
)
def test_for_strangers(client: Client, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    check_headers(response)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/board/", 200),
        ("/help/", 200),
        ("/notices/", 200),
        ("/audit/", 403),
        ("/nothing/at/all/", 404),
        ("/api/v1/docs/", 200),
        ("/events/", 400),
    ],
)
def test_for_people(client: Client, supervisor: User, path: str, status: int) -> None:
    sign_in(client, supervisor)
    response = client.get(path)
    assert response.status_code == status
    check_headers(response)


def test_for_failures(client: Client, supervisor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: Any, **_named: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("console.web.pages.home.render", broken)
    sign_in(client, supervisor)
    client.raise_request_exception = False
    response = client.get("/help/")
    assert response.status_code == 500
    check_headers(response)
    assert b"ZeroDivisionError" not in response.content


def test_for_refused_forms(supervisor: User) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, supervisor)
    response = client.post("/accounts/logout/")
    assert response.status_code == 403
    check_headers(response)


def test_for_static_files(client: Client) -> None:
    assert finders.find("css/base.css") or finders.find("css/pages.css")
    name = "css/base.css" if finders.find("css/base.css") else "css/pages.css"
    response = client.get(f"/static/{name}")
    assert response.status_code == 200
    response.close()
    # A file is no page: the policy is the page's. What matters is that nobody guesses its type.
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Type"].startswith("text/css")


def test_a_session_cookie_is_out_of_reach_for_scripts(
    client: Client, make_user: Callable[..., User]
) -> None:
    from tests.support.factories import PASSWORD

    make_user("sue", "supervisor")
    response = client.post("/accounts/login/", {"login": "sue", "password": PASSWORD})
    assert response.status_code == 302
    cookie = response.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
