from django.apps import AppConfig

from console.actors import say_how_granted


class AccountsConfig(AppConfig):
    name = "console.accounts"

    def ready(self) -> None:
        from console.accounts import told  # noqa: F401 - declares what the ledger tells
        from console.accounts.granting import how_granted

        say_how_granted(how_granted)
