"""Writes evidence of how unknown deliveries ended, and what stands by it, in the caller's
transaction.

The deliveries stay `unknown`, as they were recorded. Evidence is added and never changed. What the
evidence that stands says is the delivery's resolution. A retry that still waits is skipped once
there is evidence that its original was delivered.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from console.audit.actions import Action
from console.audit.chain import text_digest
from console.audit.services import Record
from console.database import notifications
from console.sends.engine.outcomes import Ending, ended_records, locked_rows, write_endings
from console.sends.evidence_models import Evidence, Resolution, Source, Verdict
from console.sends.models import Delivery, DeliveryStatus
from console.sends.proof.ledger import DELIVERIES_AN_ENTRY
from console.sends.reasons import ARRIVED_AFTER_ALL, Reason

# The strongest first: Chat Server knows what it did, and a line is in the transcript.
STRENGTH = [source.value for source in Source]


def lock_unknown(ids: Collection[int]) -> dict[int, Delivery]:
    """Lock and return those of these deliveries that ended as unknown, by id."""
    rows = Delivery.objects.select_for_update(no_key=True).filter(
        pk__in=ids, status=DeliveryStatus.UNKNOWN
    )
    return {row.pk: row for row in rows.order_by("pk")}


def evidence_write(found: Sequence[Evidence]) -> list[Record]:
    """Write evidence of deliveries that the caller has locked, and return the ledger's entries of
    it and of the retries that are skipped for it. The caller writes them last, since all share the
    ledger's lock."""
    if not found:
        return []
    Evidence.objects.bulk_create(found)
    standing = _standing([each.delivery_id for each in found])
    made = _resolutions_write(standing, found)
    skipped = _skip_retries(
        [each.pk for each in made if each.verdict == Verdict.DELIVERED or each.is_contested]
    )
    sends = {each.delivery.send_id for each in found} | {each.delivery.send_id for each in skipped}
    notifications.publish(*map(notifications.send_topic, sorted(sends)))
    return [*_records(found, standing), *ended_records(skipped)]


def resolution_of(evidence: Iterable[Evidence], delivery: Delivery) -> Resolution | None:
    """Return what the evidence that stands says: the strongest, and of that the oldest. None if
    nothing stands. Needs all evidence of the delivery."""
    known = list(evidence)
    replaced = {each.replaces_id for each in known}
    standing = [
        each for each in known if each.pk not in replaced and each.verdict != Verdict.WITHDRAWN
    ]
    if not standing:
        return None
    first = min(standing, key=lambda each: (STRENGTH.index(each.source), each.pk))
    return Resolution(
        delivery=delivery,
        send_id=delivery.send_id,
        chat_server_name=delivery.chat_server_name,
        verdict=first.verdict,
        source=first.source,
        is_contested=any(each.verdict != first.verdict for each in standing),
    )


def _standing(ids: Collection[int]) -> dict[int, list[Evidence]]:
    known: defaultdict[int, list[Evidence]] = defaultdict(list)
    for each in Evidence.objects.filter(delivery__in=ids).order_by("pk"):
        known[each.delivery_id].append(each)
    return known


def _resolutions_write(
    standing: dict[int, list[Evidence]], found: Sequence[Evidence]
) -> list[Resolution]:
    deliveries = {each.delivery_id: each.delivery for each in found}
    made = {pk: resolution_of(standing[pk], row) for pk, row in deliveries.items()}
    written = Resolution.objects.bulk_create(
        [each for each in made.values() if each is not None],
        update_conflicts=True,
        unique_fields=["delivery"],
        update_fields=["verdict", "source", "is_contested"],
    )
    gone = [pk for pk, each in made.items() if each is None]
    if gone:
        Resolution.objects.filter(pk__in=gone).delete()
    return written


def _skip_retries(delivered: Collection[int]) -> list[Ending]:
    """Skip the retries of these deliveries that wait. What is on the wire can't be called back."""
    if not delivered:
        return []
    waiting = Delivery.objects.filter(retry_of__in=delivered, status=DeliveryStatus.PENDING)
    return write_endings(
        [
            Ending(each, DeliveryStatus.SKIPPED, Reason.RECENTLY_SENT, ARRIVED_AFTER_ALL())
            for each in locked_rows(waiting, wait=True)
        ],
        from_status=DeliveryStatus.PENDING,
    )


def _records(found: Sequence[Evidence], standing: dict[int, list[Evidence]]) -> Iterable[Record]:
    groups: defaultdict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for each in found:
        delivery = each.delivery
        groups[delivery.send_id, delivery.chat_server_name].append(
            _said(each, resolution_of(standing[delivery.pk], delivery))
        )
    for (send_id, chat_server), said in groups.items():
        for start in range(0, len(said), DELIVERIES_AN_ENTRY):
            yield Record(
                Action.DELIVERIES_RESOLVED,
                ("send", send_id, f"send {send_id}"),
                {
                    "chat_server": chat_server,
                    "deliveries": said[start : start + DELIVERIES_AN_ENTRY],
                },
            )


def _said(evidence: Evidence, resolution: Resolution | None) -> dict[str, Any]:
    """Return what an entry says of one piece of evidence. Empty values are left out."""
    said: dict[str, Any] = {
        "id": evidence.delivery_id,
        "interaction": evidence.delivery.interaction_id,
        "evidence": evidence.pk,
        "source": str(evidence.source),
        "verdict": str(evidence.verdict),
        "resolution": str(resolution.verdict) if resolution else "",
    }
    if resolution and resolution.is_contested:
        said["contested"] = True
    if evidence.is_senders_own:
        said["senders_own"] = True
    if evidence.looked_in:
        said["looked_in"] = str(evidence.looked_in)
    if evidence.remark:
        said["remark_sha256"] = text_digest(evidence.remark, evidence.remark_salt)
    if evidence.line_at is not None:
        said["line_at"] = evidence.line_at.isoformat()
    if evidence.replaces_id is not None:
        said["replaces"] = evidence.replaces_id
    return said
