"""Writes that standing stages follow no new chats after the database was restored from a backup: it
does not know who has got them since."""

from django.db.models import Q

from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.incidents import troubles
from console.incidents.models import IncidentStatus, Stage
from console.incidents.services.stages import target_of, told_of


def stages_pause_after_restore(actor: Actor) -> int:
    """Pause every stage that follows chats, until a person lets it go on. Return how many. Call it
    in a transaction."""
    following = Stage.objects.select_for_update(of=("self",)).filter(
        Q(is_standing=True, is_paused=False) | Q(is_settled=False),
        incident__status=IncidentStatus.RUNNING,
        ended_at=None,
    )
    found = list(following.select_related("incident").order_by("pk"))
    for stage in found:
        stage.is_paused, stage.is_settled = stage.is_standing, True
        stage.trouble = troubles.RESTORED()
        stage.save(update_fields=["is_paused", "is_settled", "trouble"])
        data = {"stage": stage.pk, "position": stage.position, **told_of(stage.incident)}
        audit.record(
            actor, Action.INCIDENT_STAGE_PAUSED, target=target_of(stage.incident), data=data
        )
    return len(found)
