"""manage.py restore BACKUP"""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from console.actors import system_actor
from console.audit.rollback import put_back
from console.audit.verify import Unreadable
from console.backups.manifest import CHECKPOINTS, read_manifest, secret_key_mark
from console.backups.report import settle_and_tell
from console.backups.services import database_fill
from console.errors import ConsoleError
from console.site import commands


class Command(commands.Command):
    help = (
        "Fill an empty database from a backup, migrate it, and verify its ledger. All sending is "
        "stopped then, and what was open in the backup is unknown: it may have gone out since."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "backup", type=commands.path, help="the folder that manage.py backup named"
        )
        add_vouching(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        backup: Path = options["backup"].resolve()
        try:
            said = read_manifest(backup)
            self.stdout.write(
                f"{backup.name}: made at {said['made_at']}, its files are as they were written."
            )
            database_fill(backup, said, tell=self.stderr.write)
            self.stdout.write(f"{said['sends']} sends with {said['deliveries']} deliveries came.")
            call_command("migrate", verbosity=0)
            if put_back(backup / CHECKPOINTS):
                self.stdout.write("The checkpoints outside were gone: the backup's are there now.")
            self._warn_of_secret_key(said)
            settle_and_tell(
                self.stdout.write,
                system_actor("command line"),
                backup=said,
                checkpoints=backup / CHECKPOINTS,
                nothing_sent_since=options["nothing_sent_since"],
                progress=self.stderr.write,
            )
        except ConsoleError as error:
            raise CommandError(error.message) from error
        except (OSError, Unreadable) as error:
            raise CommandError(str(error)) from error

    def _warn_of_secret_key(self, said: Mapping[str, Any]) -> None:
        known = map(secret_key_mark, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])
        if said["secret_key"] not in known:
            self.stdout.write(
                "The backup was made under another CONSOLE_SECRET_KEY: second factors can't be "
                "read without it. Put it into CONSOLE_OLD_SECRET_KEYS."
            )


def add_vouching(parser: ArgumentParser) -> None:
    """Add the option by which an operator vouches that nothing pending has been sent."""
    parser.add_argument(
        "--nothing-sent-since",
        action="store_true",
        help="you know that no worker has run since that moment: what waited goes on waiting",
    )
