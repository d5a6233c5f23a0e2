"""Carries letters: the whole site has one courier at a time, in one job of one worker.

Several letters leave at once, each from a thread of its own, so that a slow mail server does not
hold up channels.
"""

import asyncio
from datetime import datetime

import structlog
from asgiref.sync import sync_to_async

from console.notifications import services
from console.notifications.carriers import carry as hand_over
from console.notifications.models import Status
from console.notifications.services import Letter

# How often to look for more due letters while receivers are slow.
LOOK_SECONDS = 1.0

logger = structlog.get_logger("console.notifications")


async def carry(stopping: asyncio.Event) -> None:
    """Deliver all due letters, unless another worker is doing it.

    Once `stopping` is set, it takes no more, and waits for those in progress.
    """
    until = await sync_to_async(services.carrying_begin)()
    if until is None:
        return
    last = await _carry_all(until, stopping)
    if last is not None:
        await sync_to_async(services.carrying_end)(last)


async def _carry_all(until: datetime, stopping: asyncio.Event) -> datetime | None:
    """Return until when this worker is the courier; None if another has taken over."""
    under_way: set[asyncio.Task[None]] = set()
    while True:
        longer, letters = await sync_to_async(services.letters_take)(until, len(under_way))
        under_way |= {asyncio.create_task(_deliver(letter)) for letter in letters}
        if under_way:
            done, under_way = await asyncio.wait(
                under_way, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()
        if longer is None or stopping.is_set() or not (under_way or letters):
            break
        until = longer
    if under_way:
        await asyncio.wait(under_way)
    return longer


async def _deliver(letter: Letter) -> None:
    """Hand one letter over, and record what became of it. The log has no address and no name."""
    outcome = await asyncio.to_thread(hand_over, letter)
    await sync_to_async(services.letter_record)(letter, outcome)
    if outcome.status != Status.SENT:
        logger.warning(
            "notification not sent",
            route=letter.first.route,
            kind=letter.first.kind,
            notifications=len(letter.ids),
            channel=letter.first.channel or None,
            state=outcome.status,
            problem=getattr(outcome.problem, "code", ""),
        )
