"""manage.py serve"""

import signal
import socket
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from console.database.budget import warn_if_short, web_connections
from console.database.sessions import WEB, use_limits
from console.database.standby import WrongStandby, require_this_database
from console.site import commands
from console.site.unsafe_settings import is_loopback
from console.web.server.http import STOP_SECONDS, CannotListen, ConsoleServer, address_of, listen
from console.web.server.parts import Part, serve_only
from console.web.server.service_manager import WrongSocket, handed_socket, tell

# The part of STOP_SECONDS for requests that are running at a stop. Event streams end at once.
GRACE_SECONDS = STOP_SECONDS - 2


class Command(commands.Service):
    help = (
        "Serve pages, API and event streams from one process. SIGTERM or Ctrl-C lets requests "
        f"that are under way finish; after {STOP_SECONDS} seconds at most it is over. A socket "
        "that systemd hands over is served on instead of --host and --port."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
        parser.add_argument(
            "--port", type=int, default=8000, help="0 is any free one; default: %(default)s"
        )
        parser.add_argument(
            "--only",
            action="append",
            choices=[part.value for part in Part],
            help="serve this part alone, or several by several of these: pages and API, event "
            "streams, the feed; default: all",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        use_limits(WEB)
        if options["only"]:
            serve_only(map(Part, options["only"]))
        _require_https(options["host"])
        _require_migrations()
        warn_if_short(web_connections())
        _require_standby()
        connection.close()
        try:
            listener = handed_socket() or listen(options["host"], options["port"])
        except (CannotListen, WrongSocket) as error:
            raise CommandError(str(error)) from error
        server = ConsoleServer(
            _config(),
            announce=lambda: self._announce(listener),
            # The last user of the embedded PostgreSQL stops it at its own orderly exit.
            leaves_nothing=not settings.EMBEDDED,
        )
        # uvicorn raises a caught signal again when it has stopped. Without these handlers the
        # signal would end the process at once, before what is registered with atexit.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        with listener:
            server.run(sockets=[listener])

    def _announce(self, listener: socket.socket) -> None:
        self.stdout.write(f"Serving on {address_of(listener)} - Ctrl-C stops it.")
        self.stdout.flush()
        tell("READY=1")


def _config() -> uvicorn.Config:
    return uvicorn.Config(
        "console.asgi:application",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        # Trust a proxy's scheme and client only if the operator has configured one.
        proxy_headers=bool(settings.SECURE_PROXY_SSL_HEADER),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def _require_https(host: str) -> None:
    if not (settings.HTTPS or settings.PLAIN_HTTP or is_loopback(host)):
        raise CommandError(
            f"Whoever reaches {host} could read passwords and sessions, since CONSOLE_HTTPS is "
            "off. Leave out --host, set CONSOLE_HTTPS=1, or CONSOLE_PLAIN_HTTP=1 where that is "
            "meant."
        )


def _require_standby() -> None:
    try:
        require_this_database()
    except WrongStandby as error:
        raise CommandError(str(error)) from error


def _require_migrations() -> None:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(
            f"The database does not answer: {error}. Check DATABASE_URL and that PostgreSQL runs."
        ) from error
    if waiting:
        raise CommandError(
            f"The database lacks {len(waiting)} migrations. Run first: manage.py migrate"
        )
