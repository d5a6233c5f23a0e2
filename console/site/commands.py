"""What the console's commands share: an empty option is refused. A script's unset variable gives
one, and without its restriction the command would do more than was meant."""

import logging
import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, TextIO, cast

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from console.site.logs import LoggedLines, catch_plain_lines
from console.text.visible import is_blank


def path(text: str) -> Path:
    """Return a path argument. Refuses an empty one, which would be the current folder."""
    if is_blank(text):
        raise ArgumentTypeError("it is empty: name a file or a folder")
    return Path(text)


class Command(BaseCommand):
    """Refuses empty texts in any argument or option."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        for name, value in options.items():
            values = value if isinstance(value, (list, tuple)) else [value]
            if any(isinstance(each, str) and is_blank(each) for each in values):
                raise CommandError(f"{name} is empty: give it a value, or leave it out.")
        return super().execute(*args, **options)


class Service(Command):
    """A command that runs until it is stopped. If its log is in JSON, all its output is, including
    the reason why it does not start."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        if settings.LOG_FORMAT != "json":
            return super().execute(*args, **options)
        catch_plain_lines()
        self.stdout = OutputWrapper(cast(TextIO, LoggedLines(logging.INFO)))
        self.stderr = OutputWrapper(cast(TextIO, LoggedLines(logging.WARNING)))
        try:
            return super().execute(*args, **options)
        except CommandError as error:
            LoggedLines(logging.ERROR).write(str(error))
            sys.exit(error.returncode)
