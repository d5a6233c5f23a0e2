from django.apps import AppConfig


class SendsConfig(AppConfig):
    name = "console.sends"

    def ready(self) -> None:
        from console.esp.transports import check_address
        from console.interactions import addresses
        from console.sends import checks  # noqa: F401  # which Django then knows of

        addresses.judged_by(check_address)
