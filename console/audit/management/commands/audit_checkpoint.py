"""manage.py audit_checkpoint"""

from typing import Any

from django.core.management.base import CommandError

from console.audit.checkpoints import Unsigned
from console.audit.services import checkpoint_make
from console.site import commands


class Command(commands.Command):
    help = "Sign the newest entry of the ledger now, as workers do every five minutes."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            made = checkpoint_make()
        except Unsigned as error:
            raise CommandError(error.message) from error
        if made is None:
            self.stdout.write("Nothing is new since the last checkpoint.")
        else:
            self.stdout.write(f"Signed entry {made.seq}: {made.hash}")
