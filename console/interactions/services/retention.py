"""Writes of existing chats: which team sees them, and when they are erased."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import OuterRef, Subquery

from console.accounts.models import Team
from console.database import notifications
from console.database.clock import near_now
from console.interactions.feed.transcripts import lines_erase, lines_trim
from console.interactions.models import Interaction


def interactions_forget(*, now: datetime | None = None) -> int:
    """Erase interactions whose retention time is over, and lines of transcripts beyond the present
    setting. Return how many interactions. Deliveries stay."""
    lines_trim()
    limit = (now or near_now()) - timedelta(days=settings.INTERACTION_RETENTION_DAYS)
    erased, _each = Interaction.objects.filter(ended_at__lt=limit).delete()
    return erased


def interaction_blank(interaction_id: str) -> bool:
    """Erase the customer data of a chat that is over. Return whether there was any. The erasure of
    its texts records it (console.sends.control.erasure)."""
    lines_erase([interaction_id])
    over = Interaction.objects.filter(pk=interaction_id, ended_at__isnull=False)
    left = over.exclude(customer_name="", customer_key="", user_data={})
    return bool(left.update(customer_name="", customer_key="", user_data={}))


def interactions_regroup(queues: Collection[str]) -> None:
    """Give the live chats in these queues to the teams that have the queues now."""
    team = Team.objects.filter(queues__contains=[OuterRef("queue")]).values("pk")[:1]
    Interaction.objects.filter(ended_at=None, queue__in=queues).update(team=Subquery(team))
    notifications.publish(notifications.BOARD)
