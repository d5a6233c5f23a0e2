"""Fill a database with deliveries, back it up, go on sending, lose it, and restore it.

The ledger goes all the way: it begins as that of an older version, is archived in part, texts are
erased, and what was given away before the loss is verified after it. Commands, workers and
verifiers are processes of their own. The exit status is 1 where anything is lost without a word,
goes out twice, or is not proved any more.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tools.bench.world import SERVER, World, prepared, world

if TYPE_CHECKING:
    from console.sends.models import Send
    from tools.drill.site import Site

OPEN = 1000
ON_THE_WIRE = 200


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make drill", description=__doc__)
    arguments.add_argument("--deliveries", type=int, default=100_000)
    number: int = arguments.parse_args().deliveries
    with prepared() as folder:
        from django.conf import settings

        from tools.drill.ledger import PAST, PAST_DAYS
        from tools.drill.site import Failed, Site

        site = Site(folder, Path(settings.CHECKPOINTS_TO))
        try:
            with timed(f"{PAST} deliveries of {PAST_DAYS} days ago, by an older version"):
                site.python("-m", "tools.drill.past", PAST_DAYS, PAST)
            with world(folder, rounds=1, number=number) as made:
                return drill(made, site)
        except Failed as error:
            print(error)
            return 1


@contextmanager
def timed(what: str) -> Iterator[Callable[[str], None]]:
    """Say how long something took; the body may say something more of it."""
    more: list[str] = []
    started = time.perf_counter()
    yield more.append
    print(f"{what:<60} {time.perf_counter() - started:7.1f} s  {' '.join(more)}", flush=True)


def drill(made: World, site: "Site") -> int:
    from tests.support.elsewhere import another_database
    from tools.drill import ledger

    with timed(f"{made.number:,} deliveries made, and delivered by a worker"):
        delivered = send(made.chats(made.number))
        site.work(nothing_waits)
    with timed("old entries archived, old texts erased, a delivery proved"):
        before = ledger.before_the_loss(site, delivered)
    with timed(f"{OPEN:,} more made, {ON_THE_WIRE} of them on the wire"):
        waiting = send(made.chats(made.number + OPEN)[made.number :])
        claim(ON_THE_WIRE)
    with timed("a backup") as say:
        backup = Path(site.command("backup", site.folder / "backups").strip())
        say(f"{size_of(backup) / 1e6:.0f} MB")
    with timed("what was open goes out; then the database is lost"):
        site.work(nothing_waits)
        site.command("audit_checkpoint")
        lost = site.command("audit_tree")
    arrived = len(made.simulator.journalled())
    with another_database():
        with timed("restored, migrated, verified"):
            said = site.command("restore", backup)
        print(said)
        with timed("sending started again, and a worker at it"):
            start_again(site)
        findings = list(wrong(delivered, waiting, made, arrived))
        with timed("what was given away before verified, and a delivery proved"):
            after = send(made.ids[:1])
            site.work(nothing_waits)
            ledger.after_the_loss(site, before, lost, after)
    print("\n".join(findings) or "Nothing was lost without a word, and nothing went out twice.")
    return 1 if findings else 0


def wrong(delivered: "Send", waiting: "Send", made: World, arrived: int) -> Iterator[str]:
    from console.sends.models import Send
    from tests.support.working import assert_ledger_agrees, statuses
    from tools.drill.past import NOTICE

    if (found := statuses(delivered)) != {"delivered": made.number}:
        yield f"of {made.number} delivered deliveries came back: {dict(found)}"
    if (found := statuses(waiting)) != {"unknown": OPEN}:
        yield f"of {OPEN} open deliveries came back: {dict(found)}"
    if arrived != (expected := made.number + OPEN - ON_THE_WIRE):
        yield f"{arrived} requests arrived before the restore, where {expected} were to"
    after = len(made.simulator.journalled())
    if after != arrived:
        yield f"{after - arrived} requests went out after the restore"
    old = Send.objects.filter(version__notice__key=NOTICE)
    assert_ledger_agrees(archived=old.values_list("pk", flat=True))


def size_of(backup: Path) -> int:
    return sum(path.stat().st_size for path in backup.iterdir())


def send(ids: list[str]) -> "Send":
    from tools.bench.measures import create_send

    return create_send(ids)[1]


def nothing_waits() -> bool:
    from console.sends.models import Outbox

    return not Outbox.objects.exists()


def claim(number: int) -> None:
    """A worker that claims so many, writes them, and is seen no more."""
    from console.interactions.services import (
        Lease,
        chat_server_lease_release,
        chat_server_leases_take,
    )
    from console.sends.engine.record import drain_step

    lease = chat_server_leases_take([SERVER], uuid4())[SERVER]
    assert isinstance(lease, Lease)
    step = drain_step(lease, claim=uuid4(), room=number)
    assert len(step.claimed) == number
    chat_server_lease_release(lease)


def start_again(site: "Site") -> None:
    from console.actors import system_actor
    from console.sends.control.stop_switch import sending_restart

    sending_restart(system_actor("drill"))
    site.work(nothing_waits)


if __name__ == "__main__":
    sys.exit(main())
