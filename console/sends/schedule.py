"""When a send is to leave: times as people say them, in a zone of theirs."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from console.errors import InvalidInput

AHEAD = timedelta(days=366)


def zone_named(name: str) -> ZoneInfo:
    """A time zone by its IANA name. Raises InvalidInput for one that is unknown."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:  # a bad path, a folder, no such zone
        raise InvalidInput(
            "unknown_time_zone",
            f"{name[:64]!r} is no time zone: use a name such as Europe/Berlin or UTC.",
            {"field": "time_zone"},
        ) from error


def moment(at: datetime, time_zone: str = "") -> datetime:
    """The moment that is meant: `at` as it stands where it has an offset, else on the clocks of
    `time_zone`.

    Raises InvalidInput for a zone that is unknown or not said, and for a time that these clocks
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
    return _on_the_clocks(at, zone)


def _on_the_clocks(at: datetime, zone: ZoneInfo) -> datetime:
    first, second = (at.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    when = f"{at:%H:%M} on {at.day} {at:%B %Y}"
    if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != at:
        raise InvalidInput(
            "time_does_not_exist",
            f"{when} does not exist in {zone.key}: the clocks are put forward over it. Choose "
            "another time.",
            {"field": "scheduled_at"},
        )
    raise InvalidInput(
        "time_exists_twice",
        f"{when} comes twice in {zone.key}: the clocks are put back over it. Choose another time, "
        f"or say which by its offset: {first.isoformat()} or {second.isoformat()}.",
        {"field": "scheduled_at"},
    )


def require_near_future(scheduled_at: datetime, now: datetime) -> None:
    """Raise InvalidInput for a time that has passed or is too far ahead."""
    if scheduled_at <= now:
        raise InvalidInput(
            "scheduled_in_the_past", "That time has passed: choose a later one, or send now."
        )
    if scheduled_at > now + AHEAD:
        raise InvalidInput(
            "scheduled_too_late",
            f"That is more than {AHEAD.days} days ahead. Choose an earlier time.",
        )
