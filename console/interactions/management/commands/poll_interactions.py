"""manage.py poll_interactions"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from console.actors import system_actor
from console.errors import Conflict, ConsoleError
from console.interactions.poller.poll import poll_interactions
from console.interactions.poller.sources import configured_source
from console.interactions.poller.writing import PollResult
from console.site import commands

# For service managers and schedules: EX_TEMPFAIL, nothing is wrong and a later try may work.
BUSY = 75


class Command(commands.Command):
    help = (
        "Compare the live chats with a snapshot of Interaction Server's, once: new and changed "
        "ones are taken over, those that are gone are ended. Needs the vendor's SDK "
        "(docs/poller.md). Status 1: it failed; 75: another poller is at work."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--however-many",
            action="store_true",
            help="end the chats that are missing even if they are so many at once that it looks "
            "like a mistake",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = system_actor("poller")
        try:
            result = poll_interactions(
                actor, configured_source(), however_many=options["however_many"]
            )
        except Conflict as busy:
            raise CommandError(busy.message, returncode=BUSY) from busy
        except ConsoleError as error:
            raise CommandError(error.message) from error
        for sentence in sentences(result):
            self.stdout.write(sentence)


def sentences(result: PollResult) -> list[str]:
    """Return what a poll did, as sentences."""
    counts = result.counts
    said = [
        f"{result.address}: {result.seen:,} chats in the snapshot. New {counts.new:,}, "
        f"changed {counts.changed:,}, ended {result.ended:,}."
    ]
    if counts.rejected:
        said.append(f"{counts.rejected:,} could not be taken over; the log says why.")
    if result.withheld and result.is_whole and not result.seen:
        said.append(
            f"It is empty, and {result.withheld:,} live chats were not ended for that. Up to 20 "
            "are ended once snapshots have been empty for three minutes. Look whether the "
            "condition and the address are right. If those chats are really over: "
            "manage.py poll_interactions --however-many"
        )
    elif result.withheld and result.is_whole:
        said.append(
            f"{result.withheld:,} live chats are missing in it, which is so many at once that none "
            "was ended. Look whether the condition and the address are right. If those chats are "
            "really over: manage.py poll_interactions --however-many"
        )
    elif result.withheld:
        said.append(
            f"{result.withheld:,} live chats are missing in it, and none was ended: the snapshot "
            "did not come as a whole."
        )
    if result.unconfirmed:
        said.append(
            f"{result.unconfirmed:,} live chats were in no snapshot ever, and are left to the feed."
        )
    return said
