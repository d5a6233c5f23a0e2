"""The journal: every accepted request, one JSON line each, written before its answer goes out."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from console.esp.messages import KVList
from console.esp.simulator.service import Refusal

_TAIL_BLOCK = 64 * 1024


class JournalLine(Struct, frozen=True):
    """One line. `at` is in Unix seconds; `answer` is "response", "fault" or "none"."""

    seq: int
    at: float
    connection: int
    reference_id: int
    interaction_id: str
    request: KVList
    user_data: KVList
    answer: str
    fault: Refusal | None


class Journal:
    """An append-only file. A written line survives the death of this process, since the operating
    system has it; it need not survive the death of the machine."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._encoder = msgspec.json.Encoder()
        self._last_seq = self._mend()

    def take_seq(self) -> int:
        """Return the next line's number; numbering continues where an earlier run ended."""
        self._last_seq += 1
        return self._last_seq

    def append(self, lines: Sequence[JournalLine]) -> None:
        """Hand all lines to the operating system at once. Raises OSError (disk full)."""
        self._write(self._encoder.encode_lines(lines))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def _mend(self) -> int:
        """Complete a line that a crash cut short. Return the last whole line's seq, or 0."""
        tail, offset = b"", os.fstat(self._file).st_size
        while offset and tail.count(b"\n") < 3:
            size = min(offset, _TAIL_BLOCK)
            offset -= size
            tail = os.pread(self._file, size, offset) + tail
        if tail and not tail.endswith(b"\n"):
            self._write(b"\n")
        for line in reversed(tail.split(b"\n")):
            seq = _seq_of(line)
            if seq:
                return seq
        return 0


class _Numbered(Struct):
    seq: int


def _seq_of(line: bytes) -> int:
    try:
        return msgspec.json.decode(line, type=_Numbered).seq
    except msgspec.DecodeError:
        return 0
