"""Writes how deliveries ended, in bulk, and only to rows that are as their drain left them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from msgspec import Struct

from console.audit.services import Record
from console.database.connections import Pipeline, array, execute_rows
from console.sends.models import Delivery, DeliveryStatus, Reason
from console.sends.proof import ledger
from console.sends.reasons import NOT_SENT_FOR, said
from console.text.sentences import read_stored, stored


class ClaimedDelivery(Struct, frozen=True, gc=False):
    """All that is needed to send one delivery and to record its outcome.

    `claim` is the claim of its batch; None while it is not claimed.
    """

    claim: UUID | None
    id: int
    send_id: int
    interaction_id: str
    method: str
    chat_server_name: str
    body: str
    body_salt: str
    attempts: int
    visibility: str
    nickname: str
    message_type: str
    kind: str
    last_detail: str
    user_data: dict[str, Any]
    notice_class: str = ""


class Ending(Struct, frozen=True, gc=False):
    """How a delivery ended. `answer` is Chat Server's answer, as JSON."""

    delivery: ClaimedDelivery
    status: DeliveryStatus
    reason: str = ""
    detail: str = ""
    reference_id: int | None = None
    fault_code: str = ""
    fault_text: str = ""
    answer: str | None = None

    @property
    def is_answered(self) -> bool:
        """Whether Chat Server answered the request, with or without contents."""
        return self.status == DeliveryStatus.DELIVERED or self.reason == Reason.REFUSED


class Postponement(Struct, frozen=True, gc=False):
    """A delivery of which nothing was written: it may be tried again at `due_at` (None: at once),
    within its time to live."""

    delivery: ClaimedDelivery
    due_at: datetime | None
    detail: str


# Rows are found by their ids, without joins: the plan is made once per connection, perhaps while
# the tables are nearly empty, and must still be right when they have grown. `answers` has each
# different answer once, and `which` says for each id which of them is its own. A skipped or
# cancelled retry wrote nothing, so its original may be retried again.
END = """
WITH ended AS (
    UPDATE ONLY sends_delivery d
    SET status = %(status)s, reason = %(reason)s, detail = %(detail)s,
        reference_id = (%(reference_ids)s::int[])[array_position(%(ids)s::bigint[], d.id)],
        fault_code = %(fault_code)s, fault_text = %(fault_text)s,
        answer = nullif(%(answers)s::jsonb
            -> (%(which)s::int[])[array_position(%(ids)s::bigint[], d.id)], 'null'),
        finished_at = clock_timestamp(),
        retry_of_id =
            CASE WHEN %(status)s::varchar NOT IN ('skipped', 'cancelled') THEN d.retry_of_id END
    WHERE d.id = ANY(%(ids)s::bigint[]) AND d.status = %(from_status)s
        AND d.claim IS NOT DISTINCT FROM %(claim)s::uuid
    RETURNING d.id),
gone AS (
    DELETE FROM sends_outbox WHERE delivery_id = ANY(ARRAY(SELECT id FROM ended))),
forgotten AS (
    DELETE FROM sends_claim WHERE id = ANY(%(settled)s::uuid[]))
SELECT id FROM ended
"""

POSTPONE = """
WITH back AS (
    UPDATE ONLY sends_delivery d
    SET status = 'pending', claim = NULL, detail = p.detail
    FROM unnest(%s::bigint[], %s::uuid[], %s::timestamptz[], %s::text[])
        AS p(id, claim, due_at, detail)
    WHERE d.id = p.id AND d.status = 'sending' AND d.claim = p.claim
    RETURNING d.id, p.due_at)
UPDATE sends_outbox o SET due_at = coalesce(back.due_at, clock_timestamp())
FROM back WHERE o.delivery_id = back.id
"""


def write_endings(
    endings: Sequence[Ending],
    *,
    from_status: DeliveryStatus,
    settled: Collection[UUID] = (),
) -> list[Ending]:
    """Write the endings of rows that are still as expected, and return those endings.

    A row in `sending` must still carry the delivery's claim; one in `pending` has none. `settled`
    are the claims to delete, as all of their deliveries have now ended.
    """
    statements = _end_statements(endings, from_status, settled)
    written = {pk for values in statements for (pk,) in execute_rows(END, values)}
    return [ending for ending in endings if ending.delivery.id in written]


class EndingsStarted:
    """Endings that are on their way to the database; see `write_endings`."""

    def __init__(
        self, pipeline: Pipeline, endings: Sequence[Ending], settled: Collection[UUID]
    ) -> None:
        statements = _end_statements(endings, DeliveryStatus.SENDING, settled)
        self._endings = endings
        self._started = [pipeline.start(END, values) for values in statements]

    def written(self) -> list[Ending]:
        """Return those that were written, once the pipeline has ended."""
        written = {pk for started in self._started for (pk,) in started.rows()}
        return [ending for ending in self._endings if ending.delivery.id in written]


