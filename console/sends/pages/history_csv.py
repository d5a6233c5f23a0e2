"""The history as CSV, for spreadsheets, read in batches whatever its length."""

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db.models import QuerySet
from django.utils import timezone

from console.sends.history.search import Found
from console.sends.models import Delivery

BATCH = 500
# Characters that make spreadsheets read a cell as a formula, even after blanks, and their wide
# forms.
FORMULA = tuple("=+-@\t\r＝＋－＠")
# Without it Excel does not recognise UTF-8.
BYTE_ORDER_MARK = "\ufeff"
COLUMNS = (
    *("delivery", "send", "created_at", "attempted_at", "finished_at", "status", "reason"),
    *("detail", "notice", "version", "visibility", "nickname", "interaction", "customer_name"),
    *("locale", "body", "chat_server", "sent_by", "why", "approved_by", "attempts"),
    *("reference_id", "fault_code", "fault_text", "resolution", "resolved_by", "contested"),
)


def rows_as_csv(rows: Found | QuerySet[Delivery]) -> Iterator[bytes]:
    """Yield the deliveries of `rows` that exist at the start as parts of CSV, newest first. No
    transaction stays open during the download."""
    first = rows.first()
    newest = None if first is None else first.pk
    yield BYTE_ORDER_MARK.encode() + _lines([COLUMNS])
    below = None if newest is None else newest + 1
    while below is not None:
        batch = list(rows.filter(pk__lt=below).prefetch_related("resolution")[:BATCH])
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
        *_resolution(delivery),
    )


def _resolution(delivery: Delivery) -> Sequence[object]:
    """Return what evidence says of an unknown delivery, whose it is, and whether other evidence
    differs."""
    found = getattr(delivery, "resolution", None)
    if found is None:
        return "", "", ""
    return found.verdict, found.source, "yes" if found.is_contested else "no"


def _lines(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([map(cell, row) for row in rows])
    return text.getvalue().encode()


def cell(value: object) -> str:
    """Return a value as a cell: times in the console's zone with offset, formulas disarmed."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    text = str(value)
    if isinstance(value, str) and text.lstrip(" \u00a0\u3000\n\v\f").startswith(FORMULA):
        return f"'{text}"
    return text
