"""Reads what was sent to one chat, over all its Chat Servers, and what waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Value, When, prefetch_related_objects

from console.actors import Actor, Permission
from console.interactions.models import Interaction
from console.interactions.selectors import require_seen
from console.sends.evidence_models import Resolution
from console.sends.models import OPEN_STATUSES, Delivery, DeliveryStatus
from console.sends.selectors import readable

# The newest; the history has the rest.
SHOWN_MOST = 100
# What becomes known of unknown deliveries alone.
LEARNT = ("late_answers", "evidence__late_answer", "evidence__replaced_by")


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery to the chat. All who see the chat know of it: who sent it, to whom it is shown,
    and its outcome. `notice_key` and `title` are "" for those who see neither the notice, which is
    of another team, nor its text. `delivery`, with the text and all else, is for those who may read
    it in the history; None for others.

    `due_at` is when it may leave, None if it has ended.
    """

    at: datetime
    number: int
    notice_key: str
    title: str
    kind: str
    visibility: str
    sender: str
    status: str
    chat_server_name: str
    attempted_at: datetime | None
    finished_at: datetime | None
    due_at: datetime | None
    resolution: Resolution | None
    is_test: bool
    delivery: Delivery | None

    @property
    def key(self) -> str:
        """What tells it from the chat's other deliveries, for a page that changes in place."""
        return f"{self.at.isoformat()} {self.number}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_STATUSES


def chat_timeline(actor: Actor, chat: Interaction) -> list[Sent]:
    """Return the newest deliveries to a chat that the actor sees, newest first. Raises NotFound for
    a chat that the actor does not see."""
    actor.require(Permission.VIEW_INTERACTIONS)
    require_seen(actor, chat)
    may_read = readable(actor, "send__")
    always = Value(True)
    found = (
        Delivery.objects.filter(interaction=chat)
        .select_related("send__version__notice", "resolution", "outbox")
        .annotate(may_read=Case(When(may_read, then=always), default=False) if may_read else always)
        .order_by("-pk")
    )
    shown = list(found[:SHOWN_MOST])
    unknown = [each for each in shown if each.status == DeliveryStatus.UNKNOWN]
    prefetch_related_objects(unknown, *LEARNT)
    return [_sent(actor, delivery) for delivery in shown]


def followed_sends(timeline: Sequence[Sent]) -> list[int]:
    """Return the newest sends of which the actor may hear and may still hear something new."""
    ids = [
        each.delivery.send_id
        for each in timeline
        if each.delivery is not None and (each.is_open or each.status == "unknown")
    ]
    return list(dict.fromkeys(ids))


def _sent(actor: Actor, delivery: Delivery) -> Sent:
    send = delivery.send
    notice = send.version.notice
    may_read: bool = delivery.may_read  # type: ignore[attr-defined]
    is_seen = may_read or actor.sees_team(notice.team_id)
    outbox = getattr(delivery, "outbox", None)
    return Sent(
        at=delivery.created_at,
        number=delivery.pk,
        notice_key=notice.key if is_seen else "",
        title=notice.title if is_seen else "",
        kind=notice.kind,
        visibility=send.visibility,
        sender=send.actor_name,
        status=delivery.status,
        chat_server_name=delivery.chat_server_name,
        attempted_at=delivery.attempted_at,
        finished_at=delivery.finished_at,
        due_at=outbox.due_at if outbox is not None else None,
        resolution=getattr(delivery, "resolution", None),
        is_test=send.is_test,
        delivery=delivery if may_read else None,
    )
