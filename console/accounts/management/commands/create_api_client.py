"""manage.py create_api_client NAME --scope feed --scope send --owner PERSON"""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from console.accounts.models import Scope, User
from console.accounts.services import api_client_create
from console.actors import system_actor
from console.errors import ConsoleError
from console.site import commands
from console.text.inputs import ALL

DAYS_LIMIT = 3650


def days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= DAYS_LIMIT:
        raise ArgumentTypeError(f"give a whole number of days from 1 to {DAYS_LIMIT}")
    return int(text)


class Command(commands.Command):
    help = (
        "Create an API client and print its token, which is shown this once. It takes no second "
        "administrator: an operator's word is enough."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what the client is called in the audit trail")
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            choices=Scope.values,
            help="what its token may do; give it several times for several scopes",
        )
        parser.add_argument(
            "--owner",
            metavar="PERSON",
            help="the user name of the person whose work its work is: they decide on nothing of "
            "it; without it the client counts as itself",
        )
        parser.add_argument(
            "--notice",
            action="append",
            default=[],
            metavar="KEY",
            help="the key of a notice that it may send, and then no others; several times for "
            "several; without it any",
        )
        parser.add_argument(
            "--expires-in-days",
            type=days,
            metavar="DAYS",
            help="how long its access lasts; without it, until somebody ends it",
        )
        parser.add_argument(
            "--address",
            action="append",
            default=[],
            metavar="RANGE",
            help="a range of addresses that it may call from, such as 10.1.2.0/24, and then from "
            "no other; several times for several; without it any",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lasts = options["expires_in_days"]
        try:
            _client, token = api_client_create(
                system_actor("command line"),
                name=options["name"],
                scopes=options["scope"],
                allowed_notices=options["notice"] or [ALL],
                expires_at=timezone.now() + timedelta(days=lasts) if lasts else None,
                addresses=options["address"] or [ALL],
                owner=None if options["owner"] is None else _person(options["owner"]),
            )
        except ConsoleError as error:
            raise CommandError(error.message) from error
        self.stdout.write(token)


def _person(username: str) -> User:
    person = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise CommandError(f"There is no active person with the user name {username}.")
    return person
