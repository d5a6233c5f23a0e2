"""Reads of exports. Only who ordered one sees it."""

from django.db.models import Q, QuerySet

from console.actors import Actor, Permission
from console.database.clock import near_now
from console.errors import NotFound
from console.exports.models import KEPT, ExportJob

# Who can order any export at all. Each list has its own permission.
EXPORTERS = (Permission.VIEW_HISTORY, Permission.VIEW_AUDIT)


def exports_of(actor: Actor) -> QuerySet[ExportJob]:
    """Return the actor's own exports whose time is not over, newest first."""
    actor.require(*EXPORTERS)
    kept = Q(finished_at=None) | Q(finished_at__gt=near_now() - KEPT)
    return ExportJob.objects.filter(kept, actor_ref=actor.ref).order_by("-pk")


def export_get(actor: Actor, export_id: int) -> ExportJob:
    """Return an export. Raises NotFound for another's, or one that is gone."""
    job = exports_of(actor).filter(pk=export_id).first()
    if job is None:
        raise NotFound(
            "export_not_found",
            "There is no such export of yours; a day after they are ready they are gone. Order "
            "it again.",
        )
    return job
