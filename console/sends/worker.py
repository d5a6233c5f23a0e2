"""A worker process: runs the jobs until it is asked to stop."""

import asyncio
import signal
import warnings
from typing import cast

from asgiref.sync import sync_to_async
from django.db import connections
from procrastinate import App
from procrastinate.contrib.django import app as django_app
from procrastinate.contrib.django.django_connector import DjangoConnector

from console.sends.dispatcher import Dispatch
from console.sends.tasks import worker_context

CONCURRENCY = 32
POLL_SECONDS = 1.0
HEARTBEAT_SECONDS = 3.0
STALLED_SECONDS = 10.0


class WorkerFailed(Exception):
    """The worker ended although nobody asked it to."""


def worker_app() -> App:
    """An app with a connector for workers, while the tasks keep deferring by Django's connection,
    that is, in the transaction that they are in."""
    connector = cast(DjangoConnector, django_app.connector).get_worker_connector()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return django_app.with_connector(connector)


async def run_worker(*, wait: bool = True, stop: asyncio.Event | None = None) -> None:
    """Run jobs until `stop` is set, or with `wait=False` until there is none left.

    Drains then finish what is in flight, and nothing else.
    """
    app = worker_app()
    async with app.open_async(), Dispatch() as dispatch:
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=CONCURRENCY,
                wait=wait,
                fetch_job_polling_interval=POLL_SECONDS,
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=STALLED_SECONDS,
                delete_jobs="always",
                install_signal_handlers=False,
                additional_context=worker_context(dispatch),
            )
        )
        stopper = asyncio.create_task(_stop(stop or asyncio.Event(), dispatch, worker))
        try:
            await worker
            if wait and not dispatch.stopping.is_set():
                # It ends by itself when one of its parts fails; what is wrong stands in the log.
                raise WorkerFailed
        except asyncio.CancelledError:
            if not dispatch.stopping.is_set():
                raise
        finally:
            stopper.cancel()
            # Of the thread in which procrastinate defers what is periodic.
            await sync_to_async(connections.close_all)()


async def _stop(stop: asyncio.Event, dispatch: Dispatch, worker: "asyncio.Task[None]") -> None:
    await stop.wait()
    dispatch.stopping.set()
    worker.cancel()


async def run_until_signalled() -> None:
    """`run_worker` until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await run_worker(stop=stop)
