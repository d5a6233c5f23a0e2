from django.apps import AppConfig


class ExportsConfig(AppConfig):
    name = "console.exports"

    def ready(self) -> None:
        from console.exports import told  # noqa: F401 - declares what the ledger tells
        from console.exports.subjects import declare
        from console.exports.trail import TRAIL

        declare(TRAIL)
