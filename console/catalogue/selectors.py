"""Reads of the catalogue, filtered by what the actor may see."""

import re
from collections.abc import Iterable
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, Count, Func, Prefetch, Q, QuerySet, TextField, When
from django.db.models.functions import Cast
from django.utils import timezone

from console.accounts.own_work import own_refs
from console.actors import Actor, Permission
from console.catalogue.content.search_words import as_query, rank
from console.catalogue.content.snippets import fitting
from console.catalogue.models import (
    CATEGORY_SEPARATOR,
    CannedNotice,
    CannedNoticeQuerySet,
    Category,
    ChangeStatus,
    NoticeKind,
    NoticeVersion,
    NoticeVersionQuerySet,
    PresetChange,
    VersionStatus,
    VisibilityPreset,
)
from console.errors import NotFound
from console.text.naming import folded

SEARCHED = 500
TEXTS: "ArrayField[list[str], list[str]]" = ArrayField(TextField())


def _in_own_teams(actor: Actor, path: str = "team") -> Q:
    """Return the condition for global notices and those of the actor's teams."""
    if actor.sees_all_teams:
        return Q()
    return Q(**{f"{path}__isnull": True}) | Q(**{f"{path}__in": actor.team_ids})


def notices(
    actor: Actor,
    *,
    q: str = "",
    status: str = "",
    kind: str = "",
    category: str = "",
    tag: str = "",
) -> CannedNoticeQuerySet:
    """Return the notices that the actor may see, with their `status`, by key.

    With a search text `q`, the best match comes first. A category includes everything below it.
    """
    actor.require(Permission.VIEW_CATALOGUE)
    found = (
        CannedNotice.objects.with_status()
        .select_related("category", "team")
        .filter(_in_own_teams(actor))
    )
    if status:
        found = found.in_status(status)
    if kind:
        found = found.filter(kind=kind)
    if category:
        found = found.filter(category__in=_at_or_below(category))
    if tag:
        read = Func(Cast("tags", TEXTS), function="console_folded_each", output_field=TEXTS)
        like_it = {"read_tags__contains": [folded(tag)]}
        found = found.alias(read_tags=read).filter(**like_it)
    if q.strip():
        found = _matching(found, q)
    return found


def notices_ranked(actor: Actor, q: str) -> list[int]:
    """Return the primary keys of the notices that `notices` finds with `q`, the best match first.
    Ranking stops at SEARCHED."""
    actor.require(Permission.VIEW_CATALOGUE)
    found = _matching(CannedNotice.objects.filter(_in_own_teams(actor)), q)
    return list(found.values_list("pk", flat=True))


def _at_or_below(path: str) -> QuerySet[Category]:
    below = Q(path__startswith=path.strip() + CATEGORY_SEPARATOR)
    return Category.objects.filter(Q(path=path.strip()) | below)


def _matching(found: CannedNoticeQuerySet, q: str) -> CannedNoticeQuerySet:
    """Return those of `found` that have all the words of `q`, the best match first.

    A shortcut or key that equals `q` (with or without a slash before it) ranks first, then an equal
    title, then a name that begins with `q`. A frequent word must not make a search slow: no more
    than SEARCHED matches are ranked, and matches in the names come before matches in the texts.
    """
    asked = as_query(q)
    exact = q.strip().lower().removeprefix("/")
    begins = Q(shortcut__startswith=exact) | Q(key__startswith=exact) | Q(title__istartswith=exact)
    order = Case(
        When(Q(shortcut=exact, retired_at=None), then=0),
        When(Q(shortcut=exact) | Q(key=exact), then=1),
        When(title__iexact=exact, then=2),
        When(begins, then=3),
        default=4,
    )
    ids = _called(found, exact) | _matches(found, "words", asked)
    # Among equals, notices in use come first.
    is_retired = Case(When(retired_at=None, then=0), default=1)
    fits = rank("words__words", asked).desc()
    return found.filter(pk__in=ids).order_by(order, is_retired, fits, "key")


