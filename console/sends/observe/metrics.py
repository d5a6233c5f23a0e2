"""Metrics for Prometheus. docs/operations.md says what each means and what to alert on.

Values that hold for all workers are read from the database at each scrape (`site_registry`). What
only a worker knows, such as answer times, that worker exports itself (`worker_registry`).
"""

import os
import socket
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from console.database import standby
from console.database.budget import budget
from console.database.clock import clock_ahead, database_now
from console.interactions.models import Health, InteractionPoll
from console.interactions.selectors import poll_state
from console.sends.models import SendingStop
from console.sends.observe import operations
from console.sends.observe.operations import Queue, WorkerState
from console.sends.observe.worker_metrics import BOUNDS, ENDED, DrainCounts, drain_counts

NO_SERVER = "(none)"
SERVER = ["chat_server"]


def site_registry(*more: Collector) -> CollectorRegistry:
    """Return a registry of what the database knows about sending, and `more`."""
    registry = CollectorRegistry()
    for collector in (_Site(), *more):
        registry.register(collector)
    return registry


def worker_registry() -> CollectorRegistry:
    """Return a registry of what this worker process did, and of its use of the machine."""
    registry = CollectorRegistry()
    registry.register(_Worker())
    ProcessCollector(registry=registry)
    return registry


def _gauge(name: str, words: str, labels: list[str] | None = None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"console_{name}", words, labels=labels)


class _Site(Collector):
    def collect(self) -> Iterator[Metric]:
        queues = operations.queues()
        names = [queue.server.name for queue in queues]
        totals = operations.outcome_totals()
        yield _deliveries(names, totals)
        yield _unresolved(names, totals)
        yield from _queue_metrics(queues)
        yield from _chat_server_metrics(queues)
        is_stopped = _is_stopped()
        yield _gauge_of("sending_stopped", "1 while all sending is stopped.", is_stopped)
        workers = operations.workers()
        yield from _liveness(queues, workers, is_stopped=bool(is_stopped))
        yield _workers(workers)
        yield _jobs()
        yield from _standby_metrics(standby.observed())
        poll = poll_state()
        if poll is not None:
            yield from _poll_metrics(poll)


def _gauge_of(name: str, words: str, value: float) -> Metric:
    family = _gauge(name, words)
    family.add_metric([], value)
    return family


def _is_stopped() -> float:
    return float(SendingStop.objects.exists())


Totals = Sequence[tuple[str, str, int]]


def _deliveries(servers: list[str], known: Totals) -> Metric:
    """Count by Chat Server and outcome, from 0: a counter that begins with 1 shows no rise."""
    totals = {(name or NO_SERVER, outcome): 0 for name in (*servers, "") for _s, outcome in ENDED}
    totals |= {(name or NO_SERVER, ended): total for name, ended, total in known}
    family = CounterMetricFamily(
        "console_deliveries",
        "Deliveries that ended, by Chat Server and outcome.",
        labels=["chat_server", "outcome"],
    )
    for labels, total in totals.items():
        family.add_metric(labels, total)
    return family


def _unresolved(servers: list[str], totals: Totals) -> Metric:
    family = _gauge(
        "deliveries_unresolved", "Unknown deliveries of which nothing is known since.", SERVER
    )
    numbers = dict.fromkeys((*servers, ""), 0) | operations.unresolved(totals)
    for name, number in numbers.items():
        family.add_metric([name or NO_SERVER], number)
    return family


def _queue_metrics(queues: list[Queue]) -> Iterator[Metric]:
    depth = _gauge(
        "queue_deliveries",
        "Open deliveries: due now, for later, or on the wire.",
        ["chat_server", "state"],
    )
    age = _gauge(
        "queue_oldest_due_seconds",
        "Seconds since the oldest open delivery became due; 0 where none is due.",
        SERVER,
    )
    for queue in queues:
        name = queue.server.name
        depth.add_metric([name, "due"], queue.due)
        depth.add_metric([name, "later"], queue.later)
        depth.add_metric([name, "on_the_wire"], queue.on_the_wire)
        age.add_metric([name], queue.oldest_due_seconds or 0.0)
    yield depth
    yield age


def _chat_server_metrics(queues: list[Queue]) -> Iterator[Metric]:
    health = _gauge(
        "chat_server_health",
        "1 for the state that a Chat Server is in: untried, healthy or unhealthy.",
        ["chat_server", "state"],
    )
    for queue in queues:
        for state in Health.values:
            health.add_metric([queue.server.name, state], float(queue.server.health == state))
    yield health
    for name, words, of_server in (
        ("enabled", "1 while it may be sent to.", lambda s: float(s.enabled)),
        ("held", "1 while it is held for maintenance.", lambda s: float(s.held_at is not None)),
        ("failures_in_a_row", "Failures since its last answer.", lambda s: s.failures_in_a_row),
        ("pace_per_second", "Messages a second that it is given.", lambda s: s.pace_per_second),
        ("burst", "The most messages in any one second.", lambda s: s.burst),
        ("window", "The most requests in flight.", lambda s: s.window),
    ):
        family = _gauge(f"chat_server_{name}", words, SERVER)
        for queue in queues:
            family.add_metric([queue.server.name], of_server(queue.server))
        yield family
    tokens = _gauge(
        "chat_server_bucket_tokens", "Messages that the pace lets go at this moment.", SERVER
    )
    for queue in queues:
        tokens.add_metric([queue.server.name], queue.tokens)
    yield tokens


