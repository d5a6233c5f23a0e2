"""manage.py audit_key [--public | --process NAME [--days N] | --revoke KEY [--after SEQ]]"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from console.actors import system_actor
from console.audit.checkpoints import new_key, public_key
from console.audit.services import process_key_make, process_key_revoke
from console.errors import ConsoleError
from console.site import commands

DAYS = 400


class Command(commands.Command):
    help = (
        "Print a new key for CONSOLE_AUDIT_KEY; with --public the public key of the one that is "
        "set, which verifies exports; with --process a key for CONSOLE_PROCESS_KEY, with which a "
        "process signs what it records. --revoke ends the trust in such a key."
    )
    requires_system_checks = ()  # usable before there are any settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--public", action="store_true", help="the public key of the one set")
        what.add_argument("--process", metavar="NAME", help="a certified key for the process NAME")
        what.add_argument("--revoke", metavar="KEY", help="the id of a process's key, 16 digits")
        parser.add_argument("--days", type=int, default=DAYS, help=f"of --process: {DAYS}")
        parser.add_argument(
            "--after",
            type=int,
            metavar="SEQ",
            help="of --revoke: what the key signed after this entry may be somebody else's",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._handle(options)
        except ConsoleError as error:
            raise CommandError(error.message) from error

    def _handle(self, options: dict[str, Any]) -> None:
        if options["process"] is not None:
            if options["days"] < 1:
                raise CommandError("--days takes a number of at least 1.")
            made = process_key_make(
                system_actor("command line"), name=options["process"], days=options["days"]
            )
            self.stdout.write(made)
        elif options["revoke"] is not None:
            process_key_revoke(
                system_actor("command line"), key=options["revoke"], after=options["after"]
            )
            self.stdout.write(f"Nobody trusts the key {options['revoke']} any more.")
        elif not options["public"]:
            self.stdout.write(new_key())
        elif settings.AUDIT_KEY:
            self.stdout.write(public_key(settings.AUDIT_KEY))
        else:
            raise CommandError("CONSOLE_AUDIT_KEY is not set. Make one with: manage.py audit_key")
