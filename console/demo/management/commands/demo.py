"""manage.py demo"""

import asyncio
import contextlib
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from console.demo.children import ChildFailed, settings_left_out
from console.demo.show import DemoRefused, Show
from console.site import commands
from console.web.server.http import CannotListen, listen

MOST_SESSIONS = 2000


class Command(commands.Command):
    help = (
        "Bring up the whole console on this machine with a database of its own, simulated Chat "
        "Servers and customers who come and go. Ctrl-C ends all of it; the data stays."
    )
    requires_system_checks = ()  # the web server runs them

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--port", type=int, default=8000, help="of the pages; default: %(default)s"
        )
        parser.add_argument(
            "--sessions", type=int, default=40, help="live chats, about; default: %(default)s"
        )
        parser.add_argument(
            "--data-dir",
            type=commands.path,
            default=settings.CONSOLE_DATA,
            help="where the data lies; default: CONSOLE_DATA, here %(default)s",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["sessions"] <= MOST_SESSIONS:
            raise CommandError(f"--sessions: use a number from 1 to {MOST_SESSIONS:,}.")
        if left_out := settings_left_out():
            self._say(
                f"Not used, since the demo has settings of its own: {', '.join(left_out)}. To try "
                "them, run manage.py serve and manage.py worker."
            )
        try:
            with listen("127.0.0.1", options["port"]):
                pass  # fails before a minute's work, not after it
            show = Show(
                port=options["port"],
                sessions=options["sessions"],
                data_folder=options["data_dir"].expanduser().resolve(),
                say=self._say,
            )
            asyncio.run(show.run())
        except (CannotListen, DemoRefused, ChildFailed) as error:
            raise CommandError(str(error)) from error
        self._say("The demo has ended. Its data stays for the next time.")

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            self.stdout.write(text)
            self.stdout.flush()
