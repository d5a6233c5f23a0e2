"""python -m tools.drill.past DAYS NUMBER: a send of long ago, by a console of an older version.

Its ledger has what an old one has: a checkpoint, and no entry that a process signed. The time for
which its texts are kept is over. It needs a database with tables that nobody has used.
"""

import sys
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from console.database import clock

SERVER = NOTICE = "old"


def main() -> None:
    days, number = map(int, sys.argv[1:])
    ago = timedelta(days=days)
    _turn_back(ago)
    import django

    django.setup()
    from django.conf import settings

    key, settings.AUDIT_KEY = settings.AUDIT_KEY, ""
    with TemporaryDirectory() as folder:
        _send(number, Path(folder))
    _let_time_pass(ago)
    settings.AUDIT_KEY = key
    from console.audit.services import checkpoint_make

    checkpoint_make()


def _turn_back(ago: timedelta) -> None:
    """Before any module of the console takes these functions."""
    near, exact = clock.near_now, clock.database_now

    def near_now() -> datetime:
        return near() - ago

    def database_now() -> datetime:
        return exact() - ago

    clock.near_now, clock.database_now = near_now, database_now


def _send(number: int, folder: Path) -> None:
    from console.actors import system_actor
    from console.sends.plan.sending import send_create
    from console.sends.plan.values import SendOrder
    from tests.support.simulators import running_simulator
    from tests.support.working import drain
    from tools.bench.world import make_chats, publish_notice, register_chat_server

    with running_simulator(SERVER, folder / "journal.jsonl") as simulator:
        register_chat_server(SERVER, simulator.url)
        publish_notice(NOTICE)
        ids = make_chats(SERVER, range(number))
        send_create(system_actor("bench"), SendOrder(notice_key=NOTICE, interactions=ids))
        drain(SERVER)


def _let_time_pass(ago: timedelta) -> None:
    """For what PostgreSQL's own clock has dated."""
    from django.db import transaction
    from django.db.models import F

    from console.sends.models import Delivery, Send
    from tests.support.working import changing_what_has_ended

    with transaction.atomic(), changing_what_has_ended():
        for model in (Delivery, Send):
            model.objects.update(finished_at=F("finished_at") - ago)


if __name__ == "__main__":
    main()
