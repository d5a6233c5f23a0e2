"""manage.py worker"""

import asyncio
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.sends.worker import run_until_signalled


class Command(BaseCommand):
    help = (
        "Send what waits to be sent. Run any number of these on any number of machines against "
        "one database. SIGTERM lets it finish what is on the wire."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Worker ready. Ctrl-C stops it after what is on the wire.")
        self.stdout.flush()
        if settings.DATABASE_POOL_SIZE:
            raise CommandError(
                "Unset CONSOLE_DATABASE_POOL_SIZE for workers: a pool keeps connections open, and "
                "with them the locks of drains that are over."
            )
        asyncio.run(run_until_signalled())
        self.stdout.write("Worker stopped.")
