"""manage.py erase_texts --interaction ID | --expired"""

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from console.actors import system_actor
from console.errors import ConsoleError
from console.sends.control.erasure import interaction_erase
from console.sends.control.retention import retention_begin, retention_go_on, retention_state
from console.sends.models import Retention
from console.site import commands

SECONDS_A_LINE = 5.0


class Command(commands.Command):
    help = (
        "Erase what is kept of a chat's customer, as somebody has asked for: the texts that were "
        "sent to it, the name, the user data, the raw answers. Or erase all texts whose retention "
        "time is over, as a worker does every night: Ctrl-C ends that after a part, and nothing "
        "is lost. The ledger stays whole."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--interaction", metavar="ID", help="the chat's id")
        which.add_argument(
            "--expired",
            action="store_true",
            help="all texts older than CONSOLE_TEXT_RETENTION_DAYS, with progress",
        )
        parser.add_argument("--why", help="a case number, and nothing personal")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["expired"]:
            self._expired()
            return
        chat = options["interaction"]
        actor = system_actor("command line")
        try:
            number = interaction_erase(actor, interaction_id=chat, why=options["why"] or "")
        except ConsoleError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{chat}: erased, with the texts of {number} deliveries.")

    def _expired(self) -> None:
        if not settings.TEXT_RETENTION_DAYS:
            raise CommandError("CONSOLE_TEXT_RETENTION_DAYS is not set: texts are kept.")
        place, told = retention_begin(), time.monotonic()
        try:
            while retention_go_on(place):
                if time.monotonic() - told >= SECONDS_A_LINE:
                    told = time.monotonic()
                    self.stdout.write(_progress(retention_state()))
                    self.stdout.flush()
        except KeyboardInterrupt:
            self.stdout.write(_progress(retention_state()))
            raise CommandError(
                "Stopped. What is left goes in the next night, or by this."
            ) from None
        run = retention_state()
        self.stdout.write(_progress(run))
        if run is not None and run.stopped_by_name:
            raise CommandError(f"{run.stopped_by_name} has stopped it on the page Operations.")


def _progress(run: Retention | None) -> str:
    if run is None:
        return "Nothing is erased."
    rate = f", {run.rate:,.0f} a second" if run.rate else ""
    return f"{run.sends:,} of about {run.total:,} sends, {run.deliveries:,} texts{rate}"
