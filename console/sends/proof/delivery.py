"""Gathers what the proof of one delivery shows."""

from collections.abc import Iterator

from django.db.models import Q, QuerySet

from console.audit.actions import Action
from console.audit.chain import canonical, canonical_data, canonical_time
from console.audit.models import AuditEntry, AuditTimestamp, AuditTreeHead, as_hashed
from console.audit.tlog import leaves, tree
from console.audit.tlog.merkle import inclusion_path
from console.database.clock import near_now
from console.sends.models import Delivery
from console.sends.proof.delivery_file import DeliveryProof, Item, ProvedEntry
from console.sends.proof.ledger import version_facts

# What happened to the send as a whole, and who decided it.
OF_SEND = (
    *(Action.SEND_CREATED, Action.SEND_APPROVED, Action.SEND_REJECTED),
    *(Action.SEND_RESCHEDULED, Action.SEND_CANCELLED),
)
OF_DELIVERIES = (
    *(Action.DELIVERIES_DELIVERED, Action.DELIVERIES_FAILED, Action.DELIVERIES_UNKNOWN),
    *(Action.DELIVERIES_SKIPPED, Action.DELIVERIES_CANCELLED),
    *(Action.DELIVERIES_LATE_ANSWER, Action.DELIVERIES_RESOLVED),
)
OF_VERSION = (Action.VERSION_APPROVED, Action.VERSION_PUBLISHED)


def entries_about(delivery: Delivery) -> QuerySet[AuditEntry]:
    """Return the entries that concern a delivery, the oldest first."""
    of_send = Q(target_kind="send", target_ref=str(delivery.send_id))
    version = delivery.send.version
    of_version = Q(target_kind="version", target_ref=f"{version.notice.key}/{version.number}")
    own = Q(data__deliveries__contains=[{"id": delivery.pk}])
    return AuditEntry.objects.filter(
        of_send & (Q(action__in=OF_SEND) | Q(action__in=OF_DELIVERIES) & own)
        | of_version & Q(action__in=OF_VERSION)
    ).order_by("seq")


def proof_under(
    head: AuditTreeHead, delivery: Delivery, entries: list[AuditEntry]
) -> DeliveryProof:
    """Return the proof that these entries are in the tree of a head. Raises NoTile if they are
    not."""
    stamps = AuditTimestamp.objects.filter(origin=head.origin, size=head.size)
    stamp = stamps.order_by("id").first()
    is_there = bool(delivery.body) and delivery.erased_at is None
    return DeliveryProof(
        delivery=delivery.pk,
        send=delivery.send_id,
        made_at=canonical_time(near_now()),
        head=head.note,
        version=canonical_data(version_facts(delivery.send.version)),
        entries=list(_proved(head, delivery, entries)),
        text=delivery.body if is_there else None,
        text_salt=delivery.body_salt if is_there else "",
        timestamp=bytes(stamp.response) if stamp is not None else b"",
    )


def _proved(
    head: AuditTreeHead, delivery: Delivery, entries: list[AuditEntry]
) -> Iterator[ProvedEntry]:
    read, secret = tree.reader(), tree.secret()
    for entry in entries:
        key = leaves.key_of_entry(secret, entry.seq)
        yield ProvedEntry(
            seq=entry.seq,
            leaf=leaves.leaf_bytes(canonical(as_hashed(entry)), entry.hash, key),
            salt=leaves.leaf_salt(key),
            path=inclusion_path(read, entry.seq - 1, head.size),
            item=_item(entry, delivery, key) if leaves.DELIVERIES in entry.data else None,
        )


def _item(entry: AuditEntry, delivery: Delivery, key: bytes) -> Item:
    items = entry.data[leaves.DELIVERIES]
    index = next(n for n, item in enumerate(items) if item["id"] == delivery.pk)
    hashes = leaves.item_hashes(key, items)
    return Item(
        index=index,
        of=len(items),
        said=leaves.item_bytes(items[index]),
        salt=leaves.item_salt(key, index),
        path=inclusion_path(leaves.reader_of(hashes), index, len(items)),
    )
