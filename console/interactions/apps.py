from django.apps import AppConfig


class InteractionsConfig(AppConfig):
    name = "console.interactions"

    def ready(self) -> None:
        # Models can be imported only once all apps are loaded.
        from console.accounts.services.teams import follow_queues
        from console.interactions import told  # noqa: F401 - declares what the ledger tells
        from console.interactions.services import interactions_regroup

        follow_queues(interactions_regroup)
