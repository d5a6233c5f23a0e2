"""Starts the process that writes an export (console.exports.exporter)."""

import threading
from collections.abc import Callable

import structlog

from console.site.apart import Apart, never

logger = structlog.get_logger("console.exports")

# One at a time in each worker: each takes a processor.
_room = threading.Lock()
_exporter = Apart("console.exports.exporter", _room)


def run_apart(export_id: int, *, stopping: Callable[[], bool] = never) -> int | None:
    """Write one export. Return the exit status, or None if this process is writing another."""
    status = _exporter.run(export_id, stopping=stopping)
    if status is not None:
        logger.info("export ended", export=export_id, status=status)
    return status
