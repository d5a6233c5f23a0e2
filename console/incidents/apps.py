from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "console.incidents"

    def ready(self) -> None:
        from console.incidents import (
            told,  # noqa: F401 - declares what the ledger tells
            waiting_kinds,  # noqa: F401 - declares them
        )
        from console.incidents.services import retries
        from console.sends.control import stages

        stages.kept_by(retries.retry_hold, retries.retry_note)
