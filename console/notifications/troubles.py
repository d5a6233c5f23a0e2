"""What is wrong with mail and channels, in words, for /readyz and Operations."""

from collections.abc import Sequence
from datetime import timedelta

from console.database.clock import database_now
from console.notifications.models import Notification, Status
from console.notifications.selectors import oldest_due
from console.text.sentences import Sentence

LATE_SECONDS = 600.0
FAILED_WITHIN = timedelta(hours=1)


def notification_troubles() -> Sequence[Sentence]:
    now = database_now()
    late = [
        seconds
        for due in oldest_due().values()
        if (seconds := (now - due).total_seconds()) > LATE_SECONDS
    ]
    found = []
    if late:
        found.append(
            Sentence(
                "notifications_late",
                "A mail or a message to a channel has not left for {seconds:.0f} s. The page Mail "
                "says why.",
                seconds=max(late),
            )
        )
    ended = Notification.objects.filter(ended_at__gt=now - FAILED_WITHIN)
    number = ended.filter(status__in=[Status.FAILED, Status.UNKNOWN]).count()
    if number:
        found.append(
            Sentence(
                "notifications_failed",
                "In the last hour {number} mails or messages to channels have failed or are "
                "unknown. The page Mail says why.",
                number=number,
            )
        )
    return found
