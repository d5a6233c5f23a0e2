"""How often notices are used, and by whom, read from the sends of their versions.

`sends` is a layer above the catalogue, so this module reaches it only through the reverse relations
`sends` and `use` of a version. Each function makes one query: over the sends of a window, by an
index, or over the counters.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    Func,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.utils import timezone

from console.actors import Actor, Permission
from console.catalogue.models import (
    CannedNotice,
    CannedNoticeQuerySet,
    Favourite,
    NoticeStatus,
    NoticeVersion,
    VersionStatus,
)

MOST = 500
RECENT_SENDS = 200
RECENT_NOTICES = 10
ENDS_SOON = timedelta(days=14)
SHOWN = ("favourites", "recent", "most_used", "never_used", "ending")


@dataclass(frozen=True, slots=True)
class Use:
    """How often a notice or a version was sent, and how many of its deliveries arrived."""

    sends: int = 0
    delivered: int = 0


def _uses(versions: QuerySet[NoticeVersion], by: str) -> Any:
    return versions.values(by).annotate(
        send_count=Count("sends", distinct=True),
        delivered=Sum(
            "sends__outcomes__number", filter=Q(sends__outcomes__status="delivered"), default=0
        ),
    )


def version_uses(actor: Actor, notice: CannedNotice) -> dict[int, Use]:
    """Return the uses of each version of a notice, of all time, by version number.

    They are counted as sends happen, since a workflow may send one notice millions of times.
    """
    actor.require(Permission.VIEW_CATALOGUE)
    rows = NoticeVersion.objects.filter(notice=notice).order_by()
    counted = rows.values_list("number", "use__sends", "use__delivered")
    return {number: Use(sends or 0, delivered or 0) for number, sends, delivered in counted}


def notice_uses(actor: Actor, notice_ids: Iterable[int], *, days: int) -> dict[int, Use]:
    """Return the uses of each notice in the last `days`, by its id."""
    actor.require(Permission.VIEW_CATALOGUE)
    used = NoticeVersion.objects.filter(
        notice__in=list(notice_ids), sends__created_at__gte=_since(days), sends__is_test=False
    )
    rows = _uses(used, "notice").order_by()
    return {row["notice"]: Use(row["send_count"], row["delivered"]) for row in rows}


def most_used(found: CannedNoticeQuerySet, *, days: int) -> CannedNoticeQuerySet:
    """Return those of `found` that were sent in the last `days`, the most often sent first."""
    used = NoticeVersion.objects.filter(
        notice__in=found.order_by().values("pk"),
        sends__created_at__gte=_since(days),
        sends__is_test=False,
    )
    rows = _uses(used, "notice").order_by("-send_count", "-delivered", "notice")
    return in_this_order(found, [row["notice"] for row in rows[:MOST]])


def never_used(found: CannedNoticeQuerySet, *, days: int) -> CannedNoticeQuerySet:
    """Return those of `found` that are published and were not sent in the last `days`."""
    sent = NoticeVersion.objects.filter(
        notice=OuterRef("pk"), sends__created_at__gte=_since(days), sends__is_test=False
    )
    return found.in_status(NoticeStatus.PUBLISHED).filter(~Exists(sent))


def ending_soon(found: CannedNoticeQuerySet) -> CannedNoticeQuerySet:
    """Return those of `found` that end within two weeks, the first to end first."""
    now = timezone.now()
    ending = NoticeVersion.objects.filter(
        status=VersionStatus.PUBLISHED, valid_until__gt=now, valid_until__lte=now + ENDS_SOON
    )
    its_own = ending.filter(notice=OuterRef("pk")).values("valid_until")
    return found.filter(retired_at=None, pk__in=ending.values("notice")).order_by(
        Subquery(its_own[:1]), "key"
    )


def shown(
    actor: Actor, found: CannedNoticeQuerySet, which: str, *, days: int
) -> CannedNoticeQuerySet:
    """Return those of `found` in the list `which` (one of SHOWN), in its order; all for ""."""
    lists: dict[str, Callable[[], CannedNoticeQuerySet]] = {
        "favourites": lambda: in_this_order(found, favourite_ids(actor)),
        "recent": lambda: in_this_order(found, recent_ids(actor)),
        "most_used": lambda: most_used(found, days=days),
        "never_used": lambda: never_used(found, days=days),
        "ending": lambda: ending_soon(found),
    }
    return lists[which]() if which else found


def favourite_ids(actor: Actor) -> list[int]:
    """Return the ids of the actor's favourites."""
    mine = Favourite.objects.filter(person_ref=actor.ref)
    return list(mine.order_by("notice__title").values_list("notice", flat=True)[:MOST])


def recent_ids(actor: Actor) -> list[int]:
    """Return the ids of the notices that the actor sent last, the newest first."""
    sent = NoticeVersion.objects.filter(sends__actor_ref=actor.ref, sends__is_test=False)
    ids = sent.order_by("-sends__id").values_list("notice", flat=True)[:RECENT_SENDS]
    return list(dict.fromkeys(ids))[:RECENT_NOTICES]


def in_this_order(found: CannedNoticeQuerySet, ids: list[int]) -> CannedNoticeQuerySet:
    """Return those of `found` that `ids` names, in the order of `ids`."""
    place = Func(
        Value(ids, output_field=ArrayField(BigIntegerField())),
        F("pk"),
        function="array_position",
        output_field=IntegerField(),
    )
    return found.filter(pk__in=ids).order_by(place)


def _since(days: int) -> datetime:
    return timezone.now() - timedelta(days=days)
