"""A web process answers while others ask for the largest that there is: to the running server."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from console.accounts.models import ApiClient, Scope
from tests.support.serving import Answer, Server, shared_server

pytestmark = pytest.mark.django_db(transaction=True)

CHATS = 250
AT_ONCE = 3
MANY = "{% assign m = '" + "," * 999 + "' | split: ',' %}"
# As much as may be done for a chat.
HEAVY = MANY + "{% for i in m limit: 300 %}" + "{% if 1 == 1 %}{% endif %}" * 8 + "{% endfor %}a"
LOCALES = ("en", "de", "fr", "es", "it", "pt")
ENDLESS = {
    "outputs without an end": "{{" * 2000,
    "tags without an end": "{% a " * 800,
    "variables in variables": "{{ " + "data[" * 500 + "1" + "]" * 500 + " }}",
    "blanks": "{{" + " " * 4000 + "a",
}


server = shared_server(CONSOLE_STRANGER_RATE="9999/min", CONSOLE_API_RATE="9999/min")


@pytest.fixture
def ask(
    server: Server, make_client: Callable[..., tuple[ApiClient, str]]
) -> Callable[[str, Any], Answer]:
    token = make_client(*Scope.values)[1]

    def post(path: str, body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        return server.ask(f"/api/v1/{path}", "POST", json.dumps(body).encode(), **headers)

    return post


@pytest.mark.usefixtures("chat_server")
def test_healthz_is_answered_while_the_largest_previews_run(
    server: Server,
    ask: Callable[[str, Any], Answer],
    make_notice: Callable[..., Any],
    make_interaction: Callable[..., Any],
) -> None:
    names = [f"chat{number}" for number in range(CHATS)]
    for name in names:
        make_interaction(name, user_data={"Name": "Zoë"})
    make_notice(HEAVY, key="heavy")
    body = {"notice": "heavy", "interactions": names, "dry_run": True}
    meanwhile = 0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        previews = [pool.submit(ask, "sends/", body) for _ in range(AT_ONCE)]
        while not all(preview.done() for preview in previews):
            assert server.ask("/healthz").status == 200
            meanwhile += 1
    for preview in previews:
        answer = preview.result()
        assert answer.status == 200, answer.body
        assert json.loads(answer.body)["counts"] == {"ready": CHATS}
    # One after the other, so it was answered between the beginnings and the ends of the others.
    assert meanwhile >= 4


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_a_template_without_an_end_is_refused_at_once(
    template: str,
    server: Server,
    ask: Callable[[str, Any], Answer],
    make_notice: Callable[..., Any],
) -> None:
    """By the time of the processor that it takes: reading one held up the whole process."""
    make_notice("Hello", key="hello")
    process = psutil.Process(server.process.pid)
    assert server.ask("/healthz").status == 200
    bodies = {"default_locale": "en", "bodies": dict.fromkeys(LOCALES, template)}
    before = sum(process.cpu_times()[:2])
    answer = ask("notices/hello/versions/", bodies)
    taken = sum(process.cpu_times()[:2]) - before
    assert answer.status == 400, answer.body
    assert json.loads(answer.body)["code"] == "template_error"
    assert taken < 1
