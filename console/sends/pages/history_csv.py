"""The history as CSV, for spreadsheets: a batch at a time, whatever its length."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from console.sends.models import Delivery

BATCH = 500
# What makes spreadsheets take a cell for a formula, also behind blanks; and its wide forms.
FORMULA = tuple("=+-@\t\r＝＋－＠")
# Without it Excel takes UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"
COLUMNS = (
    *("delivery", "send", "created_at", "attempted_at", "finished_at", "status", "reason"),
    *("detail", "notice", "version", "visibility", "nickname", "interaction", "customer_name"),
    *("locale", "body", "chat_server", "sent_by", "why", "approved_by", "attempts"),
    *("reference_id", "fault_code", "fault_text"),
)


def rows_as_csv(rows: QuerySet[Delivery]) -> Iterator[bytes]:
    """The deliveries of `rows`, the newest first, in parts of CSV; those that are there at the
    start. No transaction is held while somebody downloads."""
    newest = rows.values_list("pk", flat=True).first()
    yield BYTE_ORDER_MARK.encode() + _lines([COLUMNS])
    below = None if newest is None else newest + 1
    while below is not None:
        batch = list(rows.filter(pk__lt=below)[:BATCH])
        if batch:
            yield _lines([_row(delivery) for delivery in batch])
        below = batch[-1].pk if len(batch) == BATCH else None


def _row(delivery: Delivery) -> Sequence[object]:
    send = delivery.send
    return (
        *(delivery.pk, send.pk, delivery.created_at, delivery.attempted_at, delivery.finished_at),
        *(delivery.status, delivery.reason, delivery.detail),
        *(send.version.notice.key, send.version.number, send.visibility, send.nickname),
        *(delivery.interaction_id, delivery.customer_name, delivery.locale, delivery.body),
        *(delivery.chat_server_name, send.actor_name, send.why, send.approved_by_name),
        *(delivery.attempts, delivery.reference_id, delivery.fault_code, delivery.fault_text),
    )


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([map(cell, row) for row in rows])
    return text.getvalue().encode()


def cell(value: object) -> str:
    """A value as a cell: times in the console's zone with their offset, and no text a formula."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    text = str(value)
    if isinstance(value, str) and text.lstrip(" \u00a0\u3000\n\v\f").startswith(FORMULA):
        return f"'{text}"
    return text
