from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "console.audit"

    def ready(self) -> None:
        from console.audit import told  # noqa: F401 - declares what the ledger tells
