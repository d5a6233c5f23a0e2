"""Time zones by their names."""

from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

LENGTH = 64


# In the database, and no place's: what this machine is set to, and what nobody has set.
NO_ZONES = frozenset(("Factory", "localtime"))


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - NO_ZONES


def zone_named(name: object) -> ZoneInfo | None:
    """The zone of that name in the IANA database, as Europe/Berlin; None where there is none."""
    if not isinstance(name, str) or len(name) > LENGTH:
        return None
    return _zone(name.strip())


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in _names() else None
