"""manage.py audit_tree [--whole]"""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from console.audit.tlog.growing import tree_grow
from console.audit.tlog.outside import folder
from console.audit.tlog.publishing import tree_publish
from console.audit.tlog.tree import current_log, newest_head, verifiers
from console.errors import ConsoleError
from console.site import commands

SECONDS_A_LINE = 5.0


class Command(commands.Command):
    help = (
        "Let the tree over the ledger grow up to the newest checkpoint and publish it now, as "
        "workers do every five minutes, and tell its name, its keys and its newest head. Ctrl-C "
        "ends it after a part, and nothing is lost."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--whole",
            action="store_true",
            help="look at each published file, and write those that are missing",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._told_at = time.monotonic()
        try:
            tree_grow(told=self._tell)
            tree_publish(whole=options["whole"])
        except KeyboardInterrupt:
            raise CommandError("Stopped. The rest follows in time, or by this.") from None
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"Not published: {error}") from error
        self._tell_state()

    def _tell(self, done: int, of: int) -> None:
        if time.monotonic() - self._told_at >= SECONDS_A_LINE:
            self._told_at = time.monotonic()
            self.stdout.write(f"{done:,} of {of:,} entries are in the tree.")
            self.stdout.flush()

    def _tell_state(self) -> None:
        log, head = current_log(), newest_head()
        if log is None or head is None:
            self.stdout.write("There is no checkpoint yet, so there is no tree.")
            return
        self.stdout.write(f"Log: {log.origin}")
        for key in verifiers(log.origin):
            self.stdout.write(f"Key: {key.vkey()}")
        self.stdout.write(f"Published in: {folder() or 'no folder'}")
        self.stdout.write(head.note)
