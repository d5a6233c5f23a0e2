"""manage.py restored"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.audit.verify import Unreadable
from console.backups.management.commands.restore import add_vouching
from console.backups.report import settle_and_tell
from console.errors import ConsoleError
from console.site import commands


class Command(commands.Command):
    help = (
        "Say that this database came from the past in another way than by manage.py restore: by "
        "recovery to a point in time, a snapshot, a replica that lagged behind. All sending is "
        "stopped then, and what is open is unknown: it may have gone out since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_vouching(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            settle_and_tell(
                self.stdout.write,
                system_actor("command line"),
                nothing_sent_since=options["nothing_sent_since"],
            )
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except (OSError, Unreadable) as error:
            raise CommandError(str(error)) from error
