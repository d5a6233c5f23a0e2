"""The log for machines: every line of a service is JSON, and those of a request have its id."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection

from tests.support.demos import Program, data_folder
from tests.support.serving import Server, serving, site_settings

pytestmark = pytest.mark.django_db(transaction=True)

OF_THE_PROXY = "0123456789abcdef0123456789abcdef"
# Settings by which it does not start, by what it says of them.
WRONG = {
    "CONSOLE_UNDO_SECONDS": {"CONSOLE_UNDO_SECONDS": "many"},
    "does not answer": {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
}


@pytest.fixture(scope="module", autouse=True)
def refused(django_db_setup: None) -> Iterator[dict[str, Program]]:
    """Programs that do not start. One waits for its database meanwhile."""
    with data_folder() as folder, ExitStack() as stack:
        started = {}
        for reason, wrong in WRONG.items():
            given: dict[str, Any] = site_settings() | wrong | {"CONSOLE_LOG_FORMAT": "json"}
            started[reason] = Program("serve", "--port", "0", data=folder, **given)
            stack.callback(started[reason].close)
        yield started


def lines(program: Program) -> list[dict[str, Any]]:
    """What it wrote, each line as JSON or this fails."""
    return [json.loads(line) for line in program.output.splitlines()]


def test_a_failure_can_be_found_by_the_id_of_its_request() -> None:
    with serving(CONSOLE_LOG_FORMAT="json", CONSOLE_TRUST_PROXY="1") as server:
        assert server.ask("/healthz").status == 200
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE django_session RENAME TO gone")
        try:
            answer = _ask_as_somebody(server, OF_THE_PROXY)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE gone RENAME TO django_session")
        assert (answer.status, answer.headers["X-Request-ID"]) == (500, OF_THE_PROXY)
        made_up = _ask_as_somebody(server, "not one;\tof a proxy").headers["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{32}", made_up)
        server.close()
        said = lines(server)
        server.output = ""  # a traceback in it is wanted here
    assert any("Serving on" in line["event"] for line in said)
    failures = [line for line in said if "exception" in line]
    assert [line["request"] for line in failures] == [OF_THE_PROXY]


def _ask_as_somebody(server: Server, request_id: str) -> Any:
    return server.ask("/board/", Cookie="sessionid=abcdefgh", X_Request_ID=request_id)


@pytest.mark.parametrize("reason", WRONG)
def test_why_it_does_not_start_is_json_too(reason: str, refused: dict[str, Program]) -> None:
    program = refused[reason]
    assert program.wait() == 1
    assert any(reason in line["event"] and line["level"] == "error" for line in lines(program))
