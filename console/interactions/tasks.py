"""Periodic tasks of workers for live chats."""

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
    """Poll if the site's interval has passed since the last poll; checked every five seconds. Does
    nothing while another poll runs, on whatever machine."""
    if not poll_is_due():
        return
    try:
        poll_interactions(system_actor("poller"), configured_source())
    except Conflict:
        logger.debug("another poller is at work")
    except ConsoleError:
        # The poller itself has recorded and logged it. The next one runs when it is due.
        return


if settings.POLL.interval:
    app.periodic(cron="* * * * * */5")(poll)
