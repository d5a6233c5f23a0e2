"""How the console writes its logs: a line of key=value, or of JSON, for each event."""

from typing import Any

import structlog

FIRST = ["timestamp", "level", "logger", "event"]


def configure_structlog() -> None:
    """Hand what structlog collects to Python's logging, which `logging_settings` sets up."""
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


def logging_settings(level: str, form: str) -> dict[str, Any]:
    """Django's LOGGING: the console from `level` on, others' warnings; `form` is text or json."""
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
            # Anybody can send one: it is answered with 400, and no failure of the console's.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # What it counts stands in the trail, without what was typed.
            "axes": {"level": "ERROR"},
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
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
        ],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, written],
    }
