"""What a person has chosen, as plain data, for the ledger."""

from console.editing.revision import State
from console.notifications.models import Preferences


def preferences_state(preferences: Preferences) -> State:
    return {
        "declined": sorted(preferences.declined),
        "quiet_from": _clock(preferences.quiet_from),
        "quiet_to": _clock(preferences.quiet_to),
        "time_zone": preferences.time_zone,
    }


def _clock(at: object) -> str:
    return "" if at is None else str(at)[:5]
