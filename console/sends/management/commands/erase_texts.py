"""manage.py erase_texts --interaction ID"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.errors import ConsoleError
from console.sends.control.erasure import interaction_erase
from console.site import commands


class Command(commands.Command):
    help = (
        "Erase what is kept of a chat's customer, as somebody has asked for: the texts that were "
        "sent to it, the name, the user data, the raw answers. The ledger stays whole."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--interaction", required=True, metavar="ID", help="the chat's id")
        parser.add_argument("--why", help="a case number, and nothing personal")

    def handle(self, *args: Any, **options: Any) -> None:
        chat = options["interaction"]
        actor = system_actor("command line")
        try:
            number = interaction_erase(actor, interaction_id=chat, why=options["why"] or "")
        except ConsoleError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"{chat}: erased, with the texts of {number} deliveries.")
