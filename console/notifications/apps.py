from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "console.notifications"

    def ready(self) -> None:
        from console.notifications import told  # noqa: F401 - declares what the ledger tells
        from console.notifications.troubles import notification_troubles
        from console.sends.observe.troubles import also_ask

        also_ask(notification_troubles)
