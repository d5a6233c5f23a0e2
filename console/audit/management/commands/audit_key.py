"""manage.py audit_key [--public]"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from console.audit.checkpoints import new_key, public_key
from console.site import commands


class Command(commands.Command):
    help = (
        "Print a new key for CONSOLE_AUDIT_KEY; with --public the public key of the one that is "
        "set, which verifies exports."
    )
    requires_system_checks = ()  # usable before there are any settings

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--public", action="store_true", help="the public key of the one set")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["public"]:
            self.stdout.write(new_key())
        elif settings.AUDIT_KEY:
            self.stdout.write(public_key(settings.AUDIT_KEY))
        else:
            raise CommandError("CONSOLE_AUDIT_KEY is not set. Make one with: manage.py audit_key")
