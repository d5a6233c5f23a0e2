"""manage.py rotate_second_factors"""

from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import CommandError

from console.accounts.services.security_events import second_factors_rotate
from console.actors import system_actor
from console.site import commands


class Command(commands.Command):
    help = (
        "Encrypt what second factors keep by the secret key of now. Run it after a new "
        "CONSOLE_SECRET_KEY, while the old one is still in CONSOLE_OLD_SECRET_KEYS."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotated = second_factors_rotate(system_actor("command line"))
        except InvalidToken as error:
            raise CommandError(
                "A second factor was set up under a secret key that is not known here. Put the old "
                "one into CONSOLE_OLD_SECRET_KEYS; nothing was changed."
            ) from error
        self.stdout.write(f"{rotated} second factors are under the secret key of now.")