def _liveness(
    queues: list[Queue], workers: list[WorkerState], *, is_stopped: bool
) -> Iterator[Metric]:
    """Yield what tells whether sending moves on (console.sends.observe.troubles)."""
    now = database_now()
    alive = [worker for worker in workers if not worker.is_lost]
    swept = operations.last_sweep_seconds()
    if swept is None:  # since they could have swept
        swept = max(((now - worker.started_at).total_seconds() for worker in alive), default=0.0)
    yield _gauge_of("sweep_seconds", "Seconds since the last sweep ended.", swept)
    stalled = _gauge(
        "chat_server_stalled_seconds", "Seconds without progress though due; 0: it moves.", SERVER
    )
    for queue in queues:
        seconds = 0.0 if is_stopped else operations.stalled_seconds(queue, now)
        stalled.add_metric([queue.server.name], seconds)
    yield stalled
    clocks = _gauge(
        "clock_ahead_seconds",
        "By how much a process's clock is ahead of PostgreSQL's; below 0: behind.",
        ["process", "host", "pid"],
    )
    clocks.add_metric(["web", socket.gethostname(), str(os.getpid())], clock_ahead())
    for worker in alive:
        names = ["worker", worker.host, str(worker.pid)]
        clocks.add_metric(names, worker.clock_ahead_seconds)
    yield clocks
    known = budget()
    used = _gauge("database_connections", "Connections to PostgreSQL.", ["state"])
    used.add_metric(["used"], known.used)
    used.add_metric(["most"], known.most)
    yield used


def _workers(workers: list[WorkerState]) -> Metric:
    family = _gauge("workers", "Worker processes by state: alive, stopping or lost.", ["state"])
    states = [
        "lost" if worker.is_lost else "stopping" if worker.is_stopping else "alive"
        for worker in workers
    ]
    for state in ("alive", "stopping", "lost"):
        family.add_metric([state], states.count(state))
    return family


def _jobs() -> Metric:
    family = _gauge("jobs", "Jobs of the queue by task and status.", ["task", "status"])
    for (task, status), number in sorted(operations.jobs().items()):
        family.add_metric([task, status], number)
    return family


def _standby_metrics(found: standby.Source | None) -> Iterator[Metric]:
    """Yield nothing if no standby is set, and no lag if nobody knows it."""
    if found is None:
        return
    words = "1 while searches and exports read the standby."
    yield _gauge_of("standby_readable", words, float(found.is_standby))
    if found.seconds is not None:
        words = "Seconds that the standby is behind the primary."
        yield _gauge_of("standby_lag_seconds", words, found.seconds)


def _poll_metrics(poll: InteractionPoll) -> Iterator[Metric]:
    """Yield the poller's metrics (docs/poller.md)."""
    if poll.ended_at is not None:
        words = "When the last poll ended, in seconds since 1970."
        yield _gauge_of("poll_ended_timestamp_seconds", words, poll.ended_at.timestamp())
    yield _gauge_of(
        "poll_failures_in_a_row", "Polls that failed since one ended.", poll.failures_in_a_row
    )
    yield _gauge_of("poll_seen", "Chats in the last snapshot.", poll.seen)
    yield _gauge_of("poll_withheld", "Chats that it lacked and that were not ended.", poll.withheld)
    yield CounterMetricFamily("console_polls", "Polls that ended.", value=poll.polls_total)
    yield CounterMetricFamily(
        "console_poll_failures", "Polls that failed.", value=poll.failures_total
    )
    chats = CounterMetricFamily(
        "console_poll_chats", "Chats by what polls found: new, changed or ended.", labels=["found"]
    )
    for found in ("new", "changed", "ended"):
        chats.add_metric([found], getattr(poll, f"{found}_total"))
    yield chats


class _Worker(Collector):
    """Reads what the event loop counts, from another thread. So it copies everything first."""

    def collect(self) -> Iterator[Metric]:
        known = list(drain_counts.items())
        yield _round_trips(known)
        drains = CounterMetricFamily("console_drains", "Drains that were started.", labels=SERVER)
        steps = CounterMetricFamily(
            "console_drain_steps", "Transactions that recorded and claimed.", labels=SERVER
        )
        failures = CounterMetricFamily(
            "console_drain_failures", "Drains that an error of the console ended.", labels=SERVER
        )
        claimed = CounterMetricFamily(
            "console_drain_claimed", "Deliveries taken to the wire.", labels=SERVER
        )
        running = _gauge("drains_running", "Drains that run at this moment.", SERVER)
        open_ = _gauge("drain_open", "Deliveries claimed here and not yet recorded.", SERVER)
        recorded = CounterMetricFamily(
            "console_drain_recorded",
            'Deliveries recorded, by outcome; "postponed" were not written and wait again.',
            labels=["chat_server", "outcome"],
        )
        for name, counts in known:
            drains.add_metric([name], counts.drains)
            steps.add_metric([name], counts.steps)
            failures.add_metric([name], counts.failures)
            claimed.add_metric([name], counts.claimed)
            running.add_metric([name], counts.running)
            open_.add_metric([name], counts.open)
            for outcome, number in list(counts.outcomes.items()):
                recorded.add_metric([name, outcome], number)
        yield from (drains, steps, failures, claimed, running, open_, recorded)


def _round_trips(known: list[tuple[str, DrainCounts]]) -> Metric:
    family = HistogramMetricFamily(
        "console_round_trip_seconds",
        "Seconds from the writing of a request to its answer.",
        labels=SERVER,
    )
    for name, counts in known:
        total, buckets = 0, []
        bounds = [*map(str, BOUNDS), "+Inf"]
        for bound, number in zip(bounds, list(counts.round_trips), strict=True):
            total += number
            buckets.append((bound, total))
        family.add_metric([name], buckets, sum_value=counts.round_trip_seconds)
    return family
