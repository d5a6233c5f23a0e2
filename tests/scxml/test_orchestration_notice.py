"""The skeleton for a site's strategy does what docs/orchestration.md says, in an interpreter of
others', and the console understands its answers."""

import asyncio
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from console.esp import Client, KVList, OutcomeKind, build_message
from tests.orchestration import running_orchestration
from tests.scxml.interpreter import EXAMPLES, Interpreter, interpreting

SKELETON = "orchestration-notice.scxml"
ONLINE = {"IsOnline": "1", "ChatServerAppName": "chat-east"}
ASKED = {"service": "Chat", "method": "Message", "parameters": {"MessageText": "Hello"}}
# Elements of the Recommendation; a vendor's own would be of another namespace.
STANDARD = {
    *("scxml", "state", "parallel", "transition", "initial", "final", "onentry", "onexit"),
    *("history", "raise", "if", "elseif", "else", "foreach", "log", "datamodel", "data"),
    *("assign", "donedata", "content", "param", "script", "send", "cancel", "invoke", "finalize"),
}


@pytest.fixture(scope="module")
def started() -> Iterator[Interpreter]:
    with interpreting(SKELETON) as interpreter:
        yield interpreter


@pytest.fixture
def strategy(started: Interpreter) -> Interpreter:
    """One that is idle, in a chat that is online."""
    assert started.tell("userdata", ONLINE).states == ["idle"]
    return started


@pytest.mark.parametrize("name", [SKELETON, "workflow-send.scxml"])
def test_it_is_standard_scxml_alone(name: str) -> None:
    tree = ElementTree.parse(EXAMPLES / name)
    found = {element.tag for element in tree.iter()}
    assert found <= {f"{{http://www.w3.org/2005/07/scxml}}{name}" for name in STANDARD}


@pytest.mark.parametrize(
    ("event", "data", "answer"),
    [
        ("external.accepted", None, {"outcome": "accepted"}),
        (
            "external.refused",
            {"code": 7, "text": "no session"},
            {"outcome": "refused", "fault_code": "7", "fault_text": "no session"},
        ),
        ("external.refused", None, {"outcome": "refused", "fault_code": "", "fault_text": ""}),
        (
            "external.unsent",
            None,
            {
                "outcome": "not_sent",
                "fault_code": "unsent",
                "fault_text": "The Chat Server chat-east can not be reached.",
            },
        ),
        (
            "error.communication",
            None,
            {
                "outcome": "unknown",
                "fault_code": "timeout",
                "fault_text": "The Chat Server chat-east did not answer.",
            },
        ),
    ],
)
def test_each_end_of_the_site_s_block_is_an_answer(
    strategy: Interpreter, event: str, data: Any, answer: dict[str, Any]
) -> None:
    assert strategy.tell("notice", ASKED).states == ["sending"]
    said = strategy.tell(event, data)
    assert (said.states, said.answers) == (["idle"], [answer])
    assert strategy.advance(20).answers == []  # its deadline has gone with it


def test_silence_is_answered_before_the_console_gives_up(strategy: Interpreter) -> None:
    strategy.tell("notice", ASKED)
    assert strategy.advance(7.9).states == ["sending"]
    said = strategy.advance(0.2)
    assert (said.states, said.answers[0]["outcome"]) == (["idle"], "unknown")
    assert strategy.tell("external.accepted").answers == []  # too late to be claimed


@pytest.mark.parametrize(
    ("user_data", "code"),
    [
        ({**ONLINE, "IsOnline": "0"}, "offline"),
        ({**ONLINE, "IsOnline": 0}, "offline"),
        ({"IsOnline": "1"}, "no_chat_server"),
        ({"IsOnline": "1", "ChatServerAppName": ""}, "no_chat_server"),
    ],
)
def test_a_chat_that_may_get_nothing(
    strategy: Interpreter, user_data: dict[str, Any], code: str
) -> None:
    strategy.tell("userdata", user_data)
    said = strategy.tell("notice", ASKED)
    (answer,) = said.answers
    assert (said.states, answer["outcome"], answer["fault_code"]) == (["idle"], "refused", code)


def test_a_chat_without_is_online_is_not_blocked(strategy: Interpreter) -> None:
    strategy.tell("userdata", {"ChatServerAppName": "chat-west"})
    assert strategy.tell("notice", ASKED).states == ["sending"]
    assert "chat-west" in strategy.tell("external.unsent").answers[0]["fault_text"]


@pytest.mark.parametrize(
    "asked", [None, {}, {**ASKED, "service": "Mail"}, {**ASKED, "method": "X"}]
)
def test_what_it_was_not_asked_for_is_refused(strategy: Interpreter, asked: Any) -> None:
    (answer,) = strategy.tell("notice", asked).answers
    assert (answer["outcome"], answer["fault_code"]) == ("refused", "unknown_method")


def test_of_two_at_once_each_has_its_answer(strategy: Interpreter) -> None:
    strategy.tell("notice", ASKED)
    assert strategy.tell("notice", {**ASKED, "method": "Notice"}).states == ["sending"]
    said = strategy.tell("external.accepted")
    assert (said.states, [answer["outcome"] for answer in said.answers]) == (
        ["sending"],
        ["accepted"],
    )
    said = strategy.tell("external.refused")
    assert (said.states, [answer["outcome"] for answer in said.answers]) == (["idle"], ["refused"])


@pytest.mark.parametrize(
    ("event", "kind"),
    [("external.accepted", OutcomeKind.ACCEPTED), ("external.refused", OutcomeKind.REFUSED)],
)
def test_from_the_console_to_the_block_and_back(
    strategy: Interpreter, event: str, kind: OutcomeKind
) -> None:
    def respond(asked: dict[str, Any]) -> dict[str, Any]:
        assert strategy.tell("notice", asked).states == ["sending"]
        return strategy.tell(event).answers[0]

    async def send(url: str, session: str) -> OutcomeKind:
        user_data = KVList.of({"InteractionId": "a1", "OrsSessionId": session})
        async with Client(url) as client:
            request = build_message(app_name="chat-east", text="Hello", user_data=user_data)
            return (await client.request(request)).kind

    with running_orchestration() as ors:
        session = ors.start({}, respond)
        assert asyncio.run(send(ors.url, session.id)) is kind