def _called(found: CannedNoticeQuerySet, name: str) -> set[int]:
    """Return the notice with this key and the one in use with this shortcut.

    Both are found even if very many notices match the same words.
    """
    if not name:
        return set()
    keys = found.filter(key=name).order_by().values_list("pk", flat=True)
    in_use = found.filter(shortcut=name, retired_at=None).exclude(shortcut="").order_by()
    return {*keys, *in_use.values_list("pk", flat=True)}


def _matches(found: QuerySet[Any], words: str, asked: str) -> set[int]:
    """Return the primary keys of `found` whose NoticeWords, at `words`, match the query `asked`."""
    ids: set[int] = set()
    for column in ("names", "words"):
        if asked:
            matches = found.filter(**{f"{words}__{column}__matches": asked}).order_by()
            ids |= set(matches.values_list("pk", flat=True)[:SEARCHED])
    return ids


def notice_get(actor: Actor, key: str) -> CannedNotice:
    """Return the notice. Raises NotFound if the actor may see none with this key."""
    notice = notices(actor).filter(key=key).first()
    if notice is None:
        raise NotFound("notice_not_found", "There is no notice with the key {key}.", key=key)
    return notice


def versions(actor: Actor, notice: CannedNotice) -> NoticeVersionQuerySet:
    """Return all versions of a notice, the newest first."""
    actor.require(Permission.VIEW_CATALOGUE)
    found = NoticeVersion.objects.filter(notice=notice)
    return found.select_related("notice", "preset").order_by("-number")


def version_get(actor: Actor, notice: CannedNotice, number: int) -> NoticeVersion:
    version = versions(actor, notice).filter(number=number).first()
    if version is None:
        raise NotFound(
            "version_not_found",
            "The notice {notice} has no version {number}.",
            notice=notice.key,
            number=number,
        )
    return version


def sendable_versions(actor: Actor, q: str = "") -> NoticeVersionQuerySet:
    """Return what the actor can send now: published, valid at this moment, not retired; by key.

    With `q`, only those that match its words, or whose shortcut begins with it.
    """
    actor.require(Permission.SEND)
    now = timezone.now()
    found = (
        NoticeVersion.objects.in_effect(now)
        .filter(notice__retired_at=None)
        .filter(Q(valid_from=None) | Q(valid_from__lte=now))
        .filter(Q(valid_until=None) | Q(valid_until__gt=now))
        .filter(_in_own_teams(actor, "notice__team"))
        .exclude(notice__kind=NoticeKind.SNIPPET)
        .select_related("notice", "notice__category", "preset")
        .order_by("notice__key")
    )
    if q.startswith("/"):
        return found.filter(notice__shortcut__startswith=q[1:].strip().lower() or "/")
    if q.strip():
        found = found.filter(pk__in=_matches(found, "notice__words", as_query(q)))
    return found


def versions_published(actor: Actor) -> NoticeVersionQuerySet:
    """Return the published versions of the notices in use that the actor may see."""
    actor.require(Permission.VIEW_CATALOGUE)
    found = NoticeVersion.objects.filter(status=VersionStatus.PUBLISHED, notice__retired_at=None)
    return found.filter(_in_own_teams(actor, "notice__team")).select_related("notice")


def presets(actor: Actor) -> QuerySet[VisibilityPreset]:
    """Return all presets, for readers of the catalogue.

    Each has its open proposals as a list `waiting`.
    """
    actor.require(Permission.VIEW_CATALOGUE)
    waiting = PresetChange.objects.filter(status=ChangeStatus.IN_REVIEW)
    return VisibilityPreset.objects.prefetch_related(
        Prefetch("changes", waiting, to_attr="waiting")
    )


def usable_presets(actor: Actor) -> QuerySet[VisibilityPreset]:
    """Return the presets that the actor may choose for a send.

    These are approved, and have no roles or one of the actor's.
    """
    actor.require(Permission.SEND)
    return VisibilityPreset.objects.filter(
        Q(roles=[]) | Q(roles__overlap=list(actor.roles)), is_approved=True
    )


def usable_preset_get(actor: Actor, preset_id: int) -> VisibilityPreset:
    preset = usable_presets(actor).filter(pk=preset_id).first()
    if preset is None:
        raise NotFound("preset_not_found", "There is no such visibility preset that you may use.")
    return preset


