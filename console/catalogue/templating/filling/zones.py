"""Time zones by their names."""

from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

LENGTH = 64


# Names in the database that are not places: the machine's own setting, and a placeholder.
NO_ZONES = frozenset(("Factory", "localtime"))


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones()) - NO_ZONES


def zone_named(name: object) -> ZoneInfo | None:
    """Return a zone of the IANA database by its name, such as Europe/Berlin, or None."""
    if not isinstance(name, str) or len(name) > LENGTH:
        return None
    return _zone(name.strip())


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name in _names() else None
