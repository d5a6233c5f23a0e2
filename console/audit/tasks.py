"""What workers do for the ledger from time to time."""

from django.conf import settings
from procrastinate.contrib.django import app

from console.audit.services import checkpoint_make


@app.periodic(cron="*/5 * * * *")
@app.task(name="console.audit.tasks.checkpoint", queueing_lock="checkpoint")
def checkpoint(timestamp: int) -> None:
    """Every five minutes: sign the newest entry, where there is a key to sign with."""
    if settings.AUDIT_KEY:
        checkpoint_make()
