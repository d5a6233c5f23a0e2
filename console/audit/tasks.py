"""Periodic jobs of the ledger."""

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from console.audit.readings import readings_enter
from console.audit.services import checkpoint_make
from console.audit.tlog.making import PIECES_A_RUN, TILES_A_RUN, tree_make

TREE = "console.audit.tasks.tree"


@app.periodic(cron="*/5 * * * *")
@app.task(name="console.audit.tasks.checkpoint", queueing_lock="checkpoint")
def checkpoint(timestamp: int) -> None:
    """Sign the newest entry every five minutes, if there is a key; then let the tree grow."""
    if settings.AUDIT_KEY:
        try:
            checkpoint_make()
        finally:
            _tree_later()


@app.task(name=TREE, queueing_lock="tree")
def tree() -> None:
    """Let the tree grow up to the newest checkpoint, and publish it. What one run has no time for,
    as after an upgrade with an old ledger, the next one does."""
    if not tree_make(pieces=PIECES_A_RUN, tiles=TILES_A_RUN):
        _tree_later()


def _tree_later() -> None:
    """Enqueue the task of the tree, unless it waits already."""
    try:
        with transaction.atomic():
            app.configure_task(TREE, queueing_lock="tree").defer()
    except AlreadyEnqueued:
        return


@app.periodic(cron="* * * * * */5")
@app.task(name="console.audit.tasks.enter_readings", queueing_lock="readings")
def enter_readings(timestamp: int) -> None:
    """Enter every five seconds who was shown customers' texts."""
    while readings_enter():
        pass
