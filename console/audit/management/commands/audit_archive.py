"""manage.py audit_archive --before 2026-01 FOLDER"""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.audit.services import audit_archive
from console.audit.verify import Unreadable
from console.errors import ConsoleError
from console.site import commands


def month(text: str) -> datetime:
    """Return the first moment of a month, in UTC like the entries."""
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no month: write for example 2026-01") from error


class Command(commands.Command):
    help = (
        "Move the old months of the ledger into a file: it is written and verified, its end is "
        "signed and kept as a seal, and the entries leave the database."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--before",
            type=month,
            required=True,
            metavar="2026-01",
            help="the first month that stays, at least four weeks ago",
        )
        parser.add_argument("folder", type=commands.path, help="where archives are kept")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        actor = system_actor("command line")
        try:
            seal = audit_archive(actor, before=options["before"], folder=folder)
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except FileExistsError as error:
            text = f"{error.filename} is there already. Name another folder."
            raise CommandError(text) from error
        except (OSError, Unreadable) as error:
            raise CommandError(f"Nothing was archived: {error}") from error
        self.stdout.write(
            f"{folder / seal.file}: entries {seal.first} to {seal.last}, verified and sealed. "
            f"SHA-256 {seal.sha256}"
        )
