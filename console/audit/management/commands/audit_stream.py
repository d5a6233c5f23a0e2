"""manage.py audit_stream [--to RECEIVER] [--from SEQ | --test]"""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError

from console.actors import system_actor
from console.audit.siem.services import receiver_named, stream_replay, stream_test
from console.audit.siem.settings import Destination
from console.audit.siem.standing import Standing, standings
from console.errors import ConsoleError
from console.site import commands

OPERATOR = system_actor("command line")


class Command(commands.Command):
    help = (
        "Tell how far the ledger has been streamed to each receiver of CONSOLE_SIEM_TO. --from "
        "sends again from an entry on; --test sends one event now. Exits with 1 if the test is "
        "not taken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", metavar="RECEIVER", help="which one, if there are several")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--from", type=int, metavar="SEQ", help="the first entry to send again")
        what.add_argument("--test", action="store_true", help="send one event, and say if it came")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SIEM_TO:
            raise CommandError("CONSOLE_SIEM_TO is not set, so there are no streams.")
        try:
            self._handle(options)
        except ConsoleError as error:
            raise CommandError(error.message) from error

    def _handle(self, options: dict[str, Any]) -> None:
        if options["from"] is not None:
            receiver = self._chosen(options["to"])
            stream_replay(OPERATOR, receiver, begin=options["from"])
            self.stdout.write(f"{receiver.name} gets all from entry {options['from']:,} on again.")
        elif options["test"]:
            receiver = self._chosen(options["to"])
            problem = stream_test(OPERATOR, receiver)
            if problem is not None:
                raise CommandError(f"{receiver.name} has not taken it. {problem}")
            self.stdout.write(f"{receiver.name} has taken the event stream.test.")
        else:
            self._tell(options["to"])

    @staticmethod
    def _chosen(name: str | None) -> Destination:
        if name is None and len(settings.SIEM_TO) > 1:
            raise CommandError("There are several receivers: say which one with --to RECEIVER.")
        return receiver_named(name) if name is not None else settings.SIEM_TO[0]

    def _tell(self, name: str | None) -> None:
        wanted = [self._chosen(name)] if name is not None else settings.SIEM_TO
        found = {standing.name: standing for standing in standings()}
        for receiver in wanted:
            standing = found.get(receiver.name)
            said = "no worker has begun it" if standing is None else _said(standing)
            self.stdout.write(f"{receiver.name}: {said}")


def _said(standing: Standing) -> str:
    stream = standing.stream
    parts = [
        f"taken up to entry {stream.told_to:,}",
        f"{standing.waiting:,} entries wait, the oldest for {standing.waiting_seconds:.0f} s",
        f"{standing.unconfirmed:,} messages would be sent again",
    ]
    if stream.skipped:
        parts.append(f"{stream.skipped:,} entries had left the ledger before")
    return "; ".join(parts) + "." + (f" {standing.trouble}" if stream.trouble else "")