def preset_get(actor: Actor, preset_id: int) -> VisibilityPreset:
    preset = presets(actor).filter(pk=preset_id).first()
    if preset is None:
        raise NotFound(
            "preset_not_found", "There is no visibility preset {preset}.", preset=preset_id
        )
    return preset


def categories(actor: Actor) -> QuerySet[Category]:
    """Return the category tree from its top: global categories and those of the actor's teams."""
    actor.require(Permission.VIEW_CATALOGUE)
    found = Category.objects.select_related("team").filter(_in_own_teams(actor))
    return found.order_by("path")


def in_tree_order(found: Iterable[Category]) -> list[Category]:
    """Sort categories so that each is right below its parent, unlike in alphabetical order."""
    return sorted(found, key=lambda category: category.path.split(CATEGORY_SEPARATOR))


def categories_with_counts(actor: Actor) -> QuerySet[Category]:
    """Return the same tree, each category with its number of notices that the actor may see.

    Notices of subcategories do not count.
    """
    mine = Q(cannednotice__team__isnull=True) | Q(cannednotice__team__in=actor.team_ids)
    visible = Q(cannednotice__isnull=False) if actor.sees_all_teams else mine
    return categories(actor).annotate(notice_count=Count("cannednotice", filter=visible))


def category_get(actor: Actor, category_id: int) -> Category:
    category = categories(actor).select_related("parent__team").filter(pk=category_id).first()
    if category is None:
        raise NotFound(
            "category_not_found", "There is no category {category}.", category=category_id
        )
    return category


def category_named(actor: Actor, path: str) -> Category:
    """Return a category by its path. Raises NotFound."""
    category = categories(actor).filter(path=path.strip()).first()
    if category is None:
        raise NotFound("category_not_found", "There is no category {path}.", path=path)
    return category


def preset_changes(actor: Actor) -> QuerySet[PresetChange]:
    """Return the open proposals, the longest waiting first."""
    actor.require(Permission.VIEW_CATALOGUE)
    return PresetChange.objects.filter(status=ChangeStatus.IN_REVIEW).order_by("pk")


def preset_change(preset: VisibilityPreset) -> PresetChange | None:
    """Return the open proposal for this preset, or None."""
    return preset.changes.filter(status=ChangeStatus.IN_REVIEW).first()


def preset_review_queue(actor: Actor) -> QuerySet[PresetChange]:
    """Return the proposals that the actor may decide on."""
    actor.require(Permission.REVIEW_CATALOGUE)
    return preset_changes(actor).exclude(author_ref__in=own_refs(actor))


def review_queue(actor: Actor) -> QuerySet[NoticeVersion]:
    """Return the versions in review that the actor may decide on, which excludes their own."""
    actor.require(Permission.REVIEW_CATALOGUE)
    return (
        NoticeVersion.objects.filter(status=VersionStatus.IN_REVIEW)
        .exclude(author_ref__in=own_refs(actor))
        .filter(_in_own_teams(actor, "notice__team"))
        .select_related("notice")
        .order_by("submitted_at")
    )


def snippet_keys(actor: Actor, notice: CannedNotice) -> list[str]:
    """Return the keys of the snippets that a text of `notice` can use now."""
    actor.require(Permission.VIEW_CATALOGUE)
    usable = CannedNotice.objects.filter(
        _in_own_teams(actor),
        fitting(notice),
        kind=NoticeKind.SNIPPET,
        retired_at=None,
        versions__status=VersionStatus.PUBLISHED,
    )
    return list(usable.order_by("key").values_list("key", flat=True)[:100])


def preset_named(actor: Actor, name_or_id: str) -> VisibilityPreset:
    """Return a preset by its name or its id. Raises NotFound."""
    found = presets(actor).filter(name=name_or_id).first()
    if found is None and re.fullmatch(r"[1-9][0-9]{0,8}", name_or_id, re.ASCII):
        found = presets(actor).filter(pk=int(name_or_id)).first()
    if found is None:
        raise NotFound(
            "preset_not_found", "There is no visibility preset {preset}.", preset=name_or_id
        )
    return found
