"""Checkpoints in a folder outside: each line whole or not there, whatever the disk does."""

import json
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from console.audit.checkpoints import kept_outside, put_outside


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.CHECKPOINTS_TO = str(tmp_path / "outside")
    return tmp_path / "outside" / "checkpoints.jsonl"


def said(seq: int) -> dict[str, Any]:
    return {"seq": seq, "hash": "0" * 64}


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes, as on a disk that is full."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def test_a_full_disk_takes_no_part_of_a_line(file: Path) -> None:
    put_outside(said(1))
    whole = file.read_bytes()
    with pytest.raises(OSError, match="No space left"), room_for(len(whole) + 10):
        put_outside(said(2))
    assert file.read_bytes() == whole
    put_outside(said(2))
    assert kept_outside() == [said(1), said(2)]


def test_what_a_machine_wrote_as_it_died_goes(file: Path) -> None:
    put_outside(said(1))
    with file.open("a") as half:
        half.write('{"seq": 2, "ha')
    put_outside(said(2))
    assert kept_outside() == [said(1), said(2)]


def test_a_line_without_its_end_is_kept(file: Path) -> None:
    """As an editor leaves it."""
    file.parent.mkdir()
    file.write_text(json.dumps(said(1)))
    put_outside(said(2))
    assert kept_outside() == [said(1), said(2)]
