"""Reads of exports. Only who ordered one sees it."""

from django.db.models import Q, QuerySet

from console.actors import Actor, Permission
from console.database.clock import near_now
from console.errors import NotFound, PermissionRefused
from console.exports.models import KEPT, ExportJob
from console.exports.subjects import subject_named

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


def require_still(actor: Actor, job: ExportJob) -> None:
    """Raise PermissionRefused if the actor may not read now what they ordered then."""
    actor.require(subject_named(job.subject).permission)
    if job.sees_all_teams and not actor.sees_all_teams:
        raise PermissionRefused(
            "export_of_all_teams",
            "This export was ordered with the right to see all teams, which {name} does not have "
            "any more. Order it again.",
            name=actor.name,
        )
