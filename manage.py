#!/usr/bin/env python
"""Run one of the console's management commands."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line

from console.version import console_version


def main() -> None:
    if sys.argv[1:] in (["--version"], ["version"]):  # Django would tell its own
        sys.exit(print(f"Notice Console {console_version()}"))  # noqa: T201
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    if sys.argv[1:2] == ["serve"]:
        # As in console/asgi.py, which is loaded after the settings are read.
        os.environ.setdefault("CONSOLE_DATABASE_POOL_SIZE", "20")
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
