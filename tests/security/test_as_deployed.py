"""The answers of a server with production's settings, header by header, as docs/security.md has
them: what it says there is asked of the server here."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import User
from console.accounts.roles import Role
from tests.support.serving import Answer, Server, shared_server
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| `([\w-]+)` \| (.+?) \| (.+?) \|", re.MULTILINE)
KINDS = {"page", "refusal", "API", "file", "stream", "download"}
# What every answer has by its nature.
OTHERS = {
    *("content-type", "content-length", "content-language", "vary", "date", "last-modified"),
    *("set-cookie", "location", "allow", "content-disposition", "x-accel-buffering", "etag"),
    *("transfer-encoding", "connection", "x-request-id", "expires", "access-control-allow-origin"),
    "ratelimit",  # another one each time
}


def documented() -> dict[str, list[tuple[str, set[str]]]]:
    """Header -> its values, and the kinds of answers that have each."""
    section = DOCUMENT.read_text("utf-8").split("## Headers")[1].split("\n## ")[0]
    found: dict[str, list[tuple[str, set[str]]]] = {}
    for name, value, kinds in ROW.findall(section):
        of = KINDS if kinds == "all" else set(kinds.split(", "))
        found.setdefault(name.lower(), []).append((ordered(name, value.strip("`")), of))
    return found


def ordered(name: str, value: str) -> str:
    """A policy's parts stand in any order."""
    if name.lower() != "content-security-policy":
        return value
    return "; ".join(sorted(part.strip() for part in value.split(";")))


server = shared_server(
    CONSOLE_HTTPS="1",
    CONSOLE_TRUST_PROXY="1",
    CONSOLE_AUDIT_KEY=base64.b64encode(b"test" * 8).decode(),
    CONSOLE_TRUSTED_ORIGINS="https://console.example",
)


@pytest.fixture
def ask(server: Server, client: Client, make_user: Callable[..., User]) -> Callable[..., Answer]:
    """As the browser of somebody with every role, through a proxy that ends TLS."""
    sign_in(client, make_user("mia", *Role.values))
    session = next(iter(client.cookies.values())).value

    def answer(path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        headers = {
            "Host": "console.example",
            "X-Forwarded-Proto": "https",
            "X-Forwarded-For": "192.0.2.7",
            "Cookie": f"__Host-session={session}",
            **headers,
        }
        return server.ask(path, method, body, **headers)

    return answer


def test_the_document_tells_of_every_header(ask: Callable[..., Answer]) -> None:
    answers = {
        "page": (ask("/board/"), 200),
        "refusal": (ask("/nothing/"), 404),
        "API": (ask("/api/v1/notices/"), 200),
        "file": (ask("/static/css/tokens.css"), 200),
        "stream": (ask("/events/?topic=board"), 200),
        "download": (ask("/api/v1/audit/export/"), 200),
    }
    assert set(answers) == KINDS
    table = documented()
    assert len(table) > 8
    for kind, (answer, status) in answers.items():
        assert answer.status == status, kind
        expected = {
            name: value for name, rows in table.items() for value, kinds in rows if kind in kinds
        }
        given = {name.lower(): ordered(name, value) for name, value in answer.headers.items()}
        assert {name: value for name, value in given.items() if name not in OTHERS} == expected, (
            kind
        )


def test_cookies_are_for_this_host_alone(ask: Callable[..., Answer]) -> None:
    answer = ask("/accounts/login/", Cookie="")
    cookies = answer.headers.get_all("Set-Cookie") or []
    assert cookies
    for cookie in cookies:
        name, _equals, rest = cookie.partition("=")
        assert name.startswith("__Host-"), cookie
        for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            assert f"; {part}" in rest, cookie
        assert "Domain" not in rest


def test_without_tls_nothing_is_answered_but_the_way_to_it(server: Server) -> None:
    answer = server.ask("/board/?a=1", Host="console.example")
    assert (answer.status, answer.headers["Location"]) == (
        301,
        "https://console.example/board/?a=1",
    )


def test_another_host_is_refused(server: Server) -> None:
    for host in ("evil.example", "x@evil.example", "", "a b", "\xff"):
        head = f"GET /accounts/login/ HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\n"
        answer = server.raw(f"{head}Connection: close\r\n\r\n".encode("latin-1"))
        assert answer.startswith(b"HTTP/1.1 400 "), (host, answer[:200])
        assert b"evil.example" not in answer
