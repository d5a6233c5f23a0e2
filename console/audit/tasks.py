"""Periodic jobs of the ledger."""

from django.conf import settings
from procrastinate.contrib.django import app

from console.audit.services import checkpoint_make


@app.periodic(cron="*/5 * * * *")
@app.task(name="console.audit.tasks.checkpoint", queueing_lock="checkpoint")
def checkpoint(timestamp: int) -> None:
    """Sign the newest entry every five minutes, if there is a key."""
    if settings.AUDIT_KEY:
        checkpoint_make()
