"""The state of sending at this moment, for the people who operate the console."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from console.actors import Actor, Permission
from console.audit.siem.standing import standings
from console.database import notifications, standby
from console.interactions.models import InteractionPoll
from console.interactions.selectors import poll_is_late, poll_state
from console.sends.control.retention import retention_state
from console.sends.models import Send, SendStatus
from console.sends.observe import operations as state
from console.sends.observe.operations import Queue, WorkerState
from console.sends.observe.troubles import troubles_among
from console.sends.selectors import sending_stopped, sends_of
from console.site.access import actor_of, require
from console.text.wording import worded

SENDS_SHOWN = 50
# The event stream limits a page's topics (console.live.events), and three are used already.
SENDS_FOLLOWED = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """A send that is not over, and how many of its ready deliveries have ended."""

    send: Send
    open: int

    @property
    def total(self) -> int:
        return max(self.send.ready_count, self.open)

    @property
    def ended(self) -> int:
        return self.total - self.open


@require_GET
@require(Permission.VIEW_CHAT_SERVERS, Permission.ADMINISTER)
def operations(request: HttpRequest) -> HttpResponse:
    """Show queues, health, sends under way and workers on one page, which updates itself."""
    actor = actor_of(request)
    queues = state.queues()
    workers = state.workers()
    poll = poll_state()
    is_late = poll_is_late(poll)
    sends, sends_total = _under_way(actor)
    stopped = sending_stopped()
    found = troubles_among(workers, queues, stopped=stopped is not None)
    context = {
        "queues": queues,
        "workers": workers,
        # If workers should poll and none ever has, the card says so.
        "poll": poll or (InteractionPoll() if is_late else None),
        "poll_is_late": is_late,
        "sends": sends,
        "stopped": stopped,
        "retention": retention_state(),
        "streams": standings(),
        "troubles": [worded(each) for each in found],
        "sends_left": sends_total - len(sends),
        "topics": " ".join(_topics(sends)),
        **_figures(queues, workers),
    }
    return render(request, "operations/operations.html", context)


def _under_way(actor: Actor) -> tuple[list[Progress], int]:
    """Return the newest sends with open deliveries that the actor sees, and how many there are."""
    open_by_send = state.open_by_send()
    found = sends_of(actor, list(open_by_send))
    shown = [Progress(send, open_by_send[send.pk]) for send in found[:SENDS_SHOWN]]
    return shown, len(shown) if len(shown) < SENDS_SHOWN else found.count()


def _topics(sends: Sequence[Progress]) -> list[str]:
    running = [item.send for item in sends if item.send.status == SendStatus.RUNNING]
    followed = [notifications.send_topic(send.pk) for send in running[:SENDS_FOLLOWED]]
    return [notifications.SENDS, notifications.CHAT_SERVERS, notifications.SENDING, *followed]


def _figures(queues: Sequence[Queue], workers: Sequence[WorkerState]) -> dict[str, Any]:
    ages = [queue.oldest_due_seconds for queue in queues if queue.oldest_due_seconds is not None]
    return {
        "due": sum(queue.due for queue in queues),
        "on_the_wire": sum(queue.on_the_wire for queue in queues),
        "later": sum(queue.later for queue in queues),
        "oldest_due_seconds": max(ages, default=None),
        "alive": sum(not worker.is_lost for worker in workers),
        "standby": standby.observed(),
    }
