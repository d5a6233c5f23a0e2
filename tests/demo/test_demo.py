"""`manage.py demo` while it runs."""

import os
import re
import socket
from datetime import timedelta
from html import unescape
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from console.demo.notices import NOTICES, Stage
from console.demo.people import PASSWORD, PEOPLE
from tests.support.demos import SESSIONS, Browser, Demo, manage, until


def test_it_prints_the_logins(demo: Demo) -> None:
    # Where security keys work: browsers give none to a number.
    assert re.fullmatch(r"http://localhost:\d+/", demo.address)
    for person in PEOPLE:
        assert re.search(rf"^ +{person.username} +{person.role.value} ", demo.output, re.MULTILINE)
    assert PASSWORD in demo.output


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.username)
def test_each_login_opens_the_door(demo: Demo, person: object) -> None:
    browser = Browser(demo.address)

    status, page = browser.sign_in(person.username)  # type: ignore[attr-defined]

    assert status == 200
    assert "/accounts/logout/" in page


def test_the_board_fills_through_the_feed(demo: Demo) -> None:
    chats = demo.api().live_chats()

    assert SESSIONS - 1 <= len(chats) <= SESSIONS + 1
    assert {chat["chat_server"] for chat in chats} == {"chat-east", "chat-west"}
    assert len({chat["locale"] for chat in chats}) > 3
    assert len({chat["queue"] for chat in chats}) > 2
    assert all(chat["user_data"]["InteractionId"] == chat["id"] for chat in chats)


def test_customers_come_and_go(demo: Demo) -> None:
    before = {chat["id"] for chat in demo.api().live_chats()}

    def changed() -> bool:
        now = {chat["id"] for chat in demo.api().live_chats()}
        return bool(now - before) and bool(before - now)

    until(changed)


def test_a_supervisor_sees_what_a_customer_sees(demo: Demo) -> None:
    browser = Browser(demo.address)
    browser.sign_in("sue")
    chat, asked = "0001TOLD00000001", "Does the lantern come with a candle?"
    with demo.chat(chat, waiting=timedelta(minutes=1)):  # the demo's own may end meanwhile
        said = {"role": "customer", "text": asked, "from": "Customer"}
        demo.control("chat-east", "say", interaction_id=chat, **said)

        status, page = browser.get(f"/demo/chats/{chat}/")
        fragment_status, fragment = browser.get(f"/demo/chats/{chat}/transcript/")

    assert status == fragment_status == 200
    assert asked in unescape(page)
    assert asked in unescape(fragment)
    assert "<html" not in fragment


def test_the_catalogue_is_there_in_all_stages(demo: Demo) -> None:
    # One by one: others who test at this demo write there, too, and fill the first page.
    api = demo.api()
    statuses = {made.key: api.get(f"notices/{made.key}/")["status"] for made in NOTICES}

    assert {"draft", "in_review", "published"} <= set(statuses.values())
    published = {made.key for made in NOTICES if made.stage == Stage.PUBLISHED}
    assert len(published) == 8
    assert len([key for key in published if statuses[key] == "published"]) >= 4


def test_a_second_terminal_uses_the_same_data(demo: Demo) -> None:
    made = manage("create_api_client", "second terminal", "--scope", "read", data=demo.data)

    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("ncon_")
    assert demo.api().live_chats()


def test_one_demo_a_data_folder(demo: Demo) -> None:
    refused = manage("demo", "--port", "0", data=demo.data)

    assert refused.returncode == 1
    assert f"A demo runs already on {demo.data}" in refused.stderr
    assert "--data-dir" in refused.stderr


def test_a_port_in_use_is_told_at_once(demo: Demo) -> None:
    port = demo.address.rstrip("/").rpartition(":")[2]

    refused = manage("demo", "--port", port, data=demo.data)

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert f"Can't listen on 127.0.0.1, port {port}: address already in use." in refused.stderr


def test_what_it_does_not_use_of_the_shell_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONSOLE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONSOLE_DATA", "/somewhere")
    monkeypatch.setenv("CONSOLE_EMBEDDED", "1")
    monkeypatch.setenv("CONSOLE_AUDIT_KEY", "a secret")
    monkeypatch.setenv("CONSOLE_UNDO_SECONDS", "30")
    said = StringIO()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with pytest.raises(CommandError):
            call_command("demo", "--port", port, stdout=said)
    assert "settings of its own: CONSOLE_AUDIT_KEY, CONSOLE_UNDO_SECONDS." in said.getvalue()
    assert "a secret" not in said.getvalue()


def test_a_number_of_sessions_out_of_range_is_refused(demo: Demo) -> None:
    refused = manage("demo", "--sessions", "0", data=demo.data)

    assert "--sessions: use a number from 1 to 2,000." in refused.stderr


def test_nothing_goes_wrong_behind_the_scenes(demo: Demo) -> None:
    assert demo.address
    logs = {log.name: log.read_text() for log in (demo.data / "logs").iterdir()}

    assert len(logs) == 6
    for log in logs.values():
        # Tests that sign in anew leave pages with an old token behind: that refusal is theirs.
        told = [line for line in log.splitlines() if "logger=django.security.csrf" not in line]
        assert not [line for line in told if re.search("level=(?!info)|Traceback|Warning", line)]
