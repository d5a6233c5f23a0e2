"""Prepares a process for simulations: Django without a database, and the engine's log."""

import logging
import os
import tempfile
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

# What the engine may log as an error, since it is what must happen then.
EXPECTED = ("outcomes not recorded", "recorded without words", "drain failed")


def prepare() -> None:
    """Set Django up. Nothing connects to the database of its settings."""
    for name in [name for name in os.environ if name.startswith("CONSOLE_")]:
        del os.environ[name]
    os.environ.pop("DATABASE_URL", None)
    folder = tempfile.TemporaryDirectory(prefix="simulate-")
    os.environ |= {
        "CONSOLE_EMBEDDED": "1",
        "CONSOLE_DATA": folder.name,
        "CONSOLE_LOG_LEVEL": "ERROR",
        "DJANGO_SETTINGS_MODULE": "console.settings",
    }
    import django

    django.setup()
    folder.cleanup()


@contextmanager
def engine_log(errors: list[str]) -> Iterator[None]:
    """Keep what the engine logs as an error, and drop the rest."""

    def keep(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        said = str(event.get("event"))
        if said not in EXPECTED:
            errors.append(f"{said}: {event}")
        raise structlog.DropEvent

    before = structlog.get_config()
    esp = logging.getLogger("console.esp")
    level = esp.level
    esp.setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)
        esp.setLevel(level)
