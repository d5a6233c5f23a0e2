"""`POST sends/preview/`, and the old way to ask for one."""

from collections.abc import Callable

import pytest

from console.catalogue.models import NoticeVersion
from console.interactions.models import ChatServer, Interaction
from console.sends.models import Send
from tests.support.calling import Caller

REQUEST = {"notice": "greeting", "interactions": ["a1"], "why": "Both take it", "once": True}


@pytest.fixture
def sender(
    program: Callable[..., Caller],
    make_notice: Callable[..., NoticeVersion],
    make_interaction: Callable[..., Interaction],
    chat_server: ChatServer,
) -> Caller:
    make_notice("Hello", key="greeting")
    make_interaction("a1")
    return program("send")


def test_it_says_what_a_send_would_do_and_writes_nothing(sender: Caller) -> None:
    plan = sender.post("sends/preview/", REQUEST, status=200)
    assert plan["counts"] == {"ready": 1}
    assert [target["body"] for target in plan["targets"]] == ["Hello"]
    assert not Send.objects.exists()
    # What was seen is what is sent.
    sent = sender.post("sends/", {**REQUEST, "expected_plan": plan["expected_plan"]})
    assert sent["ready_count"] == 1


def test_the_old_way_answers_the_same_and_says_that_it_is_old(sender: Caller) -> None:
    plan = sender.post("sends/preview/", REQUEST, status=200)
    old = sender.raw("POST", "sends/", {**REQUEST, "dry_run": True})
    assert old.status_code == 200
    assert old.json() | {"expected_plan": ""} == plan | {"expected_plan": ""}
    assert old.headers["Deprecation"].startswith("@")
    assert old.headers["Link"] == '</api/v1/sends/preview/>; rel="successor-version"'
    assert "Deprecation" not in sender.raw("POST", "sends/", REQUEST).headers


def test_it_takes_no_dry_run(sender: Caller) -> None:
    status, answer = sender("POST", "sends/preview/", {**REQUEST, "dry_run": True})
    assert (status, answer["code"]) == (400, "invalid_input")
