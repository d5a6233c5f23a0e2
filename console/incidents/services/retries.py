"""Writes what retries of a stage's sends change in its incident (console.sends.control.stages)."""

from django.db import connection

from console.errors import Conflict
from console.incidents.models import Stage
from console.incidents.services.incidents import lock_incident
from console.sends.models import Send

# When a retry is called off or skipped, its chat has again what was tried again: PostgreSQL does
# that (the trigger stage_target_given_back).
TRY_AGAIN = """
UPDATE incidents_stagetarget t SET delivery_id = d.id, tried_at = d.created_at
FROM sends_delivery d
WHERE d.send_id = %(send)s AND t.stage_id = %(stage)s AND t.delivery_id = d.retry_of_id
"""


def retry_hold(send: Send) -> None:
    """Hold the incident of a send that is to be retried. Raises Conflict if a newer stage was
    started, after which nobody gets an older text, or while nobody has confirmed an emergency."""
    stage = Stage.objects.select_related("incident").get(pk=send.stage_id or 0)
    locked = lock_incident(stage.incident)
    if locked.stages.filter(position__gt=stage.position).exists():
        raise Conflict(
            "stage_over",
            "A newer stage of incident {incident} was started, so nobody gets this text any more.",
            incident=locked.pk,
        )
    if locked.paused_at is not None:
        raise Conflict(
            "incident_paused",
            "This emergency is paused: somebody else has to confirm it first.",
        )


def retry_note(retry: Send) -> None:
    """Let what becomes of the retry be what becomes of its chats in the stage."""
    with connection.cursor() as cursor:
        cursor.execute(TRY_AGAIN, {"send": retry.pk, "stage": retry.stage_id})
