"""Django's PostgreSQL backend, which starts the embedded server at the first connection."""

from typing import Any

from django.conf import settings

from console.database.backend import base
from console.embedded.server import ensure_running


class DatabaseWrapper(base.DatabaseWrapper):
    """The console's own, except for the server's address, which is known only when it runs."""

    def get_connection_params(self) -> dict[str, Any]:
        server = ensure_running(settings.CONSOLE_DATA)
        self.settings_dict["HOST"] = server["host"]
        self.settings_dict["USER"] = server["user"]
        return super().get_connection_params()
