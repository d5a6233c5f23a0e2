from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "console.incidents"

    def ready(self) -> None:
        from console.incidents import waiting_kinds  # noqa: F401 - declares them
