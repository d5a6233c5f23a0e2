"""Runs heavy jobs of a worker, each in a process of its own.

Such a process shares neither the interpreter, which runs one thread at a time, nor the memory of
the worker that sends.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable

from django.conf import settings

LOOK_SECONDS = 0.5


def never() -> bool:
    return False


class Apart:
    """Starts `python -m MODULE JOB`, one at a time in this process.

    The module calls `end_with_parent` first: the kernel ends it if the thread that waits here ends.
    """

    def __init__(self, module: str, room: threading.Lock) -> None:
        self._module, self._room = module, room

    def run(self, job_id: int, *, stopping: Callable[[], bool] = never) -> int | None:
        """Run one job to its end, or until `stopping`. Return its exit status: 0 for success,
        negative for a signal. Return None if another is running."""
        if not self._room.acquire(blocking=False):
            return None
        try:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", self._module, str(job_id)],
                cwd=settings.BASE_DIR,
                env={**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings"},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            return _wait(process, stopping)
        finally:
            self._room.release()


def _wait(process: "subprocess.Popen[bytes]", stopping: Callable[[], bool]) -> int:
    while True:
        try:
            return process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if stopping():
                process.terminate()
                return process.wait()
