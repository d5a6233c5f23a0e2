"""The setting of the contact budget: how many customer-visible notices a chat gets in how many
minutes (docs/control.md)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from console.site import environment as env

# A test keeps these equal to the classes of notices, which need Django's models.
LIMITED = ("important", "routine")
NEVER_LIMITED = "safety"
MOST_NOTICES = 1000
MOST_MINUTES = 10_080
ENTRY = re.compile(r"([a-z]+)=([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ContactLimit:
    """At most `number` notices in `minutes` for each chat."""

    number: int
    minutes: int


def contact_budget(raw: str) -> dict[str, ContactLimit]:
    """Convert the limits of classes, such as `routine=2/15 important=3/15`.

    Raises ValueError for a class that has none, or two limits.
    """
    found: dict[str, ContactLimit] = {}
    for entry in raw.split():
        read = ENTRY.fullmatch(entry)
        if read is None:
            raise ValueError("set it to class=notices/minutes, such as routine=2/15 important=3/15")
        name, number, minutes = read[1], int(read[2]), int(read[3])
        if name == NEVER_LIMITED:
            raise ValueError(
                "a safety notice is never held back, so take safety out; limit important and "
                "routine notices"
            )
        if name not in LIMITED:
            raise ValueError(f"{name!r} is no class with a limit: use {' and '.join(LIMITED)}")
        if name in found:
            raise ValueError(f"{name} has two limits: keep one")
        if not (1 <= number <= MOST_NOTICES and 1 <= minutes <= MOST_MINUTES):
            raise ValueError(
                f"set the limit of {name} to 1 to {MOST_NOTICES:,} notices in 1 to "
                f"{MOST_MINUTES:,} minutes"
            )
        found[name] = ContactLimit(number, minutes)
    return found


def read_contact_budget() -> Mapping[str, ContactLimit]:
    """Read the setting from the environment; no limits by default."""
    return env.read("CONSOLE_CONTACT_BUDGET", contact_budget, dict[str, ContactLimit]())
