"""manage.py rotate_api_client_token NAME"""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError

from console.accounts.models import ApiClient
from console.accounts.services import api_client_token_rotate
from console.actors import system_actor
from console.editing.rotation import OVERLAPS
from console.errors import ConsoleError
from console.site import commands

HOURS = [int(overlap / timedelta(hours=1)) for overlap in OVERLAPS]


class Command(commands.Command):
    help = "Give an API client a new token, whoever owns it, and print it this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the client is called")
        parser.add_argument(
            "--overlap-hours",
            type=int,
            choices=HOURS,
            default=0,
            help="how long the old token stays valid; without it, it ends now",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        client = ApiClient.objects.filter(name=options["name"]).first()
        if client is None:
            raise CommandError(f"There is no API client named {options['name']}.")
        overlap = timedelta(hours=options["overlap_hours"])
        try:
            _client, token = api_client_token_rotate(
                system_actor("command line"), client, overlap=overlap
            )
        except ConsoleError as error:
            raise CommandError(error.message) from error
        self.stdout.write(token)
