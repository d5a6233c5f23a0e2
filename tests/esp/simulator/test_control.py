"""The control port, as a demo or a test of another part uses it: JSON lines, nothing imported."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from console.esp.simulator.control import Control
from console.esp.simulator.journal import Journal
from console.esp.simulator.server import Simulator
from tests.esp.simulator.test_service import A_MESSAGE, carry_out
from tests.esp.support import run

NO_FAULTS = {
    "drop_before_every": 0,
    "drop_every": 0,
    "cut_every": 0,
    "garbage_every": 0,
    "silent_every": 0,
    "stray_every": 0,
    "double_every": 0,
    "late_every": 0,
    "refuse_every": 0,
    "times": 0,
    "latency": 0.0,
    "late_seconds": 5.0,
    "half_open": False,
    "not_listening": False,
    "numbered": False,
}


@contextlib.asynccontextmanager
async def controlled(path: Path) -> AsyncIterator[tuple[Simulator, Control]]:
    journal = Journal(path / "journal")
    simulator = Simulator("CS", journal)
    await simulator.start("127.0.0.1", 0)
    control = Control(simulator)
    await control.start(0)
    try:
        yield simulator, control
    finally:
        await control.stop()
        await simulator.stop()
        journal.close()


def ask(path: Path, *commands: Any) -> list[dict[str, Any]]:
    """The answers to commands, given one after the other on one connection."""

    async def talk() -> list[dict[str, Any]]:
        answers = []
        async with controlled(path) as (_, control):
            reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
            for command in commands:
                line = command if isinstance(command, bytes) else json.dumps(command).encode()
                writer.write(line + b"\n")
                answers.append(json.loads(await reader.readline()))
            writer.close()
            await writer.wait_closed()
        return answers

    return run(talk())


def opened(**user_data: Any) -> dict[str, Any]:
    return {"do": "open_session", "interaction_id": "0001", "user_data": user_data}


def said(text: str, role: str = "customer", sender: str = "Jane") -> dict[str, Any]:
    return {"do": "say", "interaction_id": "0001", "from": sender, "text": text, "role": role}


def test_a_literal_exchange(tmp_path: Path) -> None:
    async def talk() -> bytes:
        async with controlled(tmp_path) as (_, control):
            reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
            writer.write(b'{"do":"open_session","interaction_id":"1"}\n{"do":"dance"}\n')
            writer.write_eof()
            answers = await reader.read()
            writer.close()
            await writer.wait_closed()
            return answers

    assert run(talk()) == (
        b'{"ok":true,"session":{"interaction_id":"1","is_open":true,"is_online":true,'
        b'"user_data":{},"entries":0}}\n'
        b'{"ok":false,"error":"Invalid value \'dance\' - at `$.do`"}\n'
    )


def test_a_session_from_beginning_to_end(tmp_path: Path) -> None:
    summary = {
        "interaction_id": "0001",
        "is_open": True,
        "is_online": True,
        "user_data": {"FirstName": "Jane"},
        "entries": 0,
    }
    closed = {"do": "close_session", "interaction_id": "0001"}
    answers = ask(
        tmp_path, opened(FirstName="Jane"), said("Hi"), said("Hello", "agent", "Ann"), closed,
        said("Bye"), {"do": "sessions"}, opened(),
    )  # fmt: skip
    assert answers[0] == {"ok": True, "session": summary}
    assert [answer["session"]["entries"] for answer in answers[1:4]] == [1, 2, 2]
    assert answers[3]["session"]["is_open"] is False
    assert answers[3]["session"]["is_online"] is False
    assert answers[4] == {"ok": False, "error": "The session of '0001' is closed."}
    assert answers[5]["sessions"] == [answers[3]["session"]]
    assert answers[6]["session"] == {**summary, "user_data": {}, "entries": 2}


def test_user_data_can_say_offline(tmp_path: Path) -> None:
    (answer,) = ask(tmp_path, opened(IsOnline="0"))
    assert (answer["session"]["is_open"], answer["session"]["is_online"]) == (True, False)


def test_what_each_kind_of_participant_sees(tmp_path: Path) -> None:
    async def talk() -> dict[str, list[tuple[int, str, str, str]]]:
        seen = {}
        async with controlled(tmp_path) as (simulator, control):
            await control.answer(json.dumps(opened()).encode())
            await control.answer(json.dumps(said("Hi")).encode())
            for visibility in ("INT", "VIP", "ALL"):
                parameters = {
                    "MessageText": visibility,
                    "Visibility": visibility,
                    "Nickname": "System",
                }
                request = {**A_MESSAGE, "Parameters": parameters}
                assert carry_out(request, sessions=simulator.sessions)[0] is None
            for view in ("customer", "agent", "supervisor"):
                command = {"do": "transcript", "interaction_id": "0001", "view": view}
                answer = json.loads(await control.answer(json.dumps(command).encode()))
                assert answer["session"]["entries"] == 4
                seen[view] = [
                    (entry["seq"], entry["role"], entry["from"], entry["text"])
                    for entry in answer["entries"]
                ]
        return seen

    all_, internal = (4, "external", "System", "ALL"), (2, "external", "System", "INT")
    supervisors, hello = (3, "external", "System", "VIP"), (1, "customer", "Jane", "Hi")
    assert run(talk()) == {
        "customer": [hello, all_],
        "agent": [hello, internal, all_],
        "supervisor": [hello, internal, supervisors, all_],
    }


def test_an_entry_has_all_its_fields(tmp_path: Path) -> None:
    transcript = {"do": "transcript", "interaction_id": "0001", "view": "customer"}
    entry = ask(tmp_path, opened(), said("Hi"), transcript)[-1]["entries"][0]
    assert isinstance(entry.pop("at"), float)
    assert entry == {
        "seq": 1,
        "role": "customer",
        "from": "Jane",
        "kind": "message",
        "text": "Hi",
        "message_type": "",
        "visibility": "ALL",
    }


def test_faults_can_be_seen_and_changed(tmp_path: Path) -> None:
    changed = {**NO_FAULTS, "refuse_every": 3, "latency": 0.5, "not_listening": True}
    answers = ask(
        tmp_path,
        {"do": "faults"},
        {"do": "faults", "set": {"refuse_every": 3, "latency": 0.5, "not_listening": True}},
        {"do": "faults", "set": {}},
    )
    assert [answer["faults"] for answer in answers] == [NO_FAULTS, changed, changed]


def test_it_answers_to_the_names_that_it_is_told(tmp_path: Path) -> None:
    given, none = ask(
        tmp_path,
        {"do": "answer_to", "names": ["chat-east", "chat-north"]},
        {"do": "answer_to", "names": []},
    )
    assert given["names"] == ["chat-east", "chat-north"]
    assert "at least one name" in none["error"]


def test_statistics(tmp_path: Path) -> None:
    (answer,) = ask(tmp_path, {"do": "stats"})
    assert answer["stats"] == {
        "connections_open": 0,
        "connections_total": 0,
        "requests": 0,
        "responses": 0,
        "faults": 0,
        "unanswered": 0,
    }


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (b"", "truncated"),
        (b"not json", "malformed"),
        (b"\xff", "malformed"),
        (b'{"do":"stats","x":"\xff"}', "unknown field"),
        (b'{"do":"open_session","interaction_id":"\xff"}', "utf-8"),
        (b"[]", "Expected `object`"),
        ({}, "missing required field `do`"),
        ({"do": "stats", "more": 1}, "unknown field `more`"),
        ({"do": "open_session"}, "missing required field `interaction_id`"),
        ({"do": "close_session", "interaction_id": "9"}, "No session for '9'."),
        ({"do": "transcript", "interaction_id": "9", "view": "agent"}, "No session for '9'."),
        ({"do": "transcript", "interaction_id": "9", "view": "cat"}, "Invalid enum value 'cat'"),
        ({**said("Hi"), "role": "cat"}, "Invalid enum value 'cat'"),
        (said("Hi"), "No session for '0001'."),
        ({"do": "faults", "set": {"refuse_every": -1}}, "refuse_every"),
        ({"do": "faults", "set": {"unheard_of": 1}}, "unknown field `unheard_of`"),
    ],
)
def test_a_bad_command_is_answered_and_the_next_one_works(
    tmp_path: Path, command: Any, error: str
) -> None:
    refused, answered = ask(tmp_path, command, {"do": "stats"})
    assert refused["ok"] is False
    assert error in refused["error"]
    assert answered["ok"] is True


def test_a_line_without_end_is_given_up(tmp_path: Path) -> None:
    async def talk() -> bytes:
        async with controlled(tmp_path) as (_, control):
            reader, writer = await asyncio.open_connection("127.0.0.1", control.port)
            writer.write(b" " * 2_200_000)
            received = b""
            with contextlib.suppress(ConnectionError):
                received = await reader.read()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            return received

    assert run(talk()) == b""


def test_many_can_look_on_at_the_same_time_and_stopping_lets_them_go(tmp_path: Path) -> None:
    async def talk() -> list[bytes]:
        async with controlled(tmp_path) as (_, control):
            clients = [await asyncio.open_connection("127.0.0.1", control.port) for _ in range(3)]
            for reader, writer in clients:
                writer.write(b'{"do":"stats"}\n')
                assert json.loads(await reader.readline())["ok"]
        goodbyes = [await reader.read() for reader, _ in clients]
        for _, writer in clients:
            writer.close()
            await writer.wait_closed()
        return goodbyes

    assert run(talk()) == [b"", b"", b""]
