"""The tasks that the Celery worker runs: `python -m celery -A tools.bench.baselines.celery_app`.

Configured in favour of its speed: no results, messages acknowledged early, many fetched ahead.
"""

import asyncio
import os
import sys
from functools import cache
from threading import Lock, Thread

import django
from celery import Celery

# What is imported below needs it; in the bench's own process it is a second time, and no harm.
django.setup()

from console.esp.client import Client  # noqa: E402
from console.esp.outcomes import Outcome  # noqa: E402
from console.esp.requests import EspRequest  # noqa: E402
from console.sends.engine.worker import SWITCH_SECONDS  # noqa: E402
from tools.bench.baselines import deliveries  # noqa: E402

REDIS_URL = "BENCH_REDIS_URL"
ESP_URL = "BENCH_ESP_URL"

# Without Celery's care for Django: it would end the database connection after every task.
app = Celery("bench", broker=os.environ.get(REDIS_URL), fixups=[])
app.conf.update(
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    worker_prefetch_multiplier=64,
    worker_send_task_events=False,
    task_default_queue="warm-up",
    task_create_missing_queues=True,
    broker_connection_retry_on_startup=True,
)
_only_one = Lock()
sys.setswitchinterval(SWITCH_SECONDS)


@app.task(name="bench.send_one")
def send_one(key: int) -> None:
    """Read, send, record."""
    outcome = _send(deliveries.read(key))
    deliveries.record(key, outcome)


def _send(request: EspRequest) -> Outcome:
    loop, client = _channel()
    return asyncio.run_coroutine_threadsafe(client.request(request), loop).result()


def _channel() -> tuple[asyncio.AbstractEventLoop, Client]:
    with _only_one:
        return _open_channel()


@cache
def _open_channel() -> tuple[asyncio.AbstractEventLoop, Client]:
    """A process's one channel, and the loop in which it lives."""
    loop = asyncio.new_event_loop()
    Thread(target=loop.run_forever, daemon=True).start()
    return loop, Client(os.environ[ESP_URL], request_timeout=30)
