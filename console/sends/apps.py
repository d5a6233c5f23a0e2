from django.apps import AppConfig


class SendsConfig(AppConfig):
    name = "console.sends"

    def ready(self) -> None:
        from console.esp.transports import check_address
        from console.exports.subjects import declare
        from console.interactions import chat_server_addresses
        from console.sends import (
            earlier_sends,
            history_export,
            told,  # noqa: F401 - declares what the ledger tells
        )
        from console.sends.observe import system_checks  # noqa: F401  # which Django then knows of
        from console.sends.proof import state

        chat_server_addresses.judged_by(check_address)
        earlier_sends.declare()
        state.declare()
        declare(history_export.HISTORY)
