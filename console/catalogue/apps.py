from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    name = "console.catalogue"

    def ready(self) -> None:
        from console.catalogue import told  # noqa: F401 - declares what the ledger tells
