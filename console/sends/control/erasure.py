"""Writes erasures of personal data: on request, and when the retention time is over.

The ledger holds only salted digests of texts. Without text and salt a digest reveals nothing, and
the chain stays valid.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from console.actors import Actor, Permission, system_actor
from console.audit import services as audit
from console.audit.actions import Action
from console.database.clock import near_now
from console.errors import Conflict, NotFound
from console.exports.services import exports_withdraw
from console.interactions.models import Interaction
from console.interactions.services import interaction_blank
from console.sends.history.filling import history_forget
from console.sends.history_export import HISTORY
from console.sends.models import OPEN_STATUSES, Delivery, Evidence, LateAnswer, Send
from console.sends.proof import ledger
from console.text.inputs import read_line, require_given
from console.text.sentences import term

DELIVERIES_A_PART = 1000
KEEPER = system_actor("retention")


def interaction_erase(actor: Actor, *, interaction_id: str, why: str = "") -> int:
    """Erase a chat's customer data: sent texts with their salts, the name, the user data, and Chat
    Server's answers. Return how many deliveries were erased.

    `why` is recorded: a case number, nothing personal. Raises NotFound; Conflict if the chat is
    live, a delivery to it is still open, or nothing is left to erase.
    """
    actor.require(Permission.ADMINISTER)
    require_given(interaction_id, field="interaction")
    why = read_line(why, what=term("The reason (why)"), field="why")
    with transaction.atomic():
        chat = Interaction.objects.select_for_update().filter(pk=interaction_id).first()
        _hold_sends(interaction_id)
        deliveries = list(
            Delivery.objects.select_for_update().filter(interaction=interaction_id).order_by("pk")
        )
        _require_over(interaction_id, chat, deliveries)
        ids = [delivery.pk for delivery in deliveries if delivery.erased_at is None]
        had_data = interaction_blank(interaction_id)
        if not ids and not had_data:
            raise Conflict("already_erased", "Nothing is kept of this chat's customer any more.")
        _erase(ids, on_request=True, now=near_now())
        _erase_answers({delivery.send_id for delivery in deliveries})
        exports_withdraw(actor, subject=HISTORY.name)
        audit.record(
            actor,
            Action.INTERACTION_ERASED,
            target=("interaction", interaction_id, interaction_id),
            data={"deliveries": ids, **({"why": why} if why else {})},
        )
    return len(ids)


def _hold_sends(interaction_id: str) -> None:
    """Lock a chat's sends: their deliveries can't be locked while they move (history.resting)."""
    theirs = Delivery.objects.filter(interaction=interaction_id).values("send_id")
    sends = Send.objects.filter(pk__in=theirs).order_by("pk").select_for_update(no_key=True)
    list(sends.values_list("pk"))


def _require_over(
    interaction_id: str, chat: Interaction | None, deliveries: list[Delivery]
) -> None:
    if chat is None and not deliveries:
        raise NotFound(
            "interaction_not_found", "There is no chat {interaction}.", interaction=interaction_id
        )
    if chat is not None and chat.is_live:
        raise Conflict(
            "chat_is_live",
            "This chat is still live, and the feed would bring back what is erased. Erase it when "
            "it has ended.",
        )
    waiting = [delivery for delivery in deliveries if delivery.status in OPEN_STATUSES]
    if waiting:
        raise Conflict(
            "deliveries_waiting",
            "Send {send} has still something to bring to this chat. Stop that send or let it end, "
            "then erase.",
            send=waiting[0].send_id,
        )


def texts_expire(*, now: datetime | None = None) -> int:
    """Erase up to DELIVERIES_A_PART texts of one send whose retention time is over. Return how many
    sends may have texts left; 0 means that all is done."""
    if not settings.TEXT_RETENTION_DAYS:
        return 0
    now = now or near_now()
    limit = now - timedelta(days=settings.TEXT_RETENTION_DAYS)
    with transaction.atomic():
        due = Send.objects.filter(finished_at__lt=limit, texts_erased_at=None)
        send = due.select_for_update(skip_locked=True, no_key=True).order_by("finished_at").first()
        if send is None:
            return 0
        kept = Delivery.objects.select_for_update(no_key=True).filter(
            send=send, erased_at=None, finished_at__isnull=False
        )
        ids = [delivery.pk for delivery in kept.only("pk").order_by("pk")[:DELIVERIES_A_PART]]
        _erase(ids, on_request=False, now=now)
        if len(ids) < DELIVERIES_A_PART:
            send.texts_erased_at = now
            send.fields = {}
            send.save(update_fields=["texts_erased_at", "fields"])
        if ids:
            days = settings.TEXT_RETENTION_DAYS
            data = {"count": len(ids), "first": ids[0], "last": ids[-1], "kept_days": days}
            audit.record(KEEPER, Action.TEXTS_ERASED, target=ledger.send_target(send), data=data)
    return 1


def _erase_answers(sends: set[int]) -> None:
    """Erase a sender's answers with the last text in which they stand."""
    left = Delivery.objects.filter(send__in=sends, erased_at=None).values_list("send", flat=True)
    Send.objects.filter(pk__in=sends - set(left)).exclude(fields={}).update(fields={})


def _erase(ids: list[int], *, on_request: bool, now: datetime) -> None:
    """Blank these deliveries. All have ended: PostgreSQL would let an open one change further."""
    LateAnswer.objects.filter(delivery__in=ids).update(detail="", fault_text="", answer=None)
    Evidence.objects.filter(delivery__in=ids).update(remark="", remark_salt="")
    of_sends = Delivery.objects.filter(pk__in=ids).values_list("send_id", flat=True)
    history_forget(set(of_sends))
    Delivery.objects.filter(pk__in=ids, erased_at=None).update(
        body="",
        body_salt="",
        customer_name="",
        detail="",
        fault_text="",
        answer=None,
        erased_at=now,
        erased_on_request=on_request,
    )
