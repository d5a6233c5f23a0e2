"""Periodic jobs of the ledger."""

from django.conf import settings
from django.db import transaction
from procrastinate import JobContext
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from console.audit.readings import readings_enter
from console.audit.services import checkpoint_make
from console.audit.siem.positions import streams_begin, streams_due
from console.audit.siem.streaming import stream_to
from console.audit.state.running import state_check_begin, state_check_go_on
from console.audit.tlog.making import PIECES_A_RUN, TILES_A_RUN, tree_make
from console.audit.witnessing.collecting import cosignatures_collect
from console.audit.witnessing.timestamps import timestamp_make
from console.database.job_sessions import in_own_thread

TREE, WITNESSES = "console.audit.tasks.tree", "console.audit.tasks.witnesses"
LOCKS = {TREE: "tree", WITNESSES: "witnesses"}
STREAM = "console.audit.tasks.stream"


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
    if settings.WITNESS_POLICY or settings.TIMESTAMP_AUTHORITY:
        _later(WITNESSES)


@app.task(name=WITNESSES, queueing_lock="witnesses")
def witnesses() -> None:
    """Have the newest head of the tree cosigned and time-stamped, and publish it with that."""
    timestamp_make()
    if cosignatures_collect():
        tree_make(pieces=1, tiles=TILES_A_RUN)


def _tree_later() -> None:
    _later(TREE)


def _later(name: str) -> None:
    """Enqueue a task, unless it waits already."""
    try:
        with transaction.atomic():
            app.configure_task(name, queueing_lock=LOCKS[name]).defer()
    except AlreadyEnqueued:
        return


@app.periodic(cron="7 4 * * *")
@app.task(name="console.audit.tasks.compare_state", queueing_lock="compare_state")
async def compare_state(timestamp: int) -> None:
    """Every night, compare the state with the ledger, part by part."""
    if settings.STATE_CHECK and await in_own_thread(state_check_begin):
        while await in_own_thread(state_check_go_on):
            pass


@app.periodic(cron="* * * * * */5")
@app.task(name="console.audit.tasks.enter_readings", queueing_lock="readings")
def enter_readings(timestamp: int) -> None:
    """Enter every five seconds who was shown customers' texts."""
    while readings_enter():
        pass


@app.periodic(cron="* * * * * */5")
@app.task(name="console.audit.tasks.streams", queueing_lock="streams")
def streams(timestamp: int) -> None:
    """See every five seconds to which SIEM something is to be streamed. Each has a job of its own,
    so that a slow receiver holds up no other."""
    if settings.SIEM_TO:
        streams_begin()
        for place in streams_due():
            _stream_later(place)


def _stream_later(place: str) -> None:
    try:
        with transaction.atomic():
            app.configure_task(STREAM, queueing_lock=f"stream {place}").defer(place=place)
    except AlreadyEnqueued:
        return


@app.task(name=STREAM, pass_context=True)
def stream(context: JobContext, place: str) -> None:
    """Stream to one SIEM what is new, until the worker stops."""
    stream_to(place, stopping=context.additional_context["dispatch"].stopping.is_set)
