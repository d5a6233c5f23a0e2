"""manage.py backup FOLDER"""

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.backups.services import backup_make
from console.errors import ConsoleError
from console.site import commands


def at_least_one(text: str) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a number of backups: write 1 or more")
    return int(text)


class Command(commands.Command):
    help = (
        "Write a backup of the database and of the checkpoints into a new folder in FOLDER, while "
        "everything goes on. It has all texts and names: keep it where only few can read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=commands.path, help="where backups are kept")
        parser.add_argument(
            "--keep",
            type=at_least_one,
            metavar="NUMBER",
            help="take away older ones, so that so many are left; default: all are",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = system_actor("command line")
        folder: Path = options["folder"].resolve()
        try:
            made = backup_make(actor, folder, keep=options["keep"], tell=self.stderr.write)
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"No backup was made: {error}") from error
        self.stdout.write(str(made))
