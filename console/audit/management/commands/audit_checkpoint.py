"""manage.py audit_checkpoint [--foreign FIRST-LAST]"""

import re
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError

from console.audit.services import checkpoint_make
from console.errors import ConsoleError
from console.site import commands


def span(text: str) -> tuple[int, int]:
    """Return the first and last number of some entries."""
    found = re.fullmatch(r"([0-9]{1,18})-([0-9]{1,18})", text)
    first, last = map(int, found.groups()) if found else (0, 0)
    if not 1 <= first <= last:
        raise ArgumentTypeError(f"{text!r} are no entries: write for example 4711-4713")
    return first, last


class Command(commands.Command):
    help = "Sign the newest entry of the ledger now, as workers do every five minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--foreign",
            type=span,
            action="append",
            default=[],
            metavar="FIRST-LAST",
            help="entries that somebody without a key wrote: the checkpoint says so for good",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = checkpoint_make(options["foreign"])
        except ConsoleError as error:
            raise CommandError(error.message) from error
        if made is None:
            self.stdout.write("Nothing is new since the last checkpoint.")
        else:
            self.stdout.write(f"Signed entry {made.seq}: {made.hash}")
