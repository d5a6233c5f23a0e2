"""Fill a database with deliveries, back it up, go on sending, lose it, and restore it.

The exit status is 1 where anything is lost without a word, or goes out twice.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from tools.bench.world import SERVER, World, prepared, world

if TYPE_CHECKING:
    from console.sends.models import Send

OPEN = 1000
ON_THE_WIRE = 200


def main() -> int:
    arguments = argparse.ArgumentParser(prog="make drill", description=__doc__)
    arguments.add_argument("--deliveries", type=int, default=100_000)
    number: int = arguments.parse_args().deliveries
    with prepared() as folder, world(folder, rounds=1, number=number) as made:
        return drill(made, folder, number)


@contextmanager
def timed(what: str) -> Iterator[Callable[[str], None]]:
    """Say how long something took; the body may say something more of it."""
    more: list[str] = []
    started = time.perf_counter()
    yield more.append
    print(f"{what:<52} {time.perf_counter() - started:7.1f} s  {' '.join(more)}", flush=True)


def drill(made: World, folder: Path, number: int) -> int:
    from tests.support.elsewhere import another_database

    with timed(f"{number:,} deliveries made and delivered"):
        ids = made.chats(number)
        delivered = send(ids)
        drain()
    with timed(f"{OPEN:,} more made, {ON_THE_WIRE} of them on the wire"):
        waiting = send(ids[:OPEN])
        claim(ON_THE_WIRE)
    with timed("a backup") as say:
        backup = Path(command("backup", str(folder / "backups")).strip())
        say(f"{size_of(backup) / 1e6:.0f} MB")
    with timed("what was open goes out; then the database is lost"):
        drain()
        sign()
    before = len(made.simulator.journalled())
    with another_database():
        with timed("restored, migrated, verified"):
            said = command("restore", str(backup))
        print(said)
        with timed("sending started again, and a worker at it"):
            start_again()
        findings = list(wrong(number, delivered, waiting, made, before))
    print("\n".join(findings) or "Nothing was lost without a word, and nothing went out twice.")
    return 1 if findings else 0


def wrong(
    number: int, delivered: "Send", waiting: "Send", made: World, before: int
) -> Iterator[str]:
    from tests.support.working import assert_ledger_agrees, statuses

    if (found := statuses(delivered)) != {"delivered": number}:
        yield f"of {number} delivered deliveries came back: {dict(found)}"
    if (found := statuses(waiting)) != {"unknown": OPEN}:
        yield f"of {OPEN} open deliveries came back: {dict(found)}"
    after = len(made.simulator.journalled())
    if after != before:
        yield f"{after - before} requests went out after the restore"
    assert_ledger_agrees()


def command(*words: str) -> str:
    from django.core.management import call_command

    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


def size_of(backup: Path) -> int:
    return sum(path.stat().st_size for path in backup.iterdir())


def send(ids: list[str]) -> "Send":
    from tools.bench.measures import create_send

    return create_send(ids)[1]


def drain() -> None:
    import asyncio

    from console.sends.engine.dispatcher import Dispatch, drain_chat_server

    async def run() -> None:
        async with Dispatch() as dispatch:
            await drain_chat_server(SERVER, dispatch)

    asyncio.run(run())


def claim(number: int) -> None:
    from console.interactions.services import Lease, chat_server_lease_take
    from console.sends.engine.record import drain_step

    lease = chat_server_lease_take(SERVER, uuid4())
    assert isinstance(lease, Lease)
    step = drain_step(lease, claim=uuid4(), room=number)
    assert len(step.claimed) == number


def sign() -> None:
    from console.audit.services import checkpoint_make

    checkpoint_make()


def start_again() -> None:
    from console.actors import system_actor
    from console.sends.control.stop_switch import sending_restart
    from console.sends.tasks import sweep_now

    sending_restart(system_actor("drill"))
    sweep_now()
    drain()


if __name__ == "__main__":
    sys.exit(main())
