"""manage.py audit_export FILE"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.audit.checkpoints import Unsigned
from console.audit.services import audit_export
from console.site import commands


class Command(commands.Command):
    help = "Write the whole ledger into a new zip file, for python -m console.audit.verify."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=commands.path, help="a file that is not there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            with path.open("xb") as file:
                first, last = audit_export(system_actor("command line"), file)
        except FileExistsError as error:
            raise CommandError(f"{path} is there already. Name another file.") from error
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error}") from error
        except Unsigned as error:
            path.unlink(missing_ok=True)
            raise CommandError(error.message) from error
        self.stdout.write(f"{path}: entries {first} to {last}")
