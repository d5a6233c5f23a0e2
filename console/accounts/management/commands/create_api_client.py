"""manage.py create_api_client NAME --scope feed --scope send"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.accounts.models import Scope
from console.accounts.services import api_client_create
from console.actors import system_actor
from console.errors import ConsoleError


class Command(BaseCommand):
    help = "Create an API client and print its token, which is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the client is called in the audit trail")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=Scope.values,
            help="what its token may do; give it several times for several scopes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            _client, token = api_client_create(
                system_actor("command line"), name=options["name"], scopes=options["scope"]
            )
        except ConsoleError as error:
            raise CommandError(error.message) from error
        self.stdout.write(token)
