"""What the ledger tells of stand-ins and of what people chose (console.audit.state.kinds)."""

from console.audit.actions import Action
from console.audit.state.kinds import Kind, Row, declare, pass_over
from console.notifications.models import Preferences, StandIn


def _is_unchosen(row: Row) -> bool:
    return not row["declined"] and row["quiet_from"] is None


PREFERENCES = declare(
    Kind(
        name="preferences",
        label="choice of notifications",
        model=Preferences,
        made_by=frozenset(),
        fields=("declined", "quiet_from", "quiet_to"),
        passed_over={"time_zone": "whose clocks the quiet hours mean"},
        older=lambda chosen: [
            ("user", str(chosen.person_id), {"action": Action.USER_NOTIFICATIONS_CHANGED})
        ],
        # Whoever saves what is chosen already makes a row, and no entry.
        is_first=_is_unchosen,
    )
)
STAND_IN = declare(
    Kind(
        name="stand_in",
        label="stand-in",
        model=StandIn,
        made_by=frozenset({Action.USER_STAND_IN_NAMED}),
        fields=("person_id", "stand_in_id", "begins_at", "ends_at"),
        passed_over={},
        older=lambda row: [
            (
                "user",
                str(row.person_id),
                {
                    "action": Action.USER_STAND_IN_NAMED,
                    "data__stand_in": row.stand_in.username,
                },
            )
        ],
    )
)

pass_over(
    {
        "notifications.Mark": "which entries were told",
        "notifications.Matter": "derived: made out of entries",
        "notifications.Notification": "which mails left, for some weeks",
    }
)
