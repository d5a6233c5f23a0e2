"""What all pages share, and those that are small: signing in, errors, help, servers, audit."""

from collections.abc import Callable
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from console.accounts.models import User
from console.interactions.models import ChatServer
from tests.support.factories import PASSWORD


def test_signing_in_and_out(supervisor: User) -> None:
    client = Client()
    login = reverse("account_login")

    refused = client.post(login, {"login": "sue", "password": "wrong"})
    assert "Not signed in" in refused.content.decode()
    assert 'value="sue"' in refused.content.decode()

    fields = {"login": "sue", "password": PASSWORD, "next": reverse("send-list")}
    assert client.post(login, fields)["Location"] == reverse("send-list")
    assert client.get(reverse("account_logout")).status_code == 405
    client.post(reverse("account_logout"))
    assert client.get(reverse("board")).status_code == 302


def test_signing_in_leads_to_no_other_site(supervisor: User) -> None:
    fields = {"login": "sue", "password": PASSWORD, "next": "https://evil.example/"}

    assert Client().post(reverse("account_login"), fields)["Location"] == reverse("home")


@pytest.mark.parametrize(
    ("person", "shown", "hidden"),
    [
        ("supervisor", ["Board", "Sends", "History"], ["Audit trail", "New notice"]),
        ("editor", ["Notices", "New notice"], ["Board", "Audit trail", "Chat Servers"]),
        ("auditor", ["Audit trail", "History"], ["Board", "New notice"]),
        ("administrator", ["Chat Servers", "Notices", "New notice"], ["Board", "History"]),
    ],
)
def test_navigation_shows_what_the_person_may_use(
    person: str,
    shown: list[str],
    hidden: list[str],
    request: pytest.FixtureRequest,
    browse: Callable[..., Client],
) -> None:
    client = browse(request.getfixturevalue(person))
    html = client.get(reverse("help")).content.decode()
    places = client.get(reverse("search"), headers={"HX-Request": "true"}).content.decode()

    navigation = html.split("<h1>")[0] + places.replace("bdi", "")
    assert [word for word in shown if word not in navigation] == []
    assert [word for word in hidden if f">{word}<" in navigation] == []


def test_what_waits_is_a_number_beside_the_word(
    editor: User, approver: User, browse: Callable[..., Client]
) -> None:
    from console.catalogue.content.notices import notice_create
    from console.catalogue.content.version_content import VersionContent
    from console.catalogue.content.versions import version_create, version_submit

    actor = editor.to_actor()
    notice = notice_create(actor, key="hello", kind="message", title="Hello")
    version_submit(
        actor,
        version_create(actor, notice, VersionContent(default_locale="en", bodies={"en": "Hi"})),
    )

    assert 'nav__count">1<' in browse(approver).get(reverse("help")).content.decode()
    assert "nav__count" not in browse(editor).get(reverse("help")).content.decode()


@pytest.mark.parametrize(
    "name", ["board", "send-list", "history", "notice-list", "preset-list", "chat-server-list"]
)
def test_pages_need_no_inline_script_or_style(
    name: str, supervisor: User, browse: Callable[..., Client]
) -> None:
    response = browse(supervisor).get(reverse(name))
    html = response.content.decode()

    assert " style=" not in html
    assert "<style" not in html
    assert " onclick=" not in html
    assert "<script>" not in html
    policy = response["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy


def test_errors_keep_the_frame(supervisor: User, browse: Callable[..., Client]) -> None:
    client = browse(supervisor)

    for address in ("/no-such-page/", reverse("send-detail", args=[999])):
        answer = client.get(address)
        assert answer.status_code == 404
        assert 'id="nav"' in answer.content.decode()
        assert "Go to the start page" in answer.content.decode()


def test_a_missing_page_does_not_break_for_strangers(db: None) -> None:
    assert Client().get("/no-such-page/").status_code in (302, 404)


def test_the_page_for_a_crash_needs_nothing() -> None:
    assert "The console could not answer" in render_to_string("500.html")
    assert "The database is busy or away" in render_to_string("503.html")


def test_help_says_what_every_outcome_means(
    supervisor: User, browse: Callable[..., Client]
) -> None:
    html = browse(supervisor).get(reverse("help")).content.decode()

    for status in ("delivered", "failed", "unknown", "skipped", "cancelled", "pending", "sending"):
        assert f"status--{status}" in html
    for word in ("Everyone", "Staff only", "Supervisors only"):
        assert word in html


# --- Chat Servers --------------------------------------------------------------------------------

SERVER = {
    "name": "chat-west",
    "url": "esp+json://127.0.0.1:4810",
    "pace_per_second": "50",
    "burst": "150",
    "window": "32",
    "connect_timeout_seconds": "5",
    "request_timeout_seconds": "10",
    "enabled": "on",
}


def test_a_chat_server_is_added_and_changed(
    administrator: User, browse: Callable[..., Client]
) -> None:
    client = browse(administrator)
    assert (
        "No Chat Server is registered" in client.get(reverse("chat-server-list")).content.decode()
    )

    client.post(reverse("chat-server-create"), SERVER)
    address = reverse("chat-server-edit", args=["chat-west"])
    assert address in client.get(reverse("chat-server-list")).content.decode()

    client.post(address, SERVER | {"pace_per_second": "7.5", "enabled": ""})
    server = ChatServer.objects.get()
    assert (server.pace_per_second, server.enabled) == (7.5, False)
    assert "Switched off" in client.get(reverse("chat-server-list")).content.decode()


@pytest.mark.parametrize(
    ("fields", "at"),
    [
        ({"url": "http://127.0.0.1:1"}, "url"),
        ({"name": "chat-east"}, "name"),
        ({"window": "0"}, "window"),
    ],
)
def test_a_wrong_chat_server_is_refused_at_its_field(
    administrator: User,
    chat_server: ChatServer,
    browse: Callable[..., Client],
    fields: dict[str, str],
    at: str,
) -> None:
    answer = browse(administrator).post(reverse("chat-server-create"), SERVER | fields)

    assert answer.status_code == 422
    assert at in answer.context["form"].errors
    assert f'id="id_{at}_error"' in answer.content.decode()
    assert ChatServer.objects.count() == 1


def test_a_chat_server_that_chats_name_and_nobody_knows_is_pointed_out(
    administrator: User, make_interaction: Callable[..., Any], browse: Callable[..., Client]
) -> None:
    make_interaction(user_data={"ChatServerAppName": "chat-north"})

    html = browse(administrator).get(reverse("chat-server-list")).content.decode()

    assert "chat-north, which is not registered here" in html
    assert reverse("chat-server-create") + "?name=chat-north" in html


# --- Audit trail ---------------------------------------------------------------------------------


def test_the_trail_is_shown_and_searched(auditor: User, browse: Callable[..., Client]) -> None:
    client = browse(auditor)

    assert "user.created" in client.get(reverse("audit")).content.decode()
    found = client.get(reverse("audit"), {"action": "user."}).content.decode()
    assert "user.created" in found
    none = client.get(reverse("audit"), {"target_kind": "zebra"}).content.decode()
    assert "No entry matches" in none


# --- The API's own page --------------------------------------------------------------------------


def test_the_api_is_described_on_a_page(supervisor: User, browse: Callable[..., Client]) -> None:
    html = browse(supervisor).get(reverse("api:docs")).content.decode()

    for words in ("interactions/events/", "Answer 201", "OpenAPI document", 'id="nav"'):
        assert words in html
