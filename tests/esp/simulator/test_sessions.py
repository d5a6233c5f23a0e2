import pytest

from console.esp.simulator.sessions import KEPT_ENTRIES, Session, Sessions, says_offline


def say(session: Session, text: str, visibility: str = "ALL") -> None:
    session.add(
        at=1.5, role="agent", sender="Ann", kind="message", text=text, visibility=visibility
    )


def test_an_entry_knows_its_place() -> None:
    session = Session("0001", {})
    say(session, "one")
    session.add(at=2.5, role="external", sender="", kind="custom", text="", message_type="x")
    first, second = session.transcript
    assert (first.seq, first.at, first.sender, first.role, first.kind) == (
        1,
        1.5,
        "Ann",
        "agent",
        "message",
    )
    assert (second.seq, second.message_type, second.visibility) == (2, "x", "ALL")


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("customer", ["to all"]),
        ("agent", ["to all", "to agents"]),
        ("supervisor", ["to all", "to agents", "to supervisors"]),
    ],
)
def test_who_sees_what(who: str, seen: list[str]) -> None:
    session = Session("0001", {})
    say(session, "to all")
    say(session, "to agents", "INT")
    say(session, "to supervisors", "VIP")
    assert [entry.text for entry in session.view(who)] == seen


def test_nobody_else_sees_anything() -> None:
    with pytest.raises(KeyError):
        Session("0001", {}).view("passer-by")


def test_a_very_long_transcript_loses_its_beginning() -> None:
    session = Session("0001", {})
    for number in range(KEPT_ENTRIES + 1):
        say(session, str(number))
    assert (session.entries_taken, len(session.transcript)) == (KEPT_ENTRIES + 1, KEPT_ENTRIES)
    assert session.transcript[0].seq == 2


@pytest.mark.parametrize(
    ("is_online", "offline"),
    [("0", True), (0, True), ("1", False), (None, False), ("", False), ("false", False)],
)
def test_only_zero_is_offline(is_online: object, offline: bool) -> None:
    assert says_offline(is_online) is offline
    assert Session("0001", {"IsOnline": is_online}).is_online is not offline


def test_a_closed_session_is_not_online() -> None:
    assert not Session("0001", {}, is_open=False).is_online


def test_a_closed_session_opens_again_with_its_transcript() -> None:
    sessions = Sessions()
    session = sessions.open("0001", {"a": 1})
    say(session, "one")
    session.is_open = False
    again = sessions.open("0001", {"a": 2})
    assert again is session is sessions.get("0001")
    assert (again.is_open, again.user_data, len(again.transcript)) == (True, {"a": 2}, 1)
    assert list(sessions) == [session]


def test_a_session_that_never_was() -> None:
    assert Sessions().get("0001") is None
