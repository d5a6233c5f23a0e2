"""How often notices are used, and by whom, read from the sends of their versions.

`sends` is a layer above the catalogue, so this module reaches it only through the reverse relations
`sends` and `use` of a version. The sends of a window are counted by an index that has all that is
needed, however many deliveries they have.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    Count,
    F,
    Func,
    IntegerField,
    OuterRef,
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
# Sends whose outcomes one page reads.
READ_MOST = 300
RECENT_SENDS = 200
RECENT_NOTICES = 10
ENDS_SOON = timedelta(days=14)
SHOWN = ("favourites", "recent", "most_used", "never_used", "ending")


@dataclass(frozen=True, slots=True)
class Use:
    """How often a notice or a version was sent, and how many of its deliveries arrived: about so
    many if `is_estimate`."""

    sends: int = 0
    delivered: int = 0
    is_estimate: bool = False

    def __add__(self, other: "Use") -> "Use":
        return Use(
            self.sends + other.sends,
            self.delivered + other.delivered,
            self.is_estimate or other.is_estimate,
        )


def _send_counts(versions: QuerySet[NoticeVersion], by: str, days: int) -> Counter[int]:
    """Return how many sends there were in the last `days`, by a column of their versions.

    By the index of sends alone: it does not have what a test is, so tests are counted apart.
    """
    recent = versions.filter(sends__created_at__gte=_since(days)).order_by().values_list(by)
    counts = Counter(dict(recent.annotate(number=Count("*"))))
    counts.subtract(dict(recent.filter(sends__is_test=True).annotate(number=Count("*"))))
    return +counts


def version_uses(actor: Actor, notice: CannedNotice) -> dict[int, Use]:
    """Return the uses of each version of a notice, of all time, by version number.

    They are counted as sends happen, since a workflow may send one notice millions of times.
    """
    actor.require(Permission.VIEW_CATALOGUE)
    rows = NoticeVersion.objects.filter(notice=notice).order_by()
    counted = rows.values_list("number", "use__sends", "use__delivered")
    return {number: Use(sends or 0, delivered or 0) for number, sends, delivered in counted}


def notice_uses(actor: Actor, notice_ids: Iterable[int], *, days: int) -> dict[int, Use]:
    """Return the uses of each notice in the last `days`, by its id.

    The sends are counted. How many deliveries arrived is read for as many of them as a page has
    time for; for the others it is estimated by what arrived of all sends of the version.
    """
    actor.require(Permission.VIEW_CATALOGUE)
    versions = NoticeVersion.objects.filter(notice__in=list(notice_ids))
    counts = _send_counts(versions, "pk", days)
    known = versions.filter(pk__in=counts).values_list(
        "pk", "notice", "use__sends", "use__delivered"
    )
    uses: dict[int, Use] = {}
    read = 0
    for pk, notice, sends, delivered in sorted(known, key=lambda row: counts[row[0]]):
        number, is_estimate = counts[pk], False
        if number == sends:  # all there ever were
            arrived = delivered
        elif read + number <= READ_MOST:
            read += number
            arrived = _delivered(pk, days)
        else:
            arrived, is_estimate = number * (delivered or 0) // (sends or 1), True
        uses[notice] = uses.get(notice, Use()) + Use(number, arrived, is_estimate)
    return uses


def _delivered(version_id: int, days: int) -> int:
    """Return how many deliveries of a version's sends in the last `days` arrived."""
    recent = NoticeVersion.objects.filter(
        pk=version_id,
        sends__created_at__gte=_since(days),
        sends__is_test=False,
        sends__outcomes__status="delivered",
    )
    number: int = recent.aggregate(number=Sum("sends__outcomes__number", default=0))["number"]
    return number


def most_used(found: CannedNoticeQuerySet, *, days: int) -> CannedNoticeQuerySet:
    """Return those of `found` that were sent in the last `days`, the most often sent first."""
    versions = NoticeVersion.objects.filter(notice__in=found.order_by().values("pk"))
    counts = _send_counts(versions, "notice", days)
    ids = sorted(counts, key=lambda notice: (-counts[notice], notice))
    return in_this_order(found, ids[:MOST])


def never_used(found: CannedNoticeQuerySet, *, days: int) -> CannedNoticeQuerySet:
    """Return those of `found` that are published and were not sent in the last `days`."""
    sent = _send_counts(NoticeVersion.objects.all(), "notice", days)
    return found.in_status(NoticeStatus.PUBLISHED).exclude(pk__in=list(sent))


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
