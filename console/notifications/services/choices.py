"""Writes what a person wants to hear of, and who hears it in their stead."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import transaction

from console.accounts.models import User
from console.actors import Actor
from console.audit import services as audit
from console.audit.actions import Action
from console.audit.state.kinds import told
from console.database.clock import database_now
from console.editing.revision import changes
from console.errors import Conflict, InvalidInput, NotFound, PermissionRefused
from console.notifications.kinds import KINDS
from console.notifications.models import Preferences, StandIn, Way
from console.notifications.states import preferences_state
from console.notifications.told import PREFERENCES, STAND_IN
from console.sends.plan.schedule import zone_named
from console.text.moments import moment_text

# How many stand-ins a person may have at a time and ahead, and for how long.
STAND_INS_MOST = 20
LONGEST = timedelta(days=366)


def preferences_update(
    actor: Actor,
    *,
    declined: Iterable[str],
    quiet_from: time | None = None,
    quiet_to: time | None = None,
    time_zone: str = "",
) -> Preferences:
    """Choose of what the acting person hears, in which ways, and when nobody disturbs them.

    `declined` has "kind way" for each way that they do not want. Raises InvalidInput for what is
    unknown, and for quiet hours with one end or without length.
    """
    person = _person(actor)
    given = _read_declined(declined)
    _require_hours(quiet_from, quiet_to)
    zone = zone_named(time_zone or settings.TIME_ZONE).key
    with transaction.atomic():
        person = User.objects.select_for_update(no_key=True).get(pk=person.pk)
        kept = Preferences.objects.filter(person=person).first()
        kept = kept or Preferences(person=person, time_zone=settings.TIME_ZONE)
        before = preferences_state(kept)
        kept.declined, kept.time_zone = given, zone
        kept.quiet_from, kept.quiet_to = quiet_from, quiet_to
        kept.save()
        changed = changes(before, preferences_state(kept))
        if changed:
            action = Action.USER_NOTIFICATIONS_CHANGED
            data = {**changed, **told((PREFERENCES, person.pk))}
            audit.record(actor, action, target=_target(person), data=data)
    return kept


def _read_declined(declined: Iterable[str]) -> list[str]:
    known = {f"{kind} {way}" for kind in KINDS for way in Way.values}
    given = sorted(set(declined))
    unknown = [each for each in given if each not in known]
    if unknown:
        raise InvalidInput(
            "unknown_kind_of_notification",
            "There is no {unknown}: choose kinds and ways of the list.",
            {"field": "declined"},
            unknown=unknown[0][:100],
        )
    return given


def _require_hours(quiet_from: time | None, quiet_to: time | None) -> None:
    if (quiet_from is None) != (quiet_to is None):
        raise InvalidInput(
            "quiet_hours_half",
            "Quiet hours need a beginning and an end: give both, or neither.",
            {"field": "quiet_to" if quiet_to is None else "quiet_from"},
        )
    if quiet_from is not None and quiet_from == quiet_to:
        raise InvalidInput(
            "quiet_hours_empty",
            "Quiet hours end at another time than they begin.",
            {"field": "quiet_to"},
        )


def stand_in_name(
    actor: Actor, *, stand_in: User, begins_at: datetime, ends_at: datetime
) -> StandIn:
    """Let somebody else hear, from `begins_at` to `ends_at`, what the acting person hears.

    The stand-in needs the permissions by which the person decides. Raises PermissionRefused if the
    person decides on nothing, or the stand-in may not; InvalidInput for times that do not fit.
    """
    person = _person(actor)
    _require_role(actor, person, stand_in)
    with transaction.atomic():
        now = database_now()
        _require_times(begins_at, ends_at, now)
        list(User.objects.filter(pk=person.pk).select_for_update(no_key=True))
        if StandIn.objects.filter(person=person, ends_at__gt=now).count() >= STAND_INS_MOST:
            raise Conflict(
                "too_many_stand_ins",
                "You have {limit} stand-ins already. End one first.",
                limit=STAND_INS_MOST,
            )
        made = StandIn.objects.create(
            person=person, stand_in=stand_in, begins_at=begins_at, ends_at=ends_at
        )
        _record(actor, Action.USER_STAND_IN_NAMED, made, made.pk)
    return made


def _require_role(actor: Actor, person: User, stand_in: User) -> None:
    needed = {kind.permission for kind in KINDS.values()} & actor.permissions
    if not needed:
        raise PermissionRefused(
            "nothing_to_decide", "Nothing waits for your decision, so you need no stand-in."
        )
    if stand_in.pk == person.pk:
        raise InvalidInput(
            "own_stand_in", "Name somebody else than yourself.", {"field": "stand_in"}
        )
    if not needed <= stand_in.to_actor().permissions:
        raise InvalidInput(
            "stand_in_without_role",
            "{name} may not decide on what waits for you. Name somebody with your role.",
            {"field": "stand_in"},
            name=stand_in,
        )


def _require_times(begins_at: datetime, ends_at: datetime, now: datetime) -> None:
    if ends_at <= begins_at or ends_at <= now:
        raise InvalidInput(
            "stand_in_ends_early",
            "The end lies after the beginning, and in the future.",
            {"field": "ends_at"},
        )
    if ends_at - min(begins_at, now) > LONGEST:
        raise InvalidInput(
            "stand_in_too_long",
            "A stand-in ends within {days} days: choose an earlier end.",
            {"field": "ends_at"},
            days=LONGEST.days,
        )


def stand_in_end(actor: Actor, stand_in_id: int) -> None:
    """End one of the acting person's own stand-ins now. Raises NotFound."""
    person = _person(actor)
    with transaction.atomic():
        now = database_now()
        rows = StandIn.objects.select_for_update().filter(person=person, ends_at__gt=now)
        found = rows.filter(pk=stand_in_id).first()
        if found is None:
            raise NotFound("stand_in_not_found", "You have no such stand-in any more.")
        if found.begins_at < now:
            found.ends_at = now
            found.save(update_fields=["ends_at"])
        else:
            StandIn.objects.filter(pk=found.pk).delete()
        _record(actor, Action.USER_STAND_IN_ENDED, found, stand_in_id)


def _record(actor: Actor, action: Action, row: StandIn, pk: int) -> None:
    data = {
        "stand_in": row.stand_in.username,
        "begins_at": moment_text(row.begins_at),
        "ends_at": moment_text(row.ends_at),
        **told((STAND_IN, pk)),
    }
    audit.record(actor, action, target=_target(row.person), data=data)


def _person(actor: Actor) -> User:
    """Return the person who acts. Raises PermissionRefused for a program and the console itself."""
    kind, _colon, key = actor.ref.partition(":")
    found = User.objects.filter(pk=key, is_active=True).first() if kind == "user" else None
    if found is None:
        raise PermissionRefused("only_people", "Only a person chooses this, for themselves.")
    return found


def _target(person: User) -> audit.Target:
    return "user", person.pk, person.username
