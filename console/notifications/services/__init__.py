"""All writes of matters, notifications and what people choose of them."""

from console.notifications.services.attempts import (
    Letter,
    Outcome,
    carrying_begin,
    carrying_end,
    letter_record,
    letters_take,
)
from console.notifications.services.choices import (
    preferences_update,
    stand_in_end,
    stand_in_name,
)
from console.notifications.services.gathering import matters_gather
from console.notifications.services.pressing import matters_press
from console.notifications.services.upkeep import (
    mail_test,
    matters_forget,
    notifications_drop_after_restore,
)

__all__ = [
    "Letter",
    "Outcome",
    "carrying_begin",
    "carrying_end",
    "letter_record",
    "letters_take",
    "mail_test",
    "matters_forget",
    "matters_gather",
    "matters_press",
    "notifications_drop_after_restore",
    "preferences_update",
    "stand_in_end",
    "stand_in_name",
]
