"""Starts imports, each in a process of its own (console.catalogue.transfer.jobs.importer)."""

import threading

import structlog

from console.site.apart import Apart

logger = structlog.get_logger("console.catalogue")

# One at a time in each worker, since each may use CONSOLE_IMPORT_MEMORY.
_room = threading.Lock()
_importer = Apart("console.catalogue.transfer.jobs.importer", _room)


def run_apart(job_id: int) -> int | None:
    """Run one import to its end and return its exit status: 0 for success, negative for a signal.

    Returns None if this process is already running another import.
    """
    status = _importer.run(job_id)
    if status is not None:
        logger.info("import ended", job=job_id, status=status)
    return status
