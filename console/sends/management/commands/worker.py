"""manage.py worker"""

import asyncio
import os
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import ExitStack
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection

from console.audit.rollback import lost_checkpoint, lost_head
from console.database.budget import WORKER_CONNECTIONS, warn_if_short
from console.database.standby import WrongStandby, require_this_database
from console.sends.engine.java import allow_java
from console.sends.engine.worker import run_until_signalled
from console.sends.observe.scraping import CannotShowMetrics, metrics_port
from console.site import commands

# A broadcast can wait a few milliseconds; a page request on the same machine should not.
PEOPLE_FIRST = 5
# A worker's metrics are on this port plus its number.
FIRST_PORT = 9100
MOST_WORKERS = 899


def worker_number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_WORKERS):
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_WORKERS}")
    return int(text)


class Command(commands.Service):
    help = (
        "Send what waits to be sent. Run any number of these on any number of machines against "
        "one database. SIGTERM lets it finish what is on the wire."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        shown = parser.add_mutually_exclusive_group()
        shown.add_argument(
            "--number",
            type=worker_number,
            help=f"which of this machine's workers this is, from 1 to {MOST_WORKERS}: its metrics "
            f"are shown on the port {FIRST_PORT} and this number",
        )
        shown.add_argument(
            "--metrics-port",
            type=int,
            default=settings.WORKER_METRICS_PORT,
            help="show this worker's metrics there; 0 is any free one; default: "
            "CONSOLE_WORKER_METRICS_PORT, or none",
        )
        parser.add_argument(
            "--metrics-host",
            default="127.0.0.1",
            help="any other address needs CONSOLE_METRICS_TOKEN; default: %(default)s",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DATABASE_POOL_SIZE:
            raise CommandError(
                "Unset CONSOLE_DATABASE_POOL_SIZE for workers: a pool keeps connections open, and "
                "with them the locks of drains that are over."
            )
        _require_present()
        os.nice(PEOPLE_FIRST)
        allow_java()
        with ExitStack() as stack:
            chosen = options["metrics_port"]
            if options["number"] is not None:
                chosen = FIRST_PORT + options["number"]
            if chosen is not None:
                try:
                    opened = metrics_port(options["metrics_host"], chosen)
                    port = stack.enter_context(opened)
                except CannotShowMetrics as error:
                    raise CommandError(str(error)) from error
                self.stdout.write(f"Metrics on port {port}.")
            self.stdout.write("Worker ready. Ctrl-C stops it after what is on the wire.")
            self.stdout.flush()
            asyncio.run(run_until_signalled())
        self.stdout.write("Worker stopped.")


def _require_present() -> None:
    """Raise CommandError if the database is older than its last checkpoint, or what is set as its
    standby is of another.

    Such a database does not know what has gone out since, and would send it again.
    """
    lost = lost_checkpoint()
    if lost is not None:
        raise CommandError(
            f"This database is older than what was done: entry {lost['seq']} of the ledger was "
            f"signed at {lost['at']}, and is not in it. What waits here may have been sent since. "
            "If it was restored on purpose run first: manage.py restored (docs/backup.md)"
        )
    head = lost_head()
    if head is not None:
        raise CommandError(
            f"This database is older than what was done: the published tree of the ledger has "
            f"{head.size} entries, and more than are in it. What waits here may have been sent "
            "since. If it was restored on purpose run first: manage.py restored (docs/backup.md)"
        )
    warn_if_short(WORKER_CONNECTIONS)
    try:
        require_this_database()
    except WrongStandby as error:
        raise CommandError(str(error)) from error
    connection.close()