def _end_statements(
    endings: Sequence[Ending], from_status: DeliveryStatus, settled: Collection[UUID]
) -> Iterator[dict[str, Any]]:
    """Yield the values of END for each group of endings."""
    if not endings and not settled:
        return
    is_claimed = from_status == DeliveryStatus.SENDING
    for common, each in _alike(endings, is_claimed=is_claimed) or [_NOTHING]:
        yield {
            **dict(zip(_COMMON, common, strict=True)),
            "from_status": from_status.value,
            "ids": array(each.ids),
            "reference_ids": array(each.reference_ids),
            "answers": f"[{','.join(each.answers)}]",
            "which": array(each.which),
            "settled": array(settled),
        }
        settled = ()


# What endings share by its name in END.
_COMMON = ("claim", "status", "reason", "detail", "fault_code", "fault_text")


class _Each(Struct):
    """What endings that share the rest have for themselves. `answers` are in order of `which`."""

    ids: list[int] = []
    reference_ids: list[int | None] = []
    which: list[int] = []
    answers: dict[str, int] = {}

    def add(self, ending: Ending) -> None:
        self.ids.append(ending.delivery.id)
        self.reference_ids.append(ending.reference_id)
        self.which.append(self.answers.setdefault(ending.answer or "null", len(self.answers)))


_Alike = tuple[tuple[Any, ...], _Each]
_NOTHING: _Alike = ((None, "", "", "", "", ""), _Each())


def _alike(endings: Sequence[Ending], *, is_claimed: bool) -> list[_Alike]:
    """Group endings that differ only in ids and answers. A step's mostly make one or two groups."""
    groups: dict[tuple[Any, ...], _Each] = {}
    for ending in endings:
        common = (
            ending.delivery.claim if is_claimed else None,
            ending.status.value,
            str(ending.reason) if ending.reason else "",
            stored(ending.detail),
            ending.fault_code[:100],
            ending.fault_text,
        )
        each = groups.get(common)
        if each is None:
            each = groups[common] = _Each()
        each.add(ending)
    return list(groups.items())


def ended_records(endings: Iterable[Ending]) -> list[Record]:
    """Return the ledger's entries of endings."""
    return list(ledger.deliveries_ended(map(_said, endings)))


def _said(ending: Ending) -> tuple[ledger.Together, dict[str, Any]]:
    delivery = ending.delivery
    together = (
        delivery.send_id,
        ending.status.value,
        delivery.chat_server_name,
        delivery.method,
        delivery.visibility,
    )
    return together, ledger.ended_delivery(
        delivery.id,
        delivery.interaction_id,
        delivery.attempts,
        delivery.body,
        delivery.body_salt,
        ending.reason,
        ending.reference_id,
        ending.fault_code,
    )


def write_postponements(postponements: Sequence[Postponement]) -> None:
    """Put claimed deliveries that were never written to the wire back, for later."""
    if postponements:
        with connection.cursor() as cursor:
            cursor.execute(
                POSTPONE,
                [
                    [item.delivery.id for item in postponements],
                    [item.delivery.claim for item in postponements],
                    [item.due_at for item in postponements],
                    [stored(item.detail) for item in postponements],
                ],
            )


def locked_rows(rows: QuerySet[Delivery], *, wait: bool = False) -> list[ClaimedDelivery]:
    """Lock and return the `rows` that nobody else has locked, or with `wait` all. Others may still
    refer to them, as retries and evidence do."""
    rows = rows.select_for_update(of=("self",), skip_locked=not wait, no_key=True)
    rows = rows.select_related("send")
    return [
        ClaimedDelivery(
            claim=row.claim,
            id=row.pk,
            send_id=row.send_id,
            interaction_id=row.interaction_id,
            method=row.method,
            chat_server_name=row.chat_server_name,
            body=row.body,
            body_salt=row.body_salt,
            attempts=row.attempts,
            visibility=row.send.visibility,
            nickname=row.send.nickname,
            message_type="",
            kind="",
            last_detail=row.detail,
            user_data={},
        )
        for row in rows.order_by("pk")
    ]


def expired(delivery: ClaimedDelivery, obstacle: str = "") -> Ending:
    """Return the ending of a delivery that was not sent within its time to live. It names the last
    obstacle, the delivery's own or its Chat Server's."""
    why = read_stored(delivery.last_detail) or obstacle
    detail = NOT_SENT_FOR(why=why) if why else said(Reason.NOT_SENT)
    return Ending(delivery, DeliveryStatus.FAILED, Reason.NOT_SENT, detail)
