"""The console's management commands: `manage.py`, and `notice-console` of the installed package."""

import gc
import json
import os
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# They print or copy what the code has, and read no settings of a site.
WITHOUT_SETTINGS = {"help", "version", "collectstatic"}
HELP = {"-h", "--help"}


def main() -> None:
    gc.disable()  # until all is loaded, since that stays: looking it through takes a tenth of it
    endings = Endings()
    try:
        _run(endings)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    finally:
        # It is ending. Another signal would only interrupt the clean-up.
        for number in ENDS:
            if not _ends_at_once(number):
                signal.signal(number, signal.SIG_IGN)


def _ends_at_once(number: signal.Signals) -> bool:
    stopping = sys.modules.get("console.site.stopping")  # not loaded for this
    return stopping is not None and stopping.ends_at_once(number)


class Endings:
    """Handles Ctrl-C and SIGTERM. SIGTERM has the same effect as Ctrl-C for commands without a
    handler of their own: the embedded PostgreSQL stops. While modules are being imported, signals
    are only recorded, since Python drops an exception raised in a callback of its imports."""

    def __init__(self) -> None:
        self._came: list[int] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda came, _frame: self._came.append(came))

    def loaded(self) -> None:
        """Let signals end the program from now on; at once if one has come already."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _end)
        if self._came:
            signal.raise_signal(self._came[0])


def _end(number: int, _frame: Any) -> None:
    # A service that ends when told to has not failed.
    sys.exit(0 if _is_service() else 128 + number)


def _is_service() -> bool:
    return sys.argv[1:2] in (["serve"], ["worker"])


def _run(endings: Endings) -> None:
    # Imported here, so that an interrupt during the imports leaves no traceback either.
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import ManagementUtility
    from django.db import OperationalError

    from console.site import environment
    from console.site.version import console_version

    if sys.argv[1:] in (["--version"], ["version"]):  # Django would print its own
        print(f"Notice Console {console_version()}")  # noqa: T201
        return
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    if sys.argv[1:2] == ["serve"]:
        # As in console/asgi.py, which is loaded after the settings are read.
        os.environ.setdefault("CONSOLE_DATABASE_POOL_SIZE", "20")
    if needs_no_settings(sys.argv[1:]):
        environment.require_nothing()

    class Utility(ManagementUtility):
        def fetch_command(self, subcommand: str) -> Any:
            command = super().fetch_command(subcommand)
            # Django's own commands would go on without settings: "No changes detected".
            if self.settings_exception is not None:
                raise self.settings_exception
            gc.freeze()
            gc.enable()
            endings.loaded()
            return command

    try:
        Utility(sys.argv).execute()
    except ImproperlyConfigured as error:
        sys.exit(_refusal(str(error)))
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None):  # of a statement: it was connected
            raise
        sys.exit(_refusal(f"The database can't be reached: {error}"))


def _refusal(sentence: str) -> str:
    """Return why the program does not start, in the form of a log line if its log is JSON."""
    if not _is_service() or os.environ.get("CONSOLE_LOG_FORMAT", "").strip() != "json":
        return sentence
    now = datetime.now(UTC).isoformat()
    line = {"timestamp": now, "level": "error", "logger": "console", "event": sentence}
    return json.dumps(line)


def needs_no_settings(arguments: Sequence[str]) -> bool:
    if not arguments or HELP.intersection(arguments[:2]):
        return True
    # With --public it prints the public key of the configured key.
    return arguments[0].lstrip("-") in WITHOUT_SETTINGS or list(arguments) == ["audit_key"]
