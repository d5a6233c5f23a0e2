"""Records refused tokens: often enough for a security event, but not without limit."""

from datetime import timedelta

import structlog
from django.core.cache import caches
from django.db import transaction
from django.db.models import Q

from console.accounts.models import ApiClient
from console.accounts.signing_in.addresses import household
from console.audit import services as audit
from console.audit.actions import Action
from console.database.clock import near_now

ENTRY_EVERY = timedelta(minutes=1)
# Limits of each web process: one line a minute for each client or caller, and this many in all.
LINE_EVERY_SECONDS = 60
LINES_A_MINUTE = 60

logger = structlog.get_logger("console.accounts")


def token_refused(client: ApiClient | None, *, reason: str, address: str) -> None:
    """Log a refused token, and record it in the ledger for a known client.

    Both happen at most once a minute, so that repeated calls can't flood the ledger.
    """
    if client is not None:
        _record(client, reason, address)
    whose = household(address) if client is None else client.ref
    if _may_log(reason, whose):
        logger.warning(
            "token refused",
            reason=reason,
            client="" if client is None else client.name,
            address=address,
        )


def _record(client: ApiClient, reason: str, address: str) -> None:
    now = near_now()
    due = Q(refused_at=None) | Q(refused_at__lte=now - ENTRY_EVERY)
    with transaction.atomic():
        if ApiClient.objects.filter(due, pk=client.pk).update(refused_at=now):
            audit.record(
                client.to_actor(),
                Action.API_CLIENT_REFUSED,
                target=("api_client", client.pk, client.name),
                data={"reason": reason, "address": address[:64]},
            )


def _may_log(reason: str, whose: str) -> bool:
    if not caches["process"].add(f"token-refused-{reason}-{whose[:64]}", True, LINE_EVERY_SECONDS):
        return False
    caches["process"].add("token-refused-lines", 0, LINE_EVERY_SECONDS)
    try:
        return caches["process"].incr("token-refused-lines") <= LINES_A_MINUTE
    except ValueError:  # its minute has just ended
        return True
