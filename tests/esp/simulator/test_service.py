from typing import Any

import pytest

from console.esp import KVList
from console.esp.messages import Request3rdServer
from console.esp.simulator.service import ChatService, Refusal, interaction_id_of
from console.esp.simulator.sessions import Sessions

A_MESSAGE = {
    "AppName": "CS",
    "AppType": "ChatServer",
    "Service": "Chat",
    "Method": "Message",
    "Parameters": {"MessageText": "Hello"},
}
USER_DATA = {"InteractionId": "0001", "n": 5, "b": b"\xff"}


def carry_out(
    request: Any,
    user_data: Any = USER_DATA,
    *,
    sessions: Sessions | None = None,
    strict: bool = False,
) -> tuple[Refusal | None, Sessions]:
    sessions = sessions or Sessions()
    service = ChatService("CS", sessions, sessions_must_exist=strict)
    message = Request3rdServer(1, KVList.of(request), KVList.of(user_data))
    return service.carry_out(message, 12.5), sessions


def the_only_entry(request: Any) -> dict[str, Any]:
    refusal, sessions = carry_out(request)
    assert refusal is None
    (session,) = sessions
    (entry,) = session.transcript
    return {name: getattr(entry, name) for name in entry.__struct_fields__}


def test_a_message_goes_into_the_transcript() -> None:
    parameters = {
        "MessageText": "Hello",
        "MessageType": "greeting",
        "Nickname": "System",
        "Visibility": "INT",
    }
    assert the_only_entry({**A_MESSAGE, "Parameters": parameters}) == {
        "seq": 1,
        "at": 12.5,
        "role": "external",
        "sender": "System",
        "kind": "message",
        "text": "Hello",
        "message_type": "greeting",
        "visibility": "INT",
    }


def test_without_visibility_everybody_sees_it() -> None:
    entry = the_only_entry(A_MESSAGE)
    assert (entry["visibility"], entry["sender"], entry["message_type"]) == ("ALL", "", "")


@pytest.mark.parametrize(
    ("parameters", "kind", "text"),
    [
        (
            {"NoticeType": "USER_PUSHED_URL", "NoticeText": "https://a.example/"},
            "push_url",
            "https://a.example/",
        ),
        ({"NoticeType": "USER_CUSTOM", "NoticeText": "x"}, "custom", "x"),
        ({"NoticeType": "USER_CUSTOM"}, "custom", ""),
    ],
)
def test_a_notice_goes_into_the_transcript(
    parameters: dict[str, str], kind: str, text: str
) -> None:
    entry = the_only_entry({**A_MESSAGE, "Method": "Notice", "Parameters": parameters})
    assert (entry["kind"], entry["text"]) == (kind, text)


def notice(**parameters: str) -> dict[str, Any]:
    return {"Method": "Notice", "Parameters": parameters}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"AppName": "Other"}, "unknown_application"),
        ({"AppName": 5}, "unknown_application"),
        ({"AppName": None}, "unknown_application"),
        ({"AppType": "WebAPIServer"}, "unknown_application_type"),
        ({"Service": "Email"}, "unknown_service"),
        ({"Method": "Dance"}, "unknown_method"),
        ({"Method": None}, "unknown_method"),
        ({"Parameters": None}, "missing_parameter"),
        ({"Parameters": "text"}, "missing_parameter"),
        ({"Parameters": {}}, "missing_parameter"),
        ({"Parameters": {"MessageText": ""}}, "missing_parameter"),
        ({"Parameters": {"MessageText": 5}}, "missing_parameter"),
        ({"Parameters": {"MessageText": "a", "Visibility": "NONE"}}, "bad_visibility"),
        (notice(), "missing_parameter"),
        (notice(NoticeType="USER_OTHER"), "unknown_notice_type"),
        (notice(NoticeType="USER_PUSHED_URL"), "invalid_url"),
        (notice(NoticeType="USER_PUSHED_URL", NoticeText="not a url"), "invalid_url"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], code: str) -> None:
    request = {key: value for key, value in {**A_MESSAGE, **changes}.items() if value is not None}
    refusal, sessions = carry_out(request)
    assert refusal is not None
    assert refusal.code == code
    assert refusal.text.endswith(".")
    assert list(sessions) == []


@pytest.mark.parametrize("user_data", [{}, {"InteractionId": ""}, {"InteractionId": 5}])
def test_without_an_interaction_there_is_no_session(user_data: dict[str, Any]) -> None:
    refusal, sessions = carry_out(A_MESSAGE, user_data)
    assert refusal == Refusal("no_interaction_id", "UserData has no InteractionId.")
    assert list(sessions) == []
    assert interaction_id_of(KVList.of(user_data)) == ""


def test_a_new_interaction_opens_its_session() -> None:
    refusal, sessions = carry_out(A_MESSAGE, [*USER_DATA.items(), ("n", 6)])
    (session,) = sessions
    assert refusal is None
    assert session.user_data == {"InteractionId": "0001", "n": 5, "b": "/w=="}


def test_unless_sessions_must_exist() -> None:
    refusal, sessions = carry_out(A_MESSAGE, strict=True)
    assert refusal == Refusal("unknown_session", "No session for '0001'.")
    sessions.open("0001", {})
    assert carry_out(A_MESSAGE, sessions=sessions, strict=True)[0] is None


@pytest.mark.parametrize("strict", [False, True])
def test_a_closed_session_takes_nothing(strict: bool) -> None:
    sessions = Sessions()
    session = sessions.open("0001", {})
    session.is_open = False
    refusal, _ = carry_out(A_MESSAGE, sessions=sessions, strict=strict)
    assert refusal == Refusal("session_closed", "The session of '0001' is closed.")
    assert list(session.transcript) == []


def test_user_data_that_says_offline_closes_it() -> None:
    refusal, _ = carry_out(A_MESSAGE, {**USER_DATA, "IsOnline": "0"})
    assert refusal is not None
    assert refusal.code == "session_closed"
    sessions = Sessions()
    sessions.open("0001", {"IsOnline": "0"})
    refusal, _ = carry_out(A_MESSAGE, sessions=sessions)
    assert refusal is not None
    assert refusal.code == "session_closed"
