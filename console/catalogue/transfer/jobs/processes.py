"""Starts imports, each in a process of its own (console.catalogue.transfer.jobs.importer)."""

import os
import subprocess
import sys
import threading

import structlog
from django.conf import settings

logger = structlog.get_logger("console.catalogue")

# One at a time in each worker, since each may use CONSOLE_IMPORT_MEMORY.
_room = threading.Lock()


def run_apart(job_id: int) -> int | None:
    """Run one import to its end and return its exit status: 0 for success, negative for a signal.

    Returns None if this process is already running another import.
    """
    if not _room.acquire(blocking=False):
        return None
    try:
        # The kernel ends the child if the thread that waits here ends.
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "console.catalogue.transfer.jobs.importer", str(job_id)],
            cwd=settings.BASE_DIR,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "console.settings"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        status = process.wait()
    finally:
        _room.release()
    logger.info("import ended", job=job_id, status=status)
    return status
