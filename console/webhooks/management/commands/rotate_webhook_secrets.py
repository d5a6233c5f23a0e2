"""manage.py rotate_webhook_secrets"""

from typing import Any

from cryptography.fernet import InvalidToken
from django.core.management.base import CommandError

from console.actors import system_actor
from console.site import commands
from console.webhooks.services import webhook_secrets_reencrypt


class Command(commands.Command):
    help = (
        "Encrypt the secrets of webhooks by the secret key of now; they stay what they are. Run it "
        "after a new CONSOLE_SECRET_KEY, while the old one is still in CONSOLE_OLD_SECRET_KEYS."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            number = webhook_secrets_reencrypt(system_actor("command line"))
        except InvalidToken as error:
            raise CommandError(
                "A webhook was made under a secret key that is not known here. Put the old one "
                "into CONSOLE_OLD_SECRET_KEYS; nothing was changed."
            ) from error
        self.stdout.write(f"The secrets of {number} webhooks are under the secret key of now.")
