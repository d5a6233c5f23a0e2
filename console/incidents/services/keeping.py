"""Writes that what people filled in for an incident is erased with its texts."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from console.database.clock import near_now
from console.incidents.models import Incident, IncidentStatus
from console.sends.models import Delivery, Send


def answers_expire(*, now: datetime | None = None) -> int:
    """Erase the answers of closed incidents of which no text is kept any more. Those of one that
    reached nobody are erased after the retention time. Return how many incidents had some."""
    now = now or near_now()
    sends = Send.objects.filter(incident_id=OuterRef("pk"))
    kept = Delivery.objects.filter(send__incident_id=OuterRef("pk"), erased_at=None)
    over = Q(Exists(sends))
    if settings.TEXT_RETENTION_DAYS:
        over |= Q(closed_at__lt=now - timedelta(days=settings.TEXT_RETENTION_DAYS))
    closed = Incident.objects.filter(status=IncidentStatus.CLOSED).exclude(answers={})
    return closed.filter(over, ~Exists(kept)).update(answers={})
