"""Lines that a process keeps in a file for the next process on its machine.

Each process has files of its own, and holds a lock on the one that it writes. The kernel releases
the lock when the process ends, however it ends, so nobody reads the file of a living process.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from console.site.fsync import to_disk

ENDING = ".jsonl"
UNREADABLE = ".unreadable"
# A file that is just being made, and that nobody takes up.
NEW = ".new"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700


class KeptLines:
    """The files in `folder`. Those of this process begin with `name`."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.name = name
        self._descriptor: int | None = None
        self._number = 0

    def keep(self, lines: Sequence[bytes]) -> Path:
        """Append lines, and return when they are on the disk. Return the file's path. Raises
        OSError; then some of them may be there, the last one in part, and later ones go into
        another file."""
        if self._descriptor is None:
            self._descriptor = self._open()
        left = b"".join(line + b"\n" for line in lines)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
            os.fsync(self._descriptor)
        except OSError:
            self.let_go()
            raise
        return self._path

    def let_go(self) -> None:
        """Close the file, so that it can be taken up. More lines go into another one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def has_left(self) -> bool:
        """Return whether there are files, of this process or another."""
        return next(self.folder.glob(f"*{ENDING}"), None) is not None

    def left(self) -> "Iterator[LeftLines]":
        """Yield the files that no process writes, each locked until the next is asked for."""
        for path in sorted(self.folder.glob(f"*{ENDING}")):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except (FileNotFoundError, PermissionError):
                continue  # another process has taken it up, or it is another user's
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    yield LeftLines(path)
            except BlockingIOError:
                continue  # its process lives, or another takes it up
            finally:
                os.close(descriptor)

    def unreadable(self) -> int:
        """Return how many lines are kept that could not be read. A file that this user may not read
        counts as one."""
        forbidden = sum(not _is_allowed(path, os.R_OK) for path in self.folder.glob(f"*{ENDING}"))
        return forbidden + sum(map(_lines_in, self.folder.glob(f"*{UNREADABLE}")))

    @property
    def _path(self) -> Path:
        return self.folder / f"{self.name}-{self._number}{ENDING}"

    def require_folder(self) -> None:
        """Make the folder if it is missing. Raises OSError if no file can be made there."""
        self.folder.mkdir(PRIVATE_FOLDER, parents=True, exist_ok=True)
        if not _is_allowed(self.folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self.folder))

    def _open(self) -> int:
        """Make the next file. It gets its name once it is locked: nobody takes it up before."""
        self.require_folder()
        self._number += 1
        made = self._path.with_suffix(NEW)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        descriptor = os.open(made, flags, PRIVATE_FILE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            made.rename(self._path)
            to_disk(self.folder)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor


def _is_allowed(path: Path, ways: int) -> bool:
    return os.access(path, ways, effective_ids=True)


def _lines_in(path: Path) -> int:
    try:
        return len(path.read_bytes().splitlines())
    except FileNotFoundError:
        return 0
    except OSError:
        return 1  # at least


class LeftLines:
    """A file whose process has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[bytes]:
        return [line for line in self.path.read_bytes().split(b"\n") if line.strip()]

    def set_aside(self, lines: Sequence[bytes]) -> Path:
        """Keep lines of this file that could not be read, in a file that replaces an earlier one.
        Return its path."""
        aside = self.path.with_suffix(UNREADABLE)
        made = aside.with_suffix(NEW)
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"".join(line + b"\n" for line in lines))
        to_disk(made)
        made.replace(aside)
        to_disk(aside.parent)
        return aside

    def remove(self) -> None:
        """Remove the file. Call it when all that it says is committed elsewhere."""
        self.path.unlink()
        to_disk(self.path.parent)
