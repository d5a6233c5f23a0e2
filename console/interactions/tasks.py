"""What workers do for live chats from time to time."""

import structlog
from django.conf import settings
from procrastinate.contrib.django import app

from console.actors import system_actor
from console.errors import Conflict, ConsoleError
from console.interactions.poller.poll import poll_interactions
from console.interactions.poller.sources import configured_source
from console.interactions.selectors import poll_is_due

logger = structlog.get_logger("console.interactions")


@app.task(name="console.interactions.tasks.poll", queueing_lock="poll")
def poll(timestamp: int) -> None:
    """Every five seconds, where the site has set an interval: poll if the last one is that long
    ago. One that still runs, on whatever machine, goes first."""
    if not poll_is_due():
        return
    try:
        poll_interactions(system_actor("poller"), configured_source())
    except Conflict:
        logger.debug("another poller is at work")
    except ConsoleError:
        # Noted and told to the log by the poller itself: the next one is tried when it is due.
        return


if settings.POLL.interval:
    app.periodic(cron="* * * * * */5")(poll)
