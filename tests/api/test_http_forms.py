"""However a request comes over the line, it is the same request.

Each call of the API is made in each way. A call that takes a body is also made with one that has a
field too many: the refusal names that field, so the body was read.
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from console.accounts.models import ApiClient, Scope
from console.catalogue.models import CannedNotice
from tests.api.each_call import each_call, outcomes_of_each_call
from tests.api.test_access import TABLE, addresses  # noqa: F401 - a fixture
from tests.support.serving import Server, shared_server

pytestmark = pytest.mark.django_db(transaction=True)

TOO_MANY = "field_too_many"
Ask = Callable[[Server, str, str, bytes, str], tuple[int, bytes]]
# Their answers are of the moment, or files.
NOT_COMPARED = {"notices-export", "schema", "variables"}


def plain(server: Server, method: str, path: str, body: bytes, token: str) -> tuple[int, bytes]:
    answer = server.ask(path, method, body, Authorization=token, **JSON)
    return answer.status, answer.body


def in_chunks(server: Server, method: str, path: str, body: bytes, token: str) -> tuple[int, bytes]:
    pieces = iter([body[:7], body[7:]] if body else [])
    answer = server.ask(path, method, pieces, Authorization=token, **JSON)
    return answer.status, answer.body


def by_http_1_0(
    server: Server, method: str, path: str, body: bytes, token: str
) -> tuple[int, bytes]:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = (
        f"{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
        f"Content-Type: application/json\r\n{length}\r\n"
    )
    said, _blank, content = server.raw(head.encode() + body).partition(b"\r\n\r\n")
    return int(said.split(b" ", 2)[1]), content


def after_asking_first(
    server: Server, method: str, path: str, body: bytes, token: str
) -> tuple[int, bytes]:
    """`Expect: 100-continue`: the body leaves once the server says that it wants it."""
    headers = ["Expect: 100-continue", f"Authorization: {token}", "Content-Type: application/json"]
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--http1.1", "--request", method),
            *(part for header in headers for part in ("--header", header)),
            *(("--data-binary", "@-") if body else ()),
            *("--write-out", "\n%{http_code}", f"{server.address}{path}"),
        ],
        input=body,
        capture_output=True,
        timeout=30,
        check=True,
    )
    content, _line, status = done.stdout.rpartition(b"\n")
    return int(status), content


JSON = {"Content_Type": "application/json"}


server = shared_server(CONSOLE_API_RATE="99999/min")


@pytest.fixture
def token(make_client: Callable[..., tuple[ApiClient, str]]) -> str:
    return f"Bearer {make_client(*Scope.values, name='Almighty')[1]}"


def calls() -> Iterator[tuple[str, str, bytes]]:
    """Method, route and body of each that programs may make."""
    for (method, name), (_who, body, _status) in TABLE.items():
        if name in NOT_COMPARED:
            continue
        if body is None and method != "GET":
            continue  # nothing is read, and it would be done
        said = {**body, TOO_MANY: 1} if isinstance(body, dict) else body
        yield method, name, json.dumps(said).encode() if said is not None else b""


@pytest.mark.parametrize("ask", [in_chunks, by_http_1_0, after_asking_first])
def test_each_call_is_the_same_however_it_comes(
    server: Server,
    addresses: dict[str, str],  # noqa: F811
    token: str,
    ask: Ask,
) -> None:
    if ask is after_asking_first and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    read, outcomes, expected = 0, {}, {}
    for method, name, body in calls():
        asked = (server, method, addresses[name], body, token)
        case = f"{method} {name}"
        expected[case], outcomes[case] = known(plain(*asked)), known(ask(*asked))
        read += TOO_MANY in str(outcomes[case])
    assert outcomes == expected
    assert read > 20, outcomes
    assert not [case for case, (status, _said) in outcomes.items() if status >= 500]


def known(answer: tuple[int, bytes]) -> tuple[int, Any]:
    """Without what is another each moment."""
    status, content = answer
    try:
        said = json.loads(content)
    except ValueError:
        return status, len(content) > 0
    text = json.dumps(said)
    return status, text if TOO_MANY in text or "waiting_seconds" not in text else sorted(said)


@pytest.mark.parametrize("ask", [plain, in_chunks, by_http_1_0, after_asking_first])
def test_each_call_is_done_however_it_comes(
    server: Server,
    addresses: dict[str, str],  # noqa: F811
    token: str,
    ask: Ask,
) -> None:
    """Each in a world of its own: what the one changes, the other finds unchanged."""
    if ask is after_asking_first and shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    outcomes = {}
    for method, name, body in each_call():
        said = json.dumps(body).encode() if body is not None else b""
        status, _said = ask(server, method, addresses[name], said, token)
        outcomes[f"{method} {name}"] = status
    assert outcomes == outcomes_of_each_call()
    assert CannedNotice.objects.get(key="greeting").tags == ["other"]


def test_a_send_that_comes_in_chunks_is_one_send(
    server: Server,
    addresses: dict[str, str],  # noqa: F811
    token: str,
) -> None:
    """The effect, and not the refusal alone."""
    body = json.dumps({"notice": "greeting", "interactions": ["a1"], "why": "Late"}).encode()
    ways: list[Ask] = [plain, in_chunks, by_http_1_0, after_asking_first]
    for ask in ways:
        status, content = ask(server, "POST", addresses["sends"], body, token)
        assert status == 201, content
        sent = json.loads(content)
        assert (sent["why"], sent["counts"]["total"]) == ("Late", 1)
