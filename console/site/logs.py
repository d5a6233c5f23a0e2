"""How the console writes its logs: a line of key=value, or of JSON, for each event."""

import io
import logging
import sys
import threading
from types import TracebackType
from typing import Any

import structlog

FIRST = ["timestamp", "level", "logger", "event"]
# It knows only Python's logging, and gives these by `extra`.
OF_THE_ESP_LIBRARY = ["peer", "reference_id", "dropped", "round_trip"]


def configure_structlog() -> None:
    """Pass structlog's events to Python's logging, which `logging_settings` sets up."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def catch_plain_lines() -> None:
    """Log warnings and uncaught exceptions, which would otherwise be plain lines in the log."""
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda of: _log_uncaught(of.exc_type, of.exc_value, of.exc_traceback)


class LoggedLines(io.TextIOBase):
    """Replaces an output stream: each line written to it becomes an event of the log."""

    def __init__(self, level: int) -> None:
        self._level = level

    def write(self, text: str) -> int:
        for line in filter(None, map(str.strip, text.splitlines())):
            logging.getLogger("console").log(self._level, line)
        return len(text)


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is None or issubclass(kind, (KeyboardInterrupt, SystemExit)):
        return
    logging.getLogger("console").critical("uncaught", exc_info=(kind, error, trace))


def logging_settings(level: str, form: str) -> dict[str, Any]:
    """Return Django's LOGGING: console from `level` on, others' warnings; `form` text or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": _line(form)},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": "WARNING"},
        "loggers": {
            "console": {"level": level},
            "procrastinate": {"level": "WARNING"},
            "django.request": {"level": "ERROR"},
            # Anybody can cause one: it is answered with 400, and is no failure of the console.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # What it counts is in the ledger, without what was typed.
            "axes": {"level": "ERROR"},
            # They log addresses of channels, in which there are secrets.
            "apprise": {"level": "CRITICAL"},
            "urllib3": {"level": "CRITICAL"},
        },
    }


def _line(form: str) -> dict[str, Any]:
    written = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.processors.LogfmtRenderer(key_order=FIRST)
    )
    return {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(OF_THE_ESP_LIBRARY),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, written],
    }
