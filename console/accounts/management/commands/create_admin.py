"""manage.py create_admin USERNAME"""

import getpass
import os
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from console.accounts.models import User
from console.accounts.roles import Role
from console.accounts.services import user_create
from console.actors import system_actor
from console.errors import ConsoleError
from console.site import commands


class Command(commands.Command):
    help = (
        "Create a person with the administrator role. The password is asked for, "
        "or taken from the environment variable CONSOLE_ADMIN_PASSWORD."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument(
            "--role",
            action="append",
            default=[],
            choices=Role.values,
            help="a further role; give it several times for several roles",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("CONSOLE_ADMIN_PASSWORD") or getpass.getpass("Password: ")
        try:
            validate_password(password, User(username=options["username"]))
            user = user_create(
                system_actor("command line"),
                username=options["username"],
                password=password,
                roles=sorted({Role.ADMINISTRATOR.value, *options["role"]}),
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        except ConsoleError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Created {user.username} with the roles {', '.join(user.roles)}.")
