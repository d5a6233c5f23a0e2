"""The history as a list that can be exported (console.exports)."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from console.actors import Actor, Permission
from console.audit.actions import Action
from console.exports.files.cells import Row
from console.exports.subjects import Subject, count_rows
from console.sends.history.search import Found
from console.sends.history_filter import DeliveryFilter
from console.sends.models import Delivery
from console.sends.selectors import deliveries_visible, history_search

COLUMNS = (
    *("delivery", "send", "created_at", "attempted_at", "finished_at", "status", "reason"),
    *("detail", "notice", "version", "visibility", "nickname", "interaction", "customer_name"),
    *("locale", "body", "chat_server", "sent_by", "why", "approved_by", "attempts"),
    *("reference_id", "fault_code", "fault_text", "resolution", "resolved_by", "contested"),
)


def _read_filter(raw: Mapping[str, Any]) -> dict[str, str]:
    return DeliveryFilter.from_mapping(raw).to_mapping()


def _rows(actor: Actor, chosen: Mapping[str, str]) -> Found | QuerySet[Delivery]:
    found = history_search(actor, DeliveryFilter.from_mapping(chosen))
    return found.prefetch_related("resolution")


def _planned(actor: Actor, chosen: Mapping[str, str]) -> QuerySet[Delivery]:
    asked = DeliveryFilter.from_mapping(chosen)
    return deliveries_visible(actor).filter(asked.to_condition())


def _count(rows: Found | QuerySet[Delivery], most: int) -> int:
    return rows.count_to(most) if isinstance(rows, Found) else count_rows(rows, most)


def _row(delivery: Delivery) -> Row:
    send = delivery.send
    return (
        *(delivery.pk, send.pk, delivery.created_at, delivery.attempted_at, delivery.finished_at),
        *(delivery.status, delivery.reason, delivery.detail),
        *(send.version.notice.key, send.version.number, send.visibility, send.nickname),
        *(delivery.interaction_id, delivery.customer_name, delivery.locale, delivery.body),
        *(delivery.chat_server_name, send.actor_name, send.why, send.approved_by_name),
        *(delivery.attempts, delivery.reference_id, delivery.fault_code, delivery.fault_text),
        *_resolution(delivery),
    )


def _resolution(delivery: Delivery) -> Sequence[object]:
    """Return what evidence says of an unknown delivery, whose it is, and whether other evidence
    differs."""
    found = getattr(delivery, "resolution", None)
    if found is None:
        return "", "", ""
    return found.verdict, found.source, "yes" if found.is_contested else "no"


HISTORY = Subject(
    name="history",
    label=_("History"),
    permission=Permission.VIEW_HISTORY,
    columns=COLUMNS,
    read_filter=_read_filter,
    model=Delivery,
    rows=_rows,
    planned=_planned,
    count=_count,
    row=_row,
    action=Action.HISTORY_EXPORTED,
    target=("history", "", "the history"),
)
