"""A worker process: runs the jobs until it is told to stop."""

import asyncio
import gc
import signal
import sys
import warnings

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django import connector_params

from console.audit.signing import anchor_seldom
from console.database.budget import JOBS_AT_ONCE, QUEUE_CONNECTIONS
from console.database.job_sessions import around_jobs, job_threads
from console.database.sessions import BoundedAsyncConnection, set_up
from console.sends.engine.dispatcher import Dispatch
from console.sends.engine.heartbeat import present
from console.sends.tasks import worker_context
from console.site.stopping import end_at_once, stop_on

logger = structlog.get_logger("console.sends")

POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 10.0
RESTART_SECONDS = 1.0
GARBAGE_THRESHOLDS = (20_000, 20, 50)
# How long the job queue waits for a connection before it fails and is started again.
CONNECTION_SECONDS = 5.0
# How long jobs may take to end when the worker stops. One may wait for minutes for the answer of a
# database that has fallen silent to it alone.
JOBS_END_SECONDS = 10.0
# How often the event loop and the database threads take turns. With Python's default of 5 ms a
# drain would wait that long for each of its queries.
SWITCH_SECONDS = 0.0005


def worker_app() -> App:
    """Return an app with a connector for workers. Tasks still defer through Django's connection,
    that is, in the transaction that they are in."""
    connector = PsycopgConnector(
        kwargs=connector_params(),
        timeout=CONNECTION_SECONDS,
        connection_class=BoundedAsyncConnection,
        configure=set_up,
        min_size=1,
        max_size=QUEUE_CONNECTIONS,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return django_app.with_connector(connector)


def prepare_process() -> None:
    """Tune the interpreter for a process that handles very many small objects in few threads."""
    sys.setswitchinterval(SWITCH_SECONDS)
    anchor_seldom()
    # Loaded modules stay: scanning them for garbage costs more than all that is sent. Objects made
    # for a delivery are freed by their reference count.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


async def run_worker(*, wait: bool = True, stop: asyncio.Event | None = None) -> bool:
    """Run jobs and drains until `stop` is set, or with `wait=False` until there is none left.

    Drains then finish only what is in flight. If the database goes away, the worker waits for it.
    Returns False if jobs have not ended: their threads go on, and other workers run them again.
    """
    prepare_process()
    dispatch = Dispatch()
    async with job_threads():
        if wait:
            async with present(dispatch, every_seconds=HEARTBEAT_SECONDS), dispatch:
                return await _run_until(stop or asyncio.Event(), dispatch)
        async with dispatch:
            while True:
                await _run_jobs(dispatch, wait=False)
                if not await dispatch.settled():
                    return True


async def _run_until(stop: asyncio.Event, dispatch: Dispatch) -> bool:
    parts = [
        asyncio.create_task(dispatch.listen(), name="listener"),
        asyncio.create_task(_keep_running_jobs(dispatch), name="jobs"),
    ]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([*parts, stopped], return_when=asyncio.FIRST_COMPLETED)
    dispatch.stopping.set()
    for part in (*parts, stopped):
        part.cancel()
    _ended, left = await asyncio.wait([*parts, stopped], timeout=JOBS_END_SECONDS)
    if left:
        logger.warning("jobs have not ended", waited_seconds=JOBS_END_SECONDS)
    for part in parts:
        if part not in left and not part.cancelled():
            part.result()
    return not left


async def _keep_running_jobs(dispatch: Dispatch) -> None:
    """Restart procrastinate's worker, which ends if one of its parts fails, as in a database
    restart.

    It signs off in the database at its end. If that fails while this is being cancelled, the error
    hides the cancellation.
    """
    while not dispatch.stopping.is_set():
        try:
            await _run_jobs(dispatch, wait=True)
        except Exception as error:
            logger.warning("job queue failed", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(RESTART_SECONDS)


async def _run_jobs(dispatch: Dispatch, *, wait: bool) -> None:
    app = worker_app()
    try:
        async with app.open_async():
            await app.run_worker_async(
                concurrency=JOBS_AT_ONCE,
                wait=wait,
                fetch_job_polling_interval=POLL_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                delete_jobs="always",
                install_signal_handlers=False,
                additional_context=worker_context(dispatch),
                task_middleware=[around_jobs],
            )
    finally:
        # If opening was cancelled, the pool's tasks still run. They take no cancellation, so the
        # process would wait for them without end.
        await app.close_async()


async def run_until_signalled() -> None:
    """Run `run_worker` until SIGTERM or SIGINT. A second one ends the process at once."""
    stop = asyncio.Event()
    stop_on((signal.SIGTERM, signal.SIGINT), stop, second_ends=True)
    if not await run_worker(stop=stop):
        end_at_once(0)
