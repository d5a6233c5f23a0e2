"""Who hears of a matter: those who may decide on it, as each has chosen, and their stand-ins."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from console.accounts.models import User
from console.actors import Actor
from console.notifications.kinds import Kind, roles_with
from console.notifications.models import Matter, Preferences, StandIn, Way


@dataclass(frozen=True)
class Hearer:
    """A person who is told; in the stead of `absent`, if that is somebody."""

    person: User
    absent: User | None = None


class Deciders:
    """The people who may decide on some matters of one kind at one moment."""

    def __init__(self, kind: Kind, matters: Sequence[Matter], now: datetime) -> None:
        self._kind = kind
        self._refs = {matter.ref for matter in matters}
        self._now = now
        self._decidable: dict[int, set[str]] = {}

    @cached_property
    def _people(self) -> list[User]:
        roles = roles_with(self._kind.permission)
        found = User.objects.filter(is_active=True, roles__overlap=roles)
        return list(found.select_related("preferences").order_by("pk"))

    @cached_property
    def _stand_ins(self) -> Mapping[int, list[StandIn]]:
        rows = StandIn.objects.filter(begins_at__lte=self._now, ends_at__gt=self._now)
        found = defaultdict[int, list[StandIn]](list)
        for row in rows.select_related("stand_in__preferences", "person"):
            found[row.person_id].append(row)
        return found

    def all_of(self, matter: Matter) -> list[User]:
        """Return everybody who may decide on the matter."""
        return [person for person in self._people if self._may(person, matter.ref)]

    def hearers(self, matter: Matter, way: Way) -> list[Hearer]:
        """Return who of them wants to hear of it in this way, then the stand-ins of these.

        A stand-in hears only of what they may decide on themselves.
        """
        wanting = [
            person
            for person in self.all_of(matter)
            if preferences_of(person).wants(matter.kind, way)
        ]
        found = {person.pk: Hearer(person) for person in wanting}
        for absent in wanting:
            for row in self._stand_ins.get(absent.pk, ()):
                if row.stand_in_id not in found and self._may(row.stand_in, matter.ref):
                    found[row.stand_in_id] = Hearer(row.stand_in, absent)
        return list(found.values())

    def _may(self, person: User, ref: str) -> bool:
        if person.pk not in self._decidable:
            self._decidable[person.pk] = decidable_by(person, self._kind, self._refs)
        return ref in self._decidable[person.pk]


def decidable_by(person: User, kind: Kind, refs: Collection[str]) -> set[str]:
    """Return on which of these matters the person may decide now."""
    return decidable(person.to_actor(), kind, refs)


def decidable(actor: Actor, kind: Kind, refs: Collection[str] | None) -> set[str]:
    return kind.decidable(actor, refs) if actor.may(kind.permission) else set()


def preferences_of(person: User) -> Preferences:
    """Return what the person has chosen, or the unsaved default."""
    found = getattr(person, "preferences", None)
    return found if isinstance(found, Preferences) else Preferences(person=person)


def due_at(kind: Kind, chosen: Preferences, now: datetime) -> datetime:
    """Return when the person may be told: now, or at the end of their quiet hours."""
    if kind.is_urgent or chosen.quiet_from is None or chosen.quiet_to is None:
        return now
    zone = ZoneInfo(chosen.time_zone)
    local = now.astimezone(zone)
    if not _is_within(local.time(), chosen.quiet_from, chosen.quiet_to):
        return now
    end = local.replace(
        hour=chosen.quiet_to.hour, minute=chosen.quiet_to.minute, second=0, microsecond=0
    )
    if end <= local:
        end += timedelta(days=1)
    return end.astimezone(now.tzinfo)


def _is_within(at: time, begin: time, end: time) -> bool:
    if begin < end:
        return begin <= at < end
    return at >= begin or at < end  # over midnight


def by_kind(matters: Iterable[Matter]) -> dict[str, list[Matter]]:
    found = defaultdict[str, list[Matter]](list)
    for matter in matters:
        found[matter.kind].append(matter)
    return dict(found)
