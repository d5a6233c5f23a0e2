"""When a send is to leave: times as people write them, in a time zone."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from console.catalogue.templating.filling import zones
from console.errors import InvalidInput
from console.text.moments import on_clocks

AHEAD = timedelta(days=366)


def zone_named(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name. Raises InvalidInput if it is unknown."""
    zone = zones.zone_named(name)
    if zone is None:
        raise InvalidInput(
            "unknown_time_zone",
            "{name!r} is no time zone: use a name such as Europe/Berlin or UTC.",
            {"field": "time_zone"},
            name=name[:64],
        )
    return zone


def moment(at: datetime, time_zone: str = "") -> datetime:
    """Return `at` as an aware time: unchanged if it has an offset, else on the clocks of
    `time_zone`.

    Raises InvalidInput for a zone that is unknown or missing, and for a time that these clocks
    never show, or show twice, on the days when they are changed.
    """
    zone = zone_named(time_zone) if time_zone else None
    if at.tzinfo is not None:
        return at
    if zone is None:
        raise InvalidInput(
            "time_zone_missing",
            "That time has no zone. Add its offset, as in 2026-01-31T12:00:00+01:00, or say the "
            "time_zone.",
            {"field": "scheduled_at"},
        )
    return on_clocks(at, zone, field="scheduled_at")


def require_near_future(scheduled_at: datetime, now: datetime) -> None:
    """Raise InvalidInput for a time that has passed or is too far ahead."""
    if scheduled_at <= now:
        raise InvalidInput(
            "scheduled_in_the_past", "That time has passed: choose a later one, or send now."
        )
    if scheduled_at > now + AHEAD:
        raise InvalidInput(
            "scheduled_too_late",
            "That is more than {days} days ahead. Choose an earlier time.",
            days=AHEAD.days,
        )
