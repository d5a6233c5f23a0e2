"""Starts imports, each in a process of its own (console.catalogue.transfer.jobs.importer)."""

import os
import subprocess
import sys
import threading

import structlog
from django.conf import settings

logger = structlog.get_logger("console.catalogue")

# One at a time in a worker: each may take CONSOLE_IMPORT_MEMORY.
_room = threading.Lock()


def run_apart(job_id: int) -> int | None:
    """Run one import to its end: 0 is well, a signal is below it. None where this process runs
    another one now."""
    if not _room.acquire(blocking=False):
        return None
    try:
        # The kernel ends it with the thread that waits here.
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
