"""Reads of the catalogue, filtered by what the actor may see."""

from django.db.models import Q, QuerySet
from django.utils import timezone

from console.actors import Actor, Permission
from console.catalogue.models import (
    CannedNotice,
    CannedNoticeQuerySet,
    Category,
    NoticeVersion,
    VersionStatus,
    VisibilityPreset,
)
from console.errors import NotFound


def _in_own_teams(actor: Actor, path: str = "team") -> Q:
    """Global notices, and those of the actor's teams."""
    if actor.sees_all_teams:
        return Q()
    return Q(**{f"{path}__isnull": True}) | Q(**{f"{path}__in": actor.team_ids})


def notices(
    actor: Actor, *, q: str = "", status: str = "", kind: str = "", category: str = ""
) -> CannedNoticeQuerySet:
    """The notices that the actor may see, with their `status`, by key."""
    actor.require(Permission.VIEW_CATALOGUE)
    found = (
        CannedNotice.objects.with_status()
        .select_related("category", "team")
        .filter(_in_own_teams(actor))
    )
    if q:
        found = found.filter(Q(key__icontains=q) | Q(title__icontains=q))
    if status:
        found = found.in_status(status)
    if kind:
        found = found.filter(kind=kind)
    if category:
        found = found.filter(category__name=category)
    return found


def notice_get(actor: Actor, key: str) -> CannedNotice:
    """Raises NotFound where there is none that the actor may see."""
    notice = notices(actor).filter(key=key).first()
    if notice is None:
        raise NotFound("notice_not_found", f"There is no notice with the key {key}.")
    return notice


def versions(actor: Actor, notice: CannedNotice) -> QuerySet[NoticeVersion]:
    """All versions of a notice, the newest first."""
    actor.require(Permission.VIEW_CATALOGUE)
    return notice.versions.select_related("notice", "preset").order_by("-number")


def version_get(actor: Actor, notice: CannedNotice, number: int) -> NoticeVersion:
    version = versions(actor, notice).filter(number=number).first()
    if version is None:
        raise NotFound("version_not_found", f"The notice {notice.key} has no version {number}.")
    return version


def sendable_versions(actor: Actor, q: str = "") -> QuerySet[NoticeVersion]:
    """What the actor can send now: published, valid at this moment and not retired."""
    actor.require(Permission.SEND)
    now = timezone.now()
    found = (
        NoticeVersion.objects.filter(status=VersionStatus.PUBLISHED, notice__retired_at=None)
        .filter(Q(valid_from=None) | Q(valid_from__lte=now))
        .filter(Q(valid_until=None) | Q(valid_until__gt=now))
        .filter(_in_own_teams(actor, "notice__team"))
        .select_related("notice", "notice__category", "preset")
        .order_by("notice__key")
    )
    if q:
        found = found.filter(Q(notice__key__icontains=q) | Q(notice__title__icontains=q))
    return found


def presets(actor: Actor) -> QuerySet[VisibilityPreset]:
    """All presets, for those who write the catalogue."""
    actor.require(Permission.VIEW_CATALOGUE)
    return VisibilityPreset.objects.all()


def usable_presets(actor: Actor) -> QuerySet[VisibilityPreset]:
    """Those that the actor may choose for a send: without roles, or with one of the actor's."""
    actor.require(Permission.SEND)
    return VisibilityPreset.objects.filter(Q(roles=[]) | Q(roles__overlap=list(actor.roles)))


def usable_preset_get(actor: Actor, preset_id: int) -> VisibilityPreset:
    preset = usable_presets(actor).filter(pk=preset_id).first()
    if preset is None:
        raise NotFound("preset_not_found", "There is no such visibility preset that you may use.")
    return preset


def preset_get(actor: Actor, preset_id: int) -> VisibilityPreset:
    preset = presets(actor).filter(pk=preset_id).first()
    if preset is None:
        raise NotFound("preset_not_found", f"There is no visibility preset {preset_id}.")
    return preset


def categories(actor: Actor) -> QuerySet[Category]:
    actor.require(Permission.VIEW_CATALOGUE)
    return Category.objects.all()


def review_queue(actor: Actor) -> QuerySet[NoticeVersion]:
    """Versions that wait for a reviewer who is not their author."""
    actor.require(Permission.REVIEW_CATALOGUE)
    return (
        NoticeVersion.objects.filter(status=VersionStatus.IN_REVIEW)
        .exclude(author_ref=actor.ref)
        .filter(_in_own_teams(actor, "notice__team"))
        .select_related("notice")
        .order_by("submitted_at")
    )


def preset_named(actor: Actor, name_or_id: str) -> VisibilityPreset:
    """A preset by its name, or by its id. Raises NotFound."""
    found = presets(actor).filter(name=name_or_id).first()
    if found is None and name_or_id.isdecimal() and len(name_or_id) < 10:
        found = presets(actor).filter(pk=int(name_or_id)).first()
    if found is None:
        raise NotFound("preset_not_found", f"There is no visibility preset {name_or_id}.")
    return found
