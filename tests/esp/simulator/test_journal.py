import json
import os
from pathlib import Path
from typing import Any

import pytest

from console.esp import KVList
from console.esp.simulator.journal import Journal, JournalLine
from console.esp.simulator.service import Refusal


def a_line(journal: Journal, text: str = "Hello", fault: Refusal | None = None) -> JournalLine:
    return JournalLine(
        journal.take_seq(),
        12.5,
        3,
        7,
        "0001",
        KVList.of([("Parameters", {"MessageText": text}), ("b", b"\xff")]),
        KVList.of([("InteractionId", "0001"), ("InteractionId", "0002")]),
        "fault" if fault else "response",
        fault,
    )


def write(path: Path, *texts: str) -> list[int]:
    """Journal some lines as one run of a simulator would; their numbers."""
    journal = Journal(path)
    lines = [a_line(journal, text) for text in texts]
    journal.append(lines)
    journal.close()
    return [line.seq for line in lines]


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_literal_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.append([a_line(journal, "ü"), a_line(journal, "", Refusal("code", "text"))])
    journal.close()
    pairs = (
        '"request":[{"key":"Parameters","type":"kvlist","value":['
        '{"key":"MessageText","type":"%s","value":"%s"}]},'
        '{"key":"b","type":"byte[]","value":"/w=="}],'
        '"user_data":[{"key":"InteractionId","type":"str","value":"0001"},'
        '{"key":"InteractionId","type":"str","value":"0002"}]'
    )
    assert (tmp_path / "journal").read_text() == (
        '{"seq":1,"at":12.5,"connection":3,"reference_id":7,"interaction_id":"0001",'
        + pairs % ("utf", "ü")
        + ',"answer":"response","fault":null}\n'
        '{"seq":2,"at":12.5,"connection":3,"reference_id":7,"interaction_id":"0001",'
        + pairs % ("str", "")
        + ',"answer":"fault","fault":{"code":"code","text":"text"}}\n'
    )


def test_nothing_is_written_for_nothing(tmp_path: Path) -> None:
    assert write(tmp_path / "journal") == []
    assert (tmp_path / "journal").read_bytes() == b""


def test_the_next_run_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    assert write(path, "a", "b") == [1, 2]
    assert write(path) == []
    assert write(path, "c") == [3]
    assert [line["seq"] for line in read(path)] == [1, 2, 3]


@pytest.mark.parametrize("rest", [b'{"seq":99,"at":12', b"{", b"\x00\x00", b'{"seq":"'])
def test_a_line_cut_short_by_a_crash_is_ended_and_passed_over(tmp_path: Path, rest: bytes) -> None:
    path = tmp_path / "journal"
    write(path, "a", "b")
    with path.open("ab") as journal:
        journal.write(rest)
    assert write(path, "c") == [3]
    lines = path.read_bytes().splitlines()
    assert lines[2] == rest
    assert json.loads(lines[3])["seq"] == 3


def test_a_file_that_is_nothing_but_a_cut_line(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"seq":5')
    assert write(path, "a") == [1]


def test_lines_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    write(path, "short", "x" * 200_000)
    assert write(path, "c") == [3]


def test_a_write_that_takes_only_a_part_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real_write(file, data[:10]))
    write(tmp_path / "journal", "a", "b")
    assert [line["seq"] for line in read(tmp_path / "journal")] == [1, 2]


def test_a_journal_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Journal(tmp_path / "nowhere" / "journal")
