"""Requests to a site's own workflow: over real TCP, to a stand-in of Orchestration Server."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from console.esp import Client, EspRequest, KVList, NotConnected, Outcome, OutcomeKind
from console.esp.transports import open_channel
from console.esp.transports.ors import OrsChannel
from tests.esp.support import NEVER, SOON, a_message, run, serving, silence
from tests.support.network import free_port
from tests.support.orchestration import Orchestration, Session, running_orchestration

ACCEPTED, REFUSED = OutcomeKind.ACCEPTED, OutcomeKind.REFUSED
NOT_SENT, UNKNOWN = OutcomeKind.NOT_SENT, OutcomeKind.UNKNOWN
LATER = 1.5  # seconds: a timeout within which a request leaves, on a busy machine, too


@pytest.fixture(scope="module")
def server() -> Iterator[Orchestration]:
    with running_orchestration() as ors:
        yield ors


@pytest.fixture
def ors(server: Orchestration) -> Iterator[Orchestration]:
    """The shared stand-in, without faults before and after."""
    server.asked.clear()
    server.lines.clear()
    yield server
    server.faults = type(server.faults)()
    server.help_status = 200


def a_request(session: str | Session, **changes: Any) -> EspRequest:
    session_id = session.id if isinstance(session, Session) else session
    user_data = KVList.of({"InteractionId": "0001aB3", "OrsSessionId": session_id})
    return a_message(**{"user_data": user_data, **changes})


async def channel_to(ors: Orchestration, **options: Any) -> OrsChannel:
    settings = {"connect_timeout": NEVER, "request_timeout": NEVER, **options}
    channel = await open_channel(ors.url, **settings)
    assert isinstance(channel, OrsChannel)
    return channel


def ask(ors: Orchestration, *requests: EspRequest, **options: Any) -> list[Outcome]:
    """The outcomes of requests, one after the other on one channel."""

    async def go() -> list[Outcome]:
        channel = await channel_to(ors, **options)
        try:
            return [await channel.submit(request) for request in requests]
        finally:
            await channel.close()

    return run(go())


# --- What goes out -------------------------------------------------------------------------------


def test_the_workflow_gets_service_method_and_parameters(ors: Orchestration) -> None:
    session = ors.start({})
    (outcome,) = ask(ors, a_request(session, text="Grüße 👋", nickname="Büro", visibility="VIP"))
    assert outcome.kind is ACCEPTED
    (asked,) = ors.asked
    assert (asked.session, asked.name) == (session.id, "notice")
    assert asked.headers["Content-Type"] == "application/json"
    assert asked.body == {
        "service": "Chat",
        "method": "Message",
        "parameters": {"MessageText": "Grüße 👋", "Nickname": "Büro", "Visibility": "VIP"},
        "interaction_id": "0001aB3",
        "reference_id": 1,
    }


def test_the_key_of_the_session_and_the_name_of_the_request_are_settings(
    ors: Orchestration,
) -> None:
    session = ors.start({})
    user_data = KVList.of({"InteractionId": "x", "Workflow": session.id})
    options = {
        "ors": {"session_key": "Workflow", "request_name": "canned text/2"},
        "other": {"a": 1},
    }
    (outcome,) = ask(ors, a_message(user_data=user_data), options=options)
    assert outcome.kind is ACCEPTED
    assert ors.lines[-1] == f"POST /scxml/session/{session.id}/request/canned%20text%2F2 HTTP/1.1"


@pytest.mark.parametrize("form", [True, False], ids=["form", "JSON"])
def test_a_session_that_the_site_started(ors: Orchestration, form: bool) -> None:
    data = {"src": "http://127.0.0.1/chat.scxml", "customer": "Zoë"}
    http = ors.url.removeprefix("ors+")
    body = urllib.parse.urlencode(data).encode() if form else json.dumps(data).encode()
    kind = "application/x-www-form-urlencoded" if form else "application/json"
    started = urllib.request.Request(
        f"{http}/scxml/session/start", data=body, headers={"Content-Type": kind}
    )
    with urllib.request.urlopen(started, timeout=60) as answer:
        session_id = answer.read().decode()
    assert ors.sessions[session_id].data == data
    assert ask(ors, a_request(session_id))[0].kind is ACCEPTED


def test_a_path_of_a_proxy_stands_before(ors: Orchestration) -> None:
    async def go() -> Outcome:
        async with Client(f"{ors.url}/genesys/") as client:
            return await client.request(a_request("x"))

    assert run(go()).fault_code == "no_session"  # which the stand-in knows without such a path only
    assert [line.split()[1] for line in ors.lines] == [
        "/genesys/ors/help",
        "/genesys/scxml/session/x/request/notice",
    ]


def test_many_at_once(ors: Orchestration) -> None:
    sessions = [ors.start({}) for _ in range(30)]

    async def go() -> list[Outcome]:
        channel = await channel_to(ors)
        waiting = [channel.submit(a_request(session)) for session in sessions]
        assert not any(each.done() for each in waiting)
        await channel.close()
        assert not channel.is_open
        assert all(each.done() for each in waiting)
        return [each.result() for each in waiting]

    outcomes = run(go())
    assert {outcome.kind for outcome in outcomes} == {ACCEPTED}
    assert sorted(asked.session for asked in ors.asked) == [session.id for session in sessions]
    assert len({outcome.reference_id for outcome in outcomes}) == 30


def test_who_asked_may_have_gone_away(ors: Orchestration) -> None:
    async def go() -> None:
        channel = await channel_to(ors)
        channel.submit(a_request(ors.start({}))).cancel()
        await channel.close()

    run(go())
    assert len(ors.asked) == 1


# --- Affinity ------------------------------------------------------------------------------------


def test_each_session_keeps_its_own_cookie(ors: Orchestration) -> None:
    one, other = ors.start({}), ors.start({})
    assert one.node != other.node
    requests = [a_request(session) for session in (one, other, one, other)]
    assert {outcome.kind for outcome in ask(ors, *requests)} == {ACCEPTED}
    cookies = [asked.headers.get("Cookie") for asked in ors.asked]
    kept = [f"ORSSESSIONID={session.id}.{session.node}" for session in (one, other)]
    assert cookies == [None, None, *kept]
    ors.asked.clear()
    ask(ors, a_request(one))  # by another channel, as after a failure
    assert ors.asked[0].headers["Cookie"] == kept[0]


def test_a_cookie_to_a_node_that_lost_the_session_is_forgotten(ors: Orchestration) -> None:
    session = ors.start({})
    assert ask(ors, a_request(session))[0].kind is ACCEPTED
    session.node = "another"
    assert ask(ors, a_request(session))[0].fault_code == "no_session"
    assert ask(ors, a_request(session))[0].kind is ACCEPTED
    assert "Cookie" not in ors.asked[-1].headers


# --- What becomes of it --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("faults", "kind", "code", "detail"),
    [
        ({"status": 404}, REFUSED, "no_session", "no such session"),
        ({"status": 422}, REFUSED, "http_422", "refused the request"),
        ({"status": 503}, NOT_SENT, "", "too busy"),
        ({"status": 403}, NOT_SENT, "", "credentials"),
        ({"status": 308}, NOT_SENT, "", "not at this address"),
        ({"status": 302}, UNKNOWN, "", "HTTP 302"),
        ({"status": 500}, UNKNOWN, "", "HTTP 500"),
        ({"status": 504}, UNKNOWN, "", "HTTP 504"),
        ({"body": b'{"outcome": "acce'}, UNKNOWN, "", "not the JSON"),
        ({"body": b""}, UNKNOWN, "", "not the JSON"),
        ({"body": b'"accepted"'}, UNKNOWN, "", "not the JSON"),
        ({"body": b'{"outcome": "delivered"}'}, UNKNOWN, "", "not the JSON"),
        ({"body": b" " * (1024 * 1024 + 1)}, UNKNOWN, "", "longer than 1,048,576 bytes"),
    ],
)
def test_what_an_answer_means(
    ors: Orchestration, faults: dict[str, Any], kind: OutcomeKind, code: str, detail: str
) -> None:
    session = ors.start({})
    ors.faults = type(ors.faults)(**faults)
    (outcome,) = ask(ors, a_request(session))
    assert (outcome.kind, outcome.fault_code) == (kind, code)
    assert detail in outcome.detail
    ending = {
        UNKNOWN: "It may have been carried out or not.",
        REFUSED: "Nothing was sent to the Chat Server.",
        NOT_SENT: "Nothing was sent to the Chat Server.",
    }
    assert outcome.detail.endswith(ending[kind])


@pytest.mark.parametrize(
    ("answer", "kind", "detail"),
    [
        ({"outcome": "accepted", "more": [None, 1.5]}, ACCEPTED, ""),
        ({"outcome": "refused"}, REFUSED, "says the workflow: without saying why"),
        (
            {"outcome": "refused", "fault_code": 7, "fault_text": "no"},
            REFUSED,
            "no (fault code 7)",
        ),
        ({"outcome": "not_sent", "fault_text": "no Chat Server"}, NOT_SENT, "no Chat Server"),
        ({"outcome": "unknown", "fault_text": "timed out"}, UNKNOWN, "timed out"),
    ],
)
def test_what_the_workflow_says_of_its_own_request(
    ors: Orchestration, answer: dict[str, Any], kind: OutcomeKind, detail: str
) -> None:
    session = ors.start({}, lambda asked: answer)
    (outcome,) = ask(ors, a_request(session))
    assert outcome.kind is kind
    assert detail in outcome.detail
    assert outcome.fault_code == str(answer.get("fault_code", ""))
    assert outcome.answer == [
        {"key": "HTTPStatus", "type": "int", "value": 200},
        {"key": "Body", "type": "str", "value": json.dumps(answer)},
    ]
    assert outcome.round_trip is not None


@pytest.mark.parametrize(
    ("faults", "timeout", "carried_out", "detail"),
    [
        ({"silent_seconds": NEVER}, LATER, True, "No answer"),
        ({"half": True}, NEVER, True, "failed"),
        ({"cut_before": True}, NEVER, False, "failed"),
        ({"cut_after": True}, NEVER, True, "failed"),
        ({"garbage": True}, NEVER, True, "failed"),
    ],
)
def test_written_and_without_a_whole_answer(
    ors: Orchestration, faults: dict[str, Any], timeout: float, carried_out: bool, detail: str
) -> None:
    """Whether it was carried out is what the client cannot know."""
    session = ors.start({})
    ors.faults = type(ors.faults)(**faults)

    async def go() -> tuple[Outcome, Outcome]:
        channel = await channel_to(ors, request_timeout=timeout)
        outcome = await channel.submit(a_request(session))
        assert not channel.is_open  # another proves itself first
        after = await channel.submit(a_request(session))
        await channel.close()
        return outcome, after

    outcome, after = run(go())
    assert (outcome.kind, outcome.reference_id, outcome.answer) == (UNKNOWN, 1, None)
    assert detail in outcome.detail
    assert outcome.detail.endswith("It may have been carried out or not.")
    assert (after.kind, len(ors.asked)) == (NOT_SENT, carried_out)
    assert "carried out" not in after.detail


def test_a_503_of_a_proxy_that_is_not_believed(ors: Orchestration) -> None:
    ors.faults.status = 503
    options = {"ors": {"trust_503": False}}
    (outcome,) = ask(ors, a_request(ors.start({})), options=options)
    assert outcome.kind is UNKNOWN


@pytest.mark.parametrize("session", [None, "", ".", "..", "a b", "a\nb", "ä", "x" * 257, 7])
def test_a_chat_whose_session_is_not_known(ors: Orchestration, session: Any) -> None:
    data = {"InteractionId": "x"} if session is None else {"OrsSessionId": session}
    (outcome,) = ask(ors, a_message(user_data=KVList.of(data)))
    assert (outcome.kind, outcome.retryable) == (NOT_SENT, False)
    assert "OrsSessionId" in outcome.detail
    assert len(ors.lines) == 1  # the help


def test_what_waits_for_a_connection_has_not_left(ors: Orchestration) -> None:
    """Of two requests for one connection, the first is silent until both are too late."""
    ors.faults.silent_seconds = NEVER

    async def go() -> list[Outcome]:
        channel = await channel_to(ors, request_timeout=LATER, options={"ors": {"connections": 1}})
        waiting = [channel.submit(a_request(ors.start({}))) for _ in range(2)]
        await channel.close()
        return [future.result() for future in waiting]

    first, second = run(go())
    assert (first.kind, second.kind) == (UNKNOWN, NOT_SENT)
    assert second.detail.endswith("Nothing was sent.")
    assert len(ors.asked) == 1


def test_an_error_of_our_own_has_an_outcome_too(
    ors: Orchestration, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> bytes:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("console.esp.transports.ors.body_of", broken)
    (outcome,) = ask(ors, a_request(ors.start({})))
    assert outcome.kind is NOT_SENT
    assert "ZeroDivisionError" in outcome.detail


# --- No channel ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "complaint"), [(401, "credentials"), (503, "too busy"), (301, "not at this address")]
)
def test_what_is_known_before_a_chat_is_put_at_risk(
    ors: Orchestration, status: int, complaint: str
) -> None:
    ors.help_status = status
    with pytest.raises(NotConnected, match=complaint):
        ask(ors)


def test_nobody_listens() -> None:
    url = f"ors+http://127.0.0.1:{free_port()}"

    async def go() -> Outcome:
        async with Client(url) as client:
            return await client.request(a_request("x"))

    outcome = run(go())
    assert outcome.kind is NOT_SENT
    assert "is Orchestration running there?" in outcome.detail


def test_somebody_who_says_nothing() -> None:
    async def go() -> None:
        async with serving(silence) as port:
            url = f"ors+http://127.0.0.1:{port}"
            await open_channel(url, connect_timeout=SOON, request_timeout=NEVER)

    with pytest.raises(NotConnected, match="No answer from http://127"):
        run(go())


def test_the_listener_went_away_meanwhile(ors: Orchestration) -> None:
    async def go() -> Outcome:
        with running_orchestration() as other:
            channel = await channel_to(other)
        outcome = await channel.submit(a_request("x"))
        await channel.close()
        return outcome

    outcome = run(go())
    assert outcome.kind is NOT_SENT
    assert "it was refused" in outcome.detail
