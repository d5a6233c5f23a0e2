"""What stands still or is short although processes live, in words, for /readyz and Operations."""

from collections.abc import Callable, Sequence
from datetime import datetime

from console.audit.troubles import ledger_troubles, state_troubles
from console.database import standby
from console.database.budget import Budget, budget
from console.database.clock import TOLERANCE_SECONDS, clock_ahead, database_now
from console.sends.models import SendingStop
from console.sends.observe.operations import (
    Queue,
    WorkerState,
    last_sweep_seconds,
    queues,
    stalled_seconds,
    workers,
)
from console.text.sentences import Sentence

# A sweep comes every five seconds.
SWEEP_LATE_SECONDS = 30.0
STALLED_SECONDS = 30.0


Source = Callable[[], Sequence[Sentence]]
_others: list[Source] = []


def also_ask(source: Source) -> None:
    """Add what an app above this one knows of. It calls this when it is set up."""
    _others.append(source)


def troubles() -> list[Sentence]:
    """Return what a person should look at now. Each Sentence has a stable code."""
    stopped = SendingStop.objects.exists()
    return troubles_among(workers(), [] if stopped else queues(), stopped=stopped)


def troubles_among(
    known: Sequence[WorkerState], lines: Sequence[Queue], *, stopped: bool
) -> list[Sentence]:
    """Return what `troubles` does, for a caller that has read all workers and queues just now, and
    whether all sending is `stopped`."""
    now = database_now()
    alive = [worker for worker in known if not worker.is_lost]
    found = [*_sweep(alive, now), *_clocks(alive), *_connections(budget(), len(alive))]
    found += [*_unreadable(alive), *_standby(standby.observed())]
    if not stopped:
        found += [said for queue in lines if (said := _stalled(queue, now))]
    found += [*ledger_troubles(), *state_troubles()]
    return [*found, *(said for source in _others for said in source())]


def _sweep(alive: Sequence[WorkerState], now: datetime) -> list[Sentence]:
    if not alive:
        return []
    longest = max((now - worker.started_at).total_seconds() for worker in alive)
    last = last_sweep_seconds()
    seconds = longest if last is None else min(last, longest)
    if seconds <= SWEEP_LATE_SECONDS:
        return []
    return [
        Sentence(
            "no_sweep",
            "Workers live, and there has been no sweep for {seconds:.0f} s: what has no job of its "
            "own stands still.",
            seconds=seconds,
        )
    ]


def _clocks(alive: Sequence[WorkerState]) -> list[Sentence]:
    found = [
        Sentence(
            "worker_clock_differs",
            "The clock of the worker {pid} on {host} differs from PostgreSQL's by "
            "{seconds:+.1f} s. Set it by NTP.",
            pid=worker.pid,
            host=worker.host,
            seconds=worker.clock_ahead_seconds,
        )
        for worker in alive
        if worker.clock_differs
    ]
    if abs(clock_ahead()) > TOLERANCE_SECONDS:
        found.append(
            Sentence(
                "web_clock_differs",
                "The clock of this web server differs from PostgreSQL's by {seconds:+.1f} s. Set "
                "it by NTP.",
                seconds=clock_ahead(),
            )
        )
    return found


def _connections(found: Budget, alive: int) -> list[Sentence]:
    if not found.is_short(alive):
        return []
    return [
        Sentence(
            "connections_short",
            "{used} of {most} connections to PostgreSQL are in use, and {workers} workers with the "
            "web servers may need more than there are. Raise max_connections.",
            used=found.used,
            most=found.most,
            workers=alive,
        )
    ]


def _unreadable(alive: Sequence[WorkerState]) -> list[Sentence]:
    """Of each machine, since its workers see the same files."""
    lines = {worker.host: worker.unreadable_outcomes for worker in alive}
    return [
        Sentence(
            "outcomes_unreadable",
            "On {host} {number} outcomes are kept in files that can't be read. The worker's log "
            "names them.",
            host=host,
            number=number,
        )
        for host, number in sorted(lines.items())
        if number
    ]


def _standby(found: standby.Source | None) -> list[Sentence]:
    """Return why searches and exports do not read the standby, if one is set."""
    if found is None or found.is_standby:
        return []
    if found.wrong is not None:
        return [
            Sentence(
                "standby_wrong",
                "{reason} Searches and exports read the primary.",
                reason=found.wrong,
            )
        ]
    if found.seconds is None:
        return [
            Sentence(
                "standby_away",
                "The standby of CONSOLE_REPLICA_URL can't be read. Searches and exports read the "
                "primary.",
            )
        ]
    return [
        Sentence(
            "standby_late",
            "The standby is {seconds:.0f} s behind. Searches and exports read the primary.",
            seconds=found.seconds,
        )
    ]


def _stalled(queue: Queue, now: datetime) -> Sentence | None:
    seconds = stalled_seconds(queue, now)
    if seconds <= STALLED_SECONDS + queue.server.request_timeout_seconds:
        return None
    return Sentence(
        "no_progress",
        "{chat_server} has taken nothing for {seconds:.0f} s, although messages are due and its "
        "pace lets them go.",
        chat_server=queue.server.name,
        seconds=seconds,
    )
