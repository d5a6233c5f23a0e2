"""The workers' machine: the files in which they keep what they could not record."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.site.kept_lines import KeptLines

if TYPE_CHECKING:
    from tools.simulate.process import Process


class File:
    """A file of a worker. While it writes it, nobody else reads it."""

    def __init__(self, writer: "Process") -> None:
        self.writer: Process | None = writer
        self.kept: list[bytes] = []

    @property
    def is_left(self) -> bool:
        return self.writer is None or self.writer.is_dead

    def lines(self) -> list[bytes]:
        return list(self.kept)


class Disk:
    """All files, in their order."""

    def __init__(self) -> None:
        self.files: list[File] = []


class SimulatedLines(KeptLines):
    """A worker's way to the disk."""

    def __init__(self, disk: Disk, process: "Process") -> None:
        super().__init__(Path("/nowhere"), process.name)
        self.disk = disk
        self.process = process
        self.file: File | None = None

    def require_folder(self) -> None:
        pass

    def keep(self, lines: Sequence[bytes]) -> Path:
        if self.file is None:
            self.file = File(self.process)
            self.disk.files.append(self.file)
        self.file.kept += lines
        return self.folder

    def let_go(self) -> None:
        if self.file is not None:
            self.file.writer = None
            self.file = None

    def has_left(self) -> bool:
        return bool(self.disk.files)

    def left(self) -> Iterator[File]:  # type: ignore[override]
        yield from [file for file in self.disk.files if file.is_left]

    def unreadable(self) -> int:
        return 0

    def remove(self, file: File) -> None:
        if file in self.disk.files:
            self.disk.files.remove(file)
