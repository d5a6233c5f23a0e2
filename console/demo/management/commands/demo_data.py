"""manage.py demo_data, a step of `manage.py demo`."""

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from console.demo.seeding import MIGRATED, feed_token, register_chat_servers, seed
from console.site import commands

TOKEN_FILE = "demo_feed_token"  # noqa: S105 - a file's name


class Command(commands.Command):
    help = (
        "Migrate the database and put the demo's data into it, once; `manage.py demo` calls this. "
        "Says when it has migrated, and at the end the token of the demo's feed. Only for the "
        "embedded database."
    )
    requires_system_checks = ()  # the web server runs them a moment later

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--chat-server",
            action="append",
            default=[],
            metavar="NAME=ADDRESS",
            help="register a Chat Server; give it several times for several",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError(
                "The demo's people have a password that everybody knows, so they only go into "
                "the embedded database. Unset DATABASE_URL, and set CONSOLE_EMBEDDED=1."
            )
        _migrate()
        register_chat_servers(dict(entry.split("=", 1) for entry in options["chat_server"]))
        self.stdout.write(MIGRATED)
        self.stdout.flush()
        seed()
        self.stdout.write(_kept_token(settings.CONSOLE_DATA / TOKEN_FILE))


def _migrate() -> None:
    """Migrate if necessary.

    The check is faster than the command, which finds nothing to do on most starts.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        call_command("migrate", verbosity=0, interactive=False)


def _kept_token(file: Path) -> str:
    kept = file.read_text().strip() if file.exists() else ""
    token = feed_token(kept)
    if token != kept:
        file.unlink(missing_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as writing:
            writing.write(token)
    return token
