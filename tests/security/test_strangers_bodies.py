"""What a stranger uploads is refused before it is read: these bodies never come."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import Client

from console.accounts.models import ApiClient, User
from console.web.requests.bodies import OF_A_STRANGER, WholeBody
from tests.support.serving import Server, shared_server
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)

FORM = "multipart/form-data; boundary=edge"


def announced(path: str, length: int, *headers: str, kind: str = FORM) -> bytes:
    """The head of a request whose body does not follow."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Connection: close",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


STRANGERS = [
    "X-Nothing: 1",
    "Cookie: sessionid=abcdefghijklmnopqrstuvwxyz012345",
    "Cookie: sessionid=%00",
    "Authorization: Bearer ncon_guessed",
    "Authorization: Basic c3VlOnN1ZQ==",
]


server = shared_server()


def test_it_is_answered_without_waiting_for_it(server: Server) -> None:
    for header in STRANGERS:
        check_refused(server, header)


def check_refused(server: Server, header: str) -> None:
    for path in ("/notices/import/", "/nothing/"):
        answer = server.raw(announced(path, 3_000_000, header))
        assert answer.startswith(b"HTTP/1.1 302 "), answer[:200]
        assert b"location: /accounts/login/" in answer.lower()
    answer = server.raw(announced("/api/v1/notices/", 3_000_000, header, kind="application/json"))
    assert answer.startswith(b"HTTP/1.1 401 "), answer[:200]


def test_nor_is_it_read_in_chunks_without_an_end(server: Server) -> None:
    head = announced("/api/v1/notices/", 0, "Transfer-Encoding: chunked", kind="application/json")
    head = head.replace(b"Content-Length: 0\r\n", b"")
    chunk = b"%x\r\n%b\r\n" % (20_000, b" " * 20_000)
    assert server.raw(head + chunk * 4).startswith(b"HTTP/1.1 413 ")


def test_who_is_known_is_read(
    server: Server,
    client: Client,
    make_user: Callable[..., User],
    make_client: Callable[..., tuple[ApiClient, str]],
) -> None:
    body = b" " * (OF_A_STRANGER + 1)
    _client, token = make_client("catalogue")
    answer = server.ask(
        *("/api/v1/notices/", "POST", body),
        Authorization=f"Bearer {token}",
        Content_Type="application/json",
    )
    assert answer.status == 400  # not JSON: it was read
    sign_in(client, make_user("eddy", "editor"))
    cookie = f"sessionid={client.cookies['sessionid'].value}"
    answer = server.ask("/notices/import/", "POST", body, Cookie=cookie, Content_Type=FORM)
    assert answer.status in (400, 403)  # no form, or none with the token that belongs to it
    User.objects.update(is_active=False)
    answer = server.ask("/notices/import/", "POST", body, Cookie=cookie, Content_Type=FORM)
    assert answer.status == 302


def test_on_a_wsgi_server() -> None:
    class Untouched(BytesIO):
        def read(self, *_arguments: Any) -> bytes:
            raise AssertionError("it was read")

    for path, status in (("/notices/import/", "302"), ("/api/v1/notices/", "401")):
        said: list[str] = []
        asked: dict[str, Any] = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "CONTENT_TYPE": FORM,
            "CONTENT_LENGTH": "3000000",
            "wsgi.url_scheme": "http",
            "wsgi.input": Untouched(),
        }
        list(WholeBody(WSGIHandler())(asked, lambda line, _headers, said=said: said.append(line)))
        assert said[0].startswith(status), path
