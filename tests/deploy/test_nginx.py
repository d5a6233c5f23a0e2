"""The proxy's example before a real console: pages, what is believed of a request, the stream."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from console.accounts.models import User
from console.database import notifications
from console.site.static_version import static_version
from console.web.server.parts import OF_EACH, Part
from deploy import healthcheck
from tests.deploy.proxy import HOST, NGINX, Proxy, proxied
from tests.support.factories import upsert
from tests.support.serving import Server, serving
from tests.support.signing_in import sign_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(NGINX is None, reason="there is no nginx: .ci/install-nginx brings one"),
]

FEED = "/api/v1/interactions/events/"
# Of the example; all else goes to the pages.
UPSTREAMS = {"console_events": "streams", "console_feed": "feed"}


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(CONSOLE_HTTPS="1", CONSOLE_TRUST_PROXY="1", CONSOLE_ALLOWED_HOSTS=HOST) as running:
        yield running


@pytest.fixture
def proxy(server: Server, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(tmp_path, upstream=server.place[1]) as running:
        yield running


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[tuple[Proxy, dict[str, Server]]]:
    """A site whose pages, streams and feed are processes of their own."""
    own = {"CONSOLE_HTTPS": "1", "CONSOLE_TRUST_PROXY": "1", "CONSOLE_ALLOWED_HOSTS": HOST}
    with ExitStack() as stack:
        servers = {
            part.value: stack.enter_context(serving(None, ["--only", part.value], **own))
            for part in Part
        }
        ports = {name: servers[part].place[1] for name, part in UPSTREAMS.items()}
        upstream = servers["pages"].place[1]
        yield stack.enter_context(proxied(tmp_path, upstream=upstream, apart=ports)), servers


def test_each_part_has_processes_of_its_own(
    apart: tuple[Proxy, dict[str, Server]],
    client: Client,
    supervisor: User,
    make_client: Callable[..., tuple[Any, str]],
    chat_server: Any,
) -> None:
    proxy, servers = apart
    _a_page_knows_that_it_came_by_tls(proxy)
    sign_in(client, supervisor)
    _an_event_arrives_at_once(proxy, next(iter(client.cookies.values())).value)
    token = make_client("feed", "read")[1]
    _the_feed_is_taken(proxy, token)
    for name, server in servers.items():
        for path in OF_EACH[:2]:
            assert server.ask(path, Host=HOST, X_Forwarded_Proto="https").status == 200
        for part, path in A_PATH.items():
            refused = server.ask(path, Host=HOST, X_Forwarded_Proto="https")
            assert (refused.status == 421) == (part != name), (name, path)
            if part != name:
                said = f"This process serves {name} alone, and this address belongs to {part}."
                assert said in refused.body.decode()


A_PATH = {"pages": "/accounts/login/", "streams": "/events/", "feed": FEED}


def _the_feed_is_taken(proxy: Proxy, token: str) -> None:
    asking = proxy.https()
    headers = {"Host": HOST, "Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    asking.request("POST", FEED, json.dumps({"events": [upsert("new-chat")]}), headers)
    answer = asking.getresponse()
    assert (answer.status, json.load(answer)["accepted"]) == (202, 1)
    asking.request("GET", "/api/v1/interactions/new-chat/", headers=headers)  # of the pages
    read = asking.getresponse()
    assert (read.status, json.load(read)["id"]) == (200, "new-chat")
    asking.close()


def test_a_site_behind_the_example(
    proxy: Proxy,
    server: Server,
    client: Client,
    supervisor: User,
    make_client: Callable[..., tuple[Any, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _plain_http_is_led_to_tls(proxy)
    _a_page_knows_that_it_came_by_tls(proxy)
    _a_page_for_the_disk_is_not_shown(proxy)
    _an_address_can_not_be_made_up(proxy, *make_client("read"))
    sign_in(client, supervisor)
    _an_event_arrives_at_once(proxy, next(iter(client.cookies.values())).value)
    _the_container_is_healthy(server, tmp_path, monkeypatch)


def _plain_http_is_led_to_tls(proxy: Proxy) -> None:
    asking = proxy.http()
    asking.request("GET", "/board/?a=1", headers={"Host": HOST})
    answer = asking.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{HOST}/board/?a=1")
    asking.close()


def _a_page_knows_that_it_came_by_tls(proxy: Proxy) -> None:
    asking = proxy.https()
    # A scheme that somebody sends is replaced, or this would be a redirect to itself.
    asking.request("GET", "/accounts/login/", headers={"Host": HOST, "X-Forwarded-Proto": "http"})
    answer = asking.getresponse()
    page = answer.read().decode()
    assert answer.status == 200, page
    assert "__Host-csrf" in answer.headers["Set-Cookie"]
    assert answer.headers["Strict-Transport-Security"]
    assert "nginx/" not in answer.headers["Server"]
    asking.request("POST", "/accounts/login/", body=b"x" * 100, headers={"Host": HOST})
    refused = asking.getresponse()
    refused.read()
    assert refused.status == 403  # no token of the form: the console's own answer
    asking.close()


def _a_page_for_the_disk_is_not_shown(proxy: Proxy) -> None:
    asking = proxy.https()
    # nginx has the first from the disk, the second from the console.
    for folder in ("", f"{static_version()}/"):
        for name, expected in (("verify-delivery.html", "attachment"), ("css/base.css", None)):
            asking.request("GET", f"/static/{folder}{name}", headers={"Host": HOST})
            answer = asking.getresponse()
            answer.read()
            assert (answer.status, answer.headers["Content-Disposition"]) == (200, expected), name
    asking.close()


def _an_address_can_not_be_made_up(proxy: Proxy, api_client: Any, token: str) -> None:
    type(api_client).objects.filter(pk=api_client.pk).update(addresses=["10.1.2.3/32"])
    asking = proxy.https()
    asking.request(
        "GET",
        "/api/v1/notices/",
        headers={
            "Host": HOST,
            "Authorization": f"Bearer {token}",
            "X-Forwarded-For": "10.1.2.3",
        },
    )
    answer = asking.getresponse()
    assert answer.status in (401, 403), "the address was believed"
    assert "code" in json.load(answer)
    asking.close()


def _an_event_arrives_at_once(proxy: Proxy, session: str) -> None:
    """Small as it is, and while the answer goes on: nothing on the way keeps it back."""
    asking = proxy.https()
    headers = {"Host": HOST, "Cookie": f"__Host-session={session}", "Accept-Encoding": "gzip"}
    asking.request("GET", "/events/?topic=board", headers=headers)
    answer = asking.getresponse()
    assert answer.status == 200
    assert answer.headers["Content-Encoding"] is None
    heard = b""
    while b"event: alive" not in heard:
        heard += answer.readline()
    notifications.publish(notifications.BOARD)
    while b"data: board" not in heard:
        line = answer.readline()  # the socket's time-out ends this if nothing comes
        assert line, heard
        heard += line
    asking.close()


def _the_container_is_healthy(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the script that the image's HEALTHCHECK runs."""
    monkeypatch.setenv("CONSOLE_ALLOWED_HOSTS", f"{HOST},other.example")
    first = folder / "cmdline"
    port = server.place[1]
    for words, status in (
        (("python", "manage.py", "serve", "--port", str(port)), 0),
        (("python", "manage.py", "serve", "--port", "1"), 1),
        (("python", "manage.py", "worker"), 0),
    ):
        first.write_bytes("\0".join([*words, ""]).encode())
        assert healthcheck.main(first) == status, words
    monkeypatch.setenv("CONSOLE_WORKER_METRICS_PORT", "1")
    assert healthcheck.main(first) == 1
