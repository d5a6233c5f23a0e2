"""A body that comes in chunks, without a length, is the same body: to the running server."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from console.accounts.models import ApiClient, Scope
from console.api.openapi.document import api_document
from console.interactions.models import ChatServer
from console.sends.models import Delivery
from console.web.requests.bodies import WholeBody
from tests.support.serving import Answer, Server, shared_server

pytestmark = pytest.mark.django_db(transaction=True)

BROKEN = b'{"broken": '
JSON = {"Content_Type": "application/json"}


server = shared_server(CONSOLE_STRANGER_RATE="9999/min", CONSOLE_API_RATE="9999/min")


@pytest.fixture
def token(make_client: Callable[..., tuple[ApiClient, str]]) -> str:
    return make_client(*Scope.values)[1]


def in_chunks(body: bytes) -> Iterator[bytes]:
    """As a program streams it: http.client says no length then."""
    for start in range(0, len(body), 5):
        yield body[start : start + 5]


def writing_calls() -> Iterator[tuple[str, str]]:
    """Every call of the API that may have a body, with something in the place of each name."""
    schema = api_document()
    for path, operations in schema["paths"].items():
        for method in operations:
            if method in ("post", "put", "patch", "delete"):
                named = path.replace("{id}", "1").replace("{number}", "1")
                while "{" in named:
                    before, _, rest = named.partition("{")
                    # What is deleted by the first call is not there for the second.
                    name = "nowhere" if method == "delete" else "chat-east"
                    named = before + name + rest.partition("}")[2]
                yield method.upper(), named


def call(server: Server, token: str, method: str, path: str, body: Any) -> Answer:
    return server.ask(path, method, body, Authorization=f"Bearer {token}", **JSON)


def test_every_call_reads_a_body_in_chunks_as_any_other(
    server: Server, token: str, chat_server: ChatServer
) -> None:
    """What is broken is refused in the same words; read as empty it would be taken, or refused for
    what is missing."""
    calls = list(writing_calls())
    assert len(calls) > 30
    refused = 0
    for method, path in calls:
        plain = call(server, token, method, path, BROKEN)
        chunked = call(server, token, method, path, in_chunks(BROKEN))
        assert (chunked.status, chunked.body) == (plain.status, plain.body), (method, path)
        refused += plain.status == 400
    assert refused > 10


def test_a_change_in_chunks_is_made(server: Server, token: str, chat_server: ChatServer) -> None:
    path, body = "/api/v1/chat-servers/chat-east/", json.dumps({"pace_per_second": 7}).encode()

    answer = call(server, token, "PATCH", path, in_chunks(body))

    assert answer.status == 200, answer.body
    chat_server.refresh_from_db()
    assert chat_server.pace_per_second == 7


def test_a_send_in_chunks_by_a_client_that_expects_to_be_told_to_continue(
    server: Server, token: str, chat_server: ChatServer, make_notice: Any, make_interaction: Any
) -> None:
    make_notice(key="hello")
    chat = make_interaction().pk
    body = json.dumps({"notice": "hello", "interactions": [chat]}).encode()
    head = (
        "POST /api/v1/sends/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()

    answer = server.raw(head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))

    assert b"HTTP/1.1 201 " in answer, answer[:500]
    assert Delivery.objects.filter(interaction_id=chat, status="pending").count() == 1


def test_a_form_in_chunks_is_read(server: Server) -> None:
    """Without its token it would be refused."""
    cookie = server.ask("/accounts/login/").headers["Set-Cookie"].partition(";")[0]
    fields = {"login": "sue", "password": "x", "csrfmiddlewaretoken": cookie.partition("=")[2]}
    parts = (
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )

    answer = server.ask(
        "/accounts/login/",
        "POST",
        in_chunks(("".join(parts) + "--edge--\r\n").encode()),
        Content_Type="multipart/form-data; boundary=edge",
        Cookie=cookie,
    )

    assert answer.status == 200
    assert b'value="sue"' in answer.body


# --- On a WSGI server ----------------------------------------------------------------------------


def asked(body: bytes, **environ: Any) -> tuple[str, dict[str, Any]]:
    """What the application sees of a request in chunks, and what it answers."""
    said: list[str] = []
    seen: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/accounts/login/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        **environ,
    }
    list(WholeBody(WSGIHandler())(seen, lambda status, headers: said.append(status)))
    return said[0], seen


def test_a_server_that_ends_the_body_itself_is_trusted_with_it() -> None:
    status, seen = asked(b"login=sue", **{"wsgi.input_terminated": True})

    assert status.startswith("403")  # read, and without a token of the form
    assert seen["CONTENT_LENGTH"] == "9"


def test_no_more_is_read_than_may_be(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = BytesIO(b"a" * 5000)

    status, _seen = asked(b"", **{"wsgi.input_terminated": True, "wsgi.input": body})

    assert status.startswith("413")
    assert body.tell() == 1001


def test_a_server_that_does_not_end_the_body_has_it_refused() -> None:
    status, _seen = asked(b"login=sue")

    assert status.startswith("411")
