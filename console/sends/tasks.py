"""The jobs that procrastinate runs. A job says that there is work; services and drains do it."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.db import transaction
from procrastinate import JobContext
from procrastinate.contrib.django import app

from console.database.clock import database_now
from console.database.job_sessions import in_own_thread
from console.interactions.services import interactions_forget
from console.sends.control.retention import retention_begin, retention_go_on
from console.sends.engine import caution, queue, record
from console.sends.engine.claim_budget import contacts_forget
from console.sends.engine.dispatcher import Dispatch
from console.sends.engine.workers import jobs_clear, sweep_ended, workers_forget
from console.sends.history.filling import history_fill
from console.sends.history.resting import deliveries_rest
from console.sends.observe.outcome_counts import outcomes_count


@app.task(name=queue.DRAIN, pass_context=True)
async def drain(context: JobContext, servers: Sequence[str] = (), server: str = "") -> None:
    """Wake Chat Servers' drains. They run beside the jobs and take none of their places. `server`
    is how earlier versions named one."""
    dispatch: Dispatch = context.additional_context["dispatch"]
    for name in [*servers, server] if server else servers:
        dispatch.wake(name)


@app.task(name=queue.WAKE)
def wake(server: str) -> None:
    """Make workers look at a Chat Server again."""
    queue.enqueue_drains([server])


@app.task(name=queue.RELEASE)
def release(send_id: int) -> None:
    """Start a send whose undo seconds or schedule are over."""
    record.sends_release()


@app.periodic(cron="* * * * * */5")
@app.task(name="console.sends.tasks.sweep", queueing_lock="sweep")
def sweep(timestamp: int) -> None:
    """Every five seconds, handle whatever has work and no job, for whatever reason."""
    sweep_now()


def sweep_now() -> None:
    """Start what is due, move what its chat has left behind, end what is late or done, and wake the
    drain of every Chat Server with work. Then do what only monitors need."""
    record.sends_release()
    record.deliveries_abandon()
    record.deliveries_follow()
    record.deliveries_expire()
    record.sends_finish()
    caution.sends_watch()
    caution.sends_go_on()
    with transaction.atomic():
        queue.enqueue_drains(queue.servers_with_open_deliveries(database_now()))
    outcomes_count()
    workers_forget()
    sweep_ended()


@app.periodic(cron="* * * * * */10")
@app.task(name="console.sends.tasks.clear", queueing_lock="clear", pass_context=True)
async def clear(context: JobContext, timestamp: int) -> None:
    """Every ten seconds, delete the jobs that lost workers left half done."""
    await jobs_clear(context.app.job_manager)


@app.periodic(cron="* * * * * */10")
@app.task(name="console.sends.tasks.fill_history", queueing_lock="fill_history")
async def fill_history(timestamp: int) -> None:
    """Every ten seconds, write the search of the history for sends that are over."""
    while await in_own_thread(history_fill):
        pass


@app.periodic(cron="* * * * * 30")
@app.task(name="console.sends.tasks.rest_deliveries", queueing_lock="rest_deliveries")
async def rest_deliveries(timestamp: int) -> None:
    """Every minute, pack the deliveries of sends that have been over for a day."""
    while await in_own_thread(deliveries_rest):
        pass


@app.periodic(cron="17 3 * * *")
@app.task(name="console.sends.tasks.forget", queueing_lock="forget")
async def forget(timestamp: int) -> None:
    """Every night, erase interactions that ended longer ago than the retention time."""
    await in_own_thread(interactions_forget)


@app.periodic(cron="27 3 * * *")
@app.task(name="console.sends.tasks.forget_contacts", queueing_lock="forget_contacts")
def forget_contacts(timestamp: int) -> None:
    """Every night, delete the contact budget's locks, which nobody needs any more."""
    contacts_forget()


@app.periodic(cron="47 3 * * *")
@app.task(name="console.sends.tasks.erase", queueing_lock="erase")
async def erase(timestamp: int) -> None:
    """Every night, erase the texts whose retention time is over, part by part."""
    place = await in_own_thread(retention_begin)
    while await in_own_thread(partial(retention_go_on, place)):
        pass


def worker_context(dispatch: Dispatch) -> dict[str, Any]:
    """Return what procrastinate passes to `drain`."""
    return {"dispatch": dispatch}
