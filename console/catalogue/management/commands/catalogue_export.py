"""manage.py catalogue_export FILE"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.catalogue.transfer.catalogue_export_record import catalogue_export
from console.errors import ConsoleError
from console.site import commands


class Command(commands.Command):
    help = (
        "Write the whole catalogue into a new file: CSV, XLSX or JSON by its ending. The same "
        "catalogue is the same file, byte by byte."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=commands.path, help="a file that is not there yet")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            content, rows = catalogue_export(system_actor("command line"), file_name=path.name)
            with path.open("xb") as file:
                file.write(content)
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except FileExistsError as error:
            raise CommandError(f"{path} is there already. Name another file.") from error
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error}") from error
        self.stdout.write(f"{path}: {rows:,} rows")
