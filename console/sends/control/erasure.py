"""Writes erasures of personal data on request. Those in time are in `retention`.

The ledger holds only salted digests of texts. Without text and salt a digest reveals nothing, and
the chain stays valid.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import connection, transaction

from console.actors import Actor, Permission
from console.audit import services as audit
from console.audit.actions import Action
from console.database.clock import near_now
from console.errors import Conflict, NotFound
from console.exports.services import exports_withdraw
from console.interactions.models import Interaction
from console.interactions.services import interaction_blank
from console.sends.history.customers import customers_forget
from console.sends.history.filling import history_forget
from console.sends.history_export import HISTORY
from console.sends.models import OPEN_STATUSES, Delivery, Send
from console.text.inputs import read_line, require_given
from console.text.sentences import term

# With the ids as one value: to read a statement that names a thousand takes longer than the work.
BLANK = (
    """
    UPDATE sends_lateanswer SET detail = '', fault_text = '', answer = NULL
    WHERE delivery_id = ANY(%(ids)s::bigint[])
    """,
    """
    UPDATE sends_evidence SET remark = '', remark_salt = ''
    WHERE delivery_id = ANY(%(ids)s::bigint[])
    """,
    """
    UPDATE sends_delivery
    SET body = '', body_salt = '', customer_name = '', detail = '', fault_text = '', answer = NULL,
        erased_at = %(now)s, erased_on_request = %(on_request)s
    WHERE id = ANY(%(ids)s::bigint[]) AND erased_at IS NULL
    """,
)


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
        sends = {delivery.send_id for delivery in deliveries}
        blank(ids, sends, on_request=True, now=near_now())
        _erase_answers(sends)
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


def _erase_answers(sends: set[int]) -> None:
    """Erase a sender's answers with the last text in which they stand."""
    left = Delivery.objects.filter(send__in=sends, erased_at=None).values_list("send", flat=True)
    Send.objects.filter(pk__in=sends - set(left)).exclude(fields={}).update(fields={})


def blank(ids: Collection[int], sends: Collection[int], *, on_request: bool, now: datetime) -> None:
    """Erase the texts of these deliveries, and the parts of their sends in the history's search.
    All have ended: PostgreSQL would let an open one change further."""
    history_forget(sends)
    with connection.cursor() as cursor:
        for statement in BLANK:
            cursor.execute(statement, {"ids": list(ids), "now": now, "on_request": on_request})
    customers_forget(ids)
