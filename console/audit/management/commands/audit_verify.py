"""manage.py audit_verify [--checkpoints FILE]"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from console.audit.verification import verify_database
from console.audit.verify import Unreadable, sentences
from console.site import commands


class Command(commands.Command):
    help = (
        "Follow the ledger in the database from its first entry to its newest, beside all "
        "checkpoints. The exit status is 1 where something does not hold."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoints",
            type=commands.path,
            help="one more file of checkpoints, one a line, as it was kept elsewhere",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = verify_database(options["checkpoints"])
        except Unreadable as error:
            raise CommandError(str(error), returncode=2) from error
        *told, verdict = sentences(report)
        for sentence in told:
            self.stdout.write(sentence)
        if not report.holds:
            raise CommandError(verdict)
        self.stdout.write(verdict)
