"""The skeleton for a site's strategy does what docs/orchestration.md says, in an interpreter of
others', and the console understands its answers."""

import asyncio
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import pytest

from console.esp import Client, KVList, OutcomeKind, build_message
from tests.scxml.interpreter import EXAMPLES, Interpreter, Said, interpreting
from tests.support.orchestration import running_orchestration

SKELETON = "orchestration-notice.scxml"
ONLINE = {"InteractionId": "a1", "IsOnline": "1", "ChatServerAppName": "chat-east"}
ASKED = {
    "service": "Chat",
    "method": "Message",
    "parameters": {"MessageText": "Hello"},
    "interaction_id": "a1",
}
# Elements of the Recommendation; a vendor's own would be of another namespace.
STANDARD = {
    *("scxml", "state", "parallel", "transition", "initial", "final", "onentry", "onexit"),
    *("history", "raise", "if", "elseif", "else", "foreach", "log", "datamodel", "data"),
    *("assign", "donedata", "content", "param", "script", "send", "cancel", "invoke", "finalize"),
}


class Strategy:
    """The skeleton with a site's block, which gives back the number of what it was started for."""

    def __init__(self, interpreter: Interpreter) -> None:
        self._interpreter = interpreter
        self.attempt = 0
        self.tell = interpreter.tell
        self.advance = interpreter.advance

    def ask(self, asked: object = ASKED) -> Said:
        """Each request has a number, those that are refused at once as well."""
        self.attempt += 1
        return self.tell("notice", asked)

    def end(self, event: str, data: Any = None, *, attempt: int | None = None) -> Said:
        """An event of the block's, for the last request unless another is given."""
        number = self.attempt if attempt is None else attempt
        return self.tell(event, {"attempt": number, **(data or {})})


@pytest.fixture(scope="module")
def started() -> Iterator[Strategy]:
    with interpreting(SKELETON) as interpreter:
        yield Strategy(interpreter)


@pytest.fixture
def strategy(started: Strategy) -> Strategy:
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
            "external.timeout",
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
    strategy: Strategy, event: str, data: Any, answer: dict[str, Any]
) -> None:
    assert strategy.ask().states == ["sending"]
    said = strategy.end(event, data)
    assert (said.states, said.answers) == (["idle"], [answer])
    assert strategy.advance(20).answers == []  # its deadline has gone with it


def test_silence_is_answered_before_the_console_gives_up(strategy: Strategy) -> None:
    strategy.ask()
    assert strategy.advance(7.9).states == ["sending"]
    said = strategy.advance(0.2)
    assert (said.states, said.answers[0]["outcome"]) == (["idle"], "unknown")
    assert strategy.end("external.accepted").answers == []  # too late to be claimed


@pytest.mark.parametrize(
    "event", ["external.accepted", "external.refused", "external.unsent", "external.timeout"]
)
def test_what_comes_late_does_not_answer_the_next_request(strategy: Strategy, event: str) -> None:
    strategy.ask()
    strategy.advance(8.1)
    assert strategy.ask().states == ["sending"]
    said = strategy.end(event, attempt=strategy.attempt - 1)
    assert (said.states, said.answers) == (["sending"], [])
    assert strategy.tell(event).states == ["sending"]  # whose it is, nobody knows
    assert strategy.end("external.accepted").answers == [{"outcome": "accepted"}]


def test_an_error_beside_it_says_nothing_of_the_request(strategy: Strategy) -> None:
    strategy.ask()
    assert strategy.tell("error.execution").states == ["sending"]
    assert strategy.end("external.accepted").answers == [{"outcome": "accepted"}]


@pytest.mark.parametrize("number", [str, float])
def test_the_number_may_come_back_as_another_type(strategy: Strategy, number: Any) -> None:
    strategy.ask()
    said = strategy.tell("external.accepted", {"attempt": number(strategy.attempt)})
    assert said.states == ["idle"]


@pytest.mark.parametrize(
    ("asked_for", "handled"), [("b2", "a1"), ("a1", ""), ("a1", None), (None, "a1"), ("", "")]
)
def test_a_request_for_another_chat_is_refused(
    strategy: Strategy, asked_for: str | None, handled: str | None
) -> None:
    strategy.tell("userdata", {**ONLINE, "InteractionId": handled})
    said = strategy.ask({**ASKED, "interaction_id": asked_for})
    (answer,) = said.answers
    assert (said.states, answer["outcome"]) == (["idle"], "refused")
    assert answer["fault_code"] == "other_chat"


@pytest.mark.parametrize(
    ("user_data", "code"),
    [
        ({**ONLINE, "IsOnline": "0"}, "offline"),
        ({**ONLINE, "IsOnline": 0}, "offline"),
        ({**ONLINE, "ChatServerAppName": None}, "no_chat_server"),
        ({**ONLINE, "ChatServerAppName": ""}, "no_chat_server"),
    ],
)
def test_a_chat_that_may_get_nothing(
    strategy: Strategy, user_data: dict[str, Any], code: str
) -> None:
    strategy.tell("userdata", user_data)
    said = strategy.ask()
    (answer,) = said.answers
    assert (said.states, answer["outcome"], answer["fault_code"]) == (["idle"], "refused", code)


def test_a_chat_without_is_online_is_not_blocked(strategy: Strategy) -> None:
    strategy.tell("userdata", {"InteractionId": "a1", "ChatServerAppName": "chat-west"})
    assert strategy.ask().states == ["sending"]
    assert "chat-west" in strategy.end("external.unsent").answers[0]["fault_text"]


@pytest.mark.parametrize(
    "asked", [None, {}, {**ASKED, "service": "Mail"}, {**ASKED, "method": "X"}]
)
def test_what_it_was_not_asked_for_is_refused(strategy: Strategy, asked: Any) -> None:
    (answer,) = strategy.ask(asked).answers
    assert (answer["outcome"], answer["fault_code"]) == ("refused", "unknown_method")


def test_of_two_at_once_each_has_its_answer(strategy: Strategy) -> None:
    strategy.ask()
    assert strategy.ask({**ASKED, "method": "Notice"}).states == ["sending"]
    said = strategy.end("external.accepted", attempt=strategy.attempt - 1)
    assert (said.states, [answer["outcome"] for answer in said.answers]) == (
        ["sending"],
        ["accepted"],
    )
    said = strategy.end("external.refused")
    assert (said.states, [answer["outcome"] for answer in said.answers]) == (["idle"], ["refused"])


@pytest.mark.parametrize(
    ("event", "kind"),
    [("external.accepted", OutcomeKind.ACCEPTED), ("external.refused", OutcomeKind.REFUSED)],
)
def test_from_the_console_to_the_block_and_back(
    strategy: Strategy, event: str, kind: OutcomeKind
) -> None:
    def respond(asked: dict[str, Any]) -> dict[str, Any]:
        assert strategy.ask(asked).states == ["sending"]
        return strategy.end(event).answers[0]

    async def send(url: str, session: str) -> OutcomeKind:
        user_data = KVList.of({"InteractionId": "a1", "OrsSessionId": session})
        async with Client(url) as client:
            request = build_message(app_name="chat-east", text="Hello", user_data=user_data)
            return (await client.request(request)).kind

    with running_orchestration() as ors:
        session = ors.start({}, respond)
        assert asyncio.run(send(ors.url, session.id)) is kind
