from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "console.webhooks"

    def ready(self) -> None:
        from console.webhooks import told  # noqa: F401 - declares what the ledger tells
