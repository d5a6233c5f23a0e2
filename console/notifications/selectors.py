"""Reads of what waits for somebody, and of whether mail works."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce

from console.accounts.models import User
from console.actors import Actor, Permission
from console.database.built import Part, count_of, first_of, numbers
from console.database.marking import marked
from console.notifications.audience import by_kind, decidable
from console.notifications.kinds import KINDS, kinds_of, roles_with
from console.notifications.models import (
    Matter,
    Notification,
    Preferences,
    Route,
    StandIn,
    Status,
)

SHOWN = 50
# Names in `waiting_parts`.
WAITING, NEWEST = "waiting", "newest"


def waiting_for(actor: Actor) -> list[Matter]:
    """Return the matters on which the actor may decide now, newest first."""
    names = [kind.name for kind in kinds_of(actor)]
    found = list(Matter.objects.filter(kind__in=names, ended_at=None).order_by("-pk"))
    may = {
        name: decidable(actor, KINDS[name], {matter.ref for matter in some})
        for name, some in by_kind(found).items()
    }
    return [matter for matter in found if matter.ref in may[matter.kind]]


def matters_waiting(actor: Actor) -> QuerySet[Matter]:
    """Return the same matters, for a list with pages."""
    ids = [matter.pk for matter in waiting_for(actor)]
    return Matter.objects.filter(pk__in=ids).order_by("-pk")


def waiting_parts(actor: Actor) -> dict[str, Part]:
    """Return what `heard` reads, as parts of a statement that a page may have more in."""
    kinds = kinds_of(actor)
    if not kinds:
        return {}
    newest = Matter.objects.filter(kind__in=[kind.name for kind in kinds]).order_by("-pk")
    return {
        **{f"{WAITING} {kind.name}": count_of(kind.queue(actor)) for kind in kinds},
        NEWEST: first_of(newest.values("pk")),
    }


@dataclass(frozen=True, slots=True)
class Heard:
    """How much waits for the actor, by what the pages of these decisions show, and the number of
    the newest matter of their kinds: 0 if there is none."""

    total: int
    newest: int


def heard_in(numbers: Mapping[str, int]) -> Heard:
    """Return what the numbers of `waiting_parts` say."""
    return Heard(
        sum(number for name, number in numbers.items() if name.startswith(f"{WAITING} ")),
        numbers.get(NEWEST, 0),
    )


def heard(actor: Actor) -> Heard:
    """Return how much waits for the actor. One query."""
    who = marked(actor)
    return heard_in(numbers(("heard", who.key), lambda: waiting_parts(who.actor), who.values))


def own_preferences(actor: Actor) -> Preferences:
    """Return what the acting person has chosen, or the unsaved default."""
    found = Preferences.objects.filter(person=_own_id(actor)).first()
    return found or Preferences()


def own_stand_ins(actor: Actor, now: datetime) -> QuerySet[StandIn]:
    """Return the acting person's stand-ins that are not over."""
    found = StandIn.objects.filter(person=_own_id(actor), ends_at__gt=now)
    return found.select_related("stand_in")


def stands_in_for(actor: Actor, now: datetime) -> QuerySet[StandIn]:
    """Return in whose stead the acting person hears now, or will."""
    found = StandIn.objects.filter(stand_in=_own_id(actor), ends_at__gt=now)
    return found.select_related("person")


def stand_in_choices(actor: Actor) -> QuerySet[User]:
    """Return whom the acting person may name as a stand-in: everybody who decides as they do."""
    needed = {kind.permission for kind in kinds_of(actor)}
    found = User.objects.filter(is_active=True).exclude(pk=_own_id(actor))
    if not needed:
        return found.none()
    for permission in needed:
        found = found.filter(roles__overlap=roles_with(permission))
    return found.order_by("username")


def _own_id(actor: Actor) -> int:
    kind, _colon, key = actor.ref.partition(":")
    return int(key) if kind == "user" and key.isdecimal() else 0


# --- Whether mail works, for administrators -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RouteState:
    """What became of what left on a route, or to one channel. `error` is the last one, if nothing
    was sent since."""

    name: str
    waiting: int
    failed: int
    unknown: int
    sent_at: datetime | None
    error: str
    error_at: datetime | None


def mail_state(actor: Actor) -> RouteState:
    actor.require(Permission.ADMINISTER)
    return _state("", Notification.objects.filter(route=Route.MAIL))


def channel_states(actor: Actor) -> list[RouteState]:
    """Return the state of each channel of the settings, by name, without its address."""
    actor.require(Permission.ADMINISTER)
    return [
        _state(name, Notification.objects.filter(route=Route.CHANNEL, channel=name))
        for name in sorted(settings.CHANNELS)
    ]


def _state(name: str, rows: QuerySet[Notification]) -> RouteState:
    found = rows.aggregate(
        waiting=Count("pk", filter=Q(status__in=[Status.WAITING, Status.SENDING])),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
        unknown=Count("pk", filter=Q(status=Status.UNKNOWN)),
        sent_at=Max("ended_at", filter=Q(status=Status.SENT)),
    )
    # What waits after a failure has its error, too.
    bad = rows.exclude(error="").exclude(status=Status.SENT)
    last = bad.order_by(Coalesce("taken_at", "ended_at").desc(), "-pk").first()
    at = None if last is None else last.taken_at or last.ended_at
    is_over = at is not None and found["sent_at"] is not None and at <= found["sent_at"]
    if last is None or is_over:
        return RouteState(name=name, error="", error_at=None, **found)
    return RouteState(name=name, error=last.error, error_at=at, **found)


def recent_troubles(actor: Actor) -> QuerySet[Notification]:
    """Return what has failed, is unknown or waits after a failure, newest first."""
    actor.require(Permission.ADMINISTER)
    found = Notification.objects.exclude(error="").exclude(status=Status.SENT)
    return found.select_related("person", "matter").order_by("-pk")[:SHOWN]


def deciders_without_address(actor: Actor) -> QuerySet[User]:
    """Return active people who may decide on something and have no mail address."""
    actor.require(Permission.ADMINISTER)
    roles = {role for kind in KINDS.values() for role in roles_with(kind.permission)}
    found = User.objects.filter(is_active=True, email="", roles__overlap=sorted(roles))
    return found.order_by("username")


def oldest_due() -> dict[str, datetime]:
    """Return since when the oldest notification of each route has been due and has not left."""
    rows = Notification.objects.filter(status__in=[Status.WAITING, Status.SENDING])
    found = rows.order_by().values_list("route").annotate(Min("first_due_at"))
    return dict(found)
