"""What happens in a simulation, line by line: its digest says whether two runs are the same."""

import hashlib
from collections import deque

LAST_LINES = 80


class Trace:
    """The digest of all lines, and the last of them."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.last: deque[str] = deque(maxlen=LAST_LINES)
        self.lines = 0
        self.listener: list[str] | None = None

    def note(self, now: float, line: str) -> None:
        line = f"{now:.6f} {line}"
        self.lines += 1
        self._digest.update(line.encode())
        self._digest.update(b"\n")
        self.last.append(line)
        if self.listener is not None:
            self.listener.append(line)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()
