"""Writes the ledger of the made history: the entries that the console would have written, and the
checkpoints that a worker would have signed every five minutes.

The product's own functions make the entries, and PostgreSQL chains them as it chains all others.
Only their times are the tool's: each entry has the time of what it tells.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tools.scale.filling import BEGIN

if TYPE_CHECKING:
    from console.actors import Actor
    from console.audit.services import Record
    from console.sends.models import Send

SENDS_A_PART = 1000
CHECKPOINT_EVERY = timedelta(minutes=5)
FIELDS = (
    *("send", "status", "chat_server_name", "method", "finished_at"),
    *("pk", "interaction", "attempts", "body", "body_salt"),
    *("reason", "reference_id", "fault_code"),
)
SHARED = 5


@dataclass
class _Act:
    """Entries that were written at once, of one actor."""

    actor: "Actor"
    at: datetime
    records: "Sequence[Record]"


def write_ledger() -> Iterator[int]:
    """Write the entries of all sends that are newer than the newest one in the ledger, in their
    order. Yield after each part how many sends that are."""
    from console.audit.actions import Action
    from console.audit.models import AuditEntry
    from console.sends.models import Send

    created = AuditEntry.objects.filter(action=Action.SEND_CREATED).order_by("-seq").first()
    last, done = int(created.target_ref) if created else 0, 0
    sends = Send.objects.select_related("version__notice").order_by("pk")
    while part := list(sends.filter(pk__gt=last)[:SENDS_A_PART]):
        _write(part)
        last, done = part[-1].pk, done + len(part)
        yield done


def _write(sends: "Sequence[Send]") -> None:
    from django.conf import settings
    from django.db import transaction
    from django.utils import timezone

    from console.audit import signing
    from console.audit.chain import canonical_time
    from console.audit.models import AuditEntry
    from console.audit.services import Happened, append

    if settings.AUDIT_KEY and not settings.PROCESS_KEY:
        valid = timezone.now() - BEGIN + timedelta(days=1)
        made = signing.certified_key("made history", BEGIN, valid)
        settings.PROCESS_KEY = signing.as_text(made)
    rows = _deliveries(sends)
    newest = AuditEntry.objects.order_by("-seq").first()
    seq = newest.seq if newest else 0
    ends: dict[datetime, int] = {}
    with transaction.atomic():
        for send in sends:
            for act in _acts(send, rows[send.pk]):
                at = canonical_time(act.at)
                append([Happened(act.actor, record, at) for record in act.records])
                seq += len(act.records)
                ends[_next_checkpoint(act.at)] = seq
        _count_uses(sends, rows)
    if settings.AUDIT_KEY:
        _sign(ends)


def _deliveries(sends: "Sequence[Send]") -> dict[int, list[tuple[Any, ...]]]:
    from console.sends.models import Delivery

    found: dict[int, list[tuple[Any, ...]]] = {send.pk: [] for send in sends}
    rows = Delivery.objects.filter(send__gte=sends[0].pk, send__lte=sends[-1].pk).order_by("pk")
    for row in rows.values_list(*FIELDS).iterator():
        if row[0] in found:
            found[row[0]].append(row)
    return found


def _acts(send: "Send", rows: "Sequence[tuple[Any, ...]]") -> Iterator[_Act]:
    """Yield what happened to a send: it was made, its deliveries ended, and it was over."""
    from console.actors import Actor, system_actor
    from console.audit.actions import Action
    from console.audit.services import Record
    from console.sends.models import SendStatus
    from console.sends.plan.sending import creation_facts
    from console.sends.proof import ledger

    worker = system_actor("worker")
    numbers = Counter(row[1] for row in rows)
    sizes = {"ready": send.ready_count}
    chats = [row[SHARED + 1] for row in rows]
    was, send.status = send.status, SendStatus.RUNNING
    facts = creation_facts(send, chats, sizes)
    send.status = was
    made = Record(Action.SEND_CREATED, ledger.send_target(send), facts)
    yield _Act(Actor(send.actor_ref, send.actor_name), send.created_at, [made])
    ended = defaultdict(list)
    for row in rows:
        send_id, status, server, method, at, *said = row
        together = send_id, status, server, method, send.visibility
        ended[at].append((together, ledger.ended_delivery(*said)))
    for at, parts in sorted(ended.items()):
        yield _Act(worker, at, list(ledger.deliveries_ended(parts)))
    if send.finished_at is not None:
        yield _Act(worker, send.finished_at, [ledger.send_finished(send.pk, dict(numbers))])


def _count_uses(sends: "Sequence[Send]", rows: dict[int, list[tuple[Any, ...]]]) -> None:
    """Count how much versions are used. How deliveries ended is counted with the deliveries."""
    from console.database.committing import add_to_commit
    from console.sends.proof.ledger import COUNT, DELIVERED

    arrived = [sum(row[1] == DELIVERED for row in rows[send.pk]) for send in sends]
    used = [[send.pk for send in sends], [1] * len(sends), arrived]
    add_to_commit(COUNT, [[], [], [], *used])


def _next_checkpoint(at: datetime) -> datetime:
    """Return when a worker signs what happened at a time."""
    return at + (BEGIN - at) % CHECKPOINT_EVERY


def _sign(ends: dict[datetime, int]) -> None:
    """Make the checkpoints of entries, by the times at which they are made. A folder outside gets
    them too."""
    from django.conf import settings

    from console.audit.chain import canonical_time
    from console.audit.checkpoints import LINES_AT_ONCE, put_outside, signed
    from console.audit.models import AuditCheckpoint, AuditEntry

    hashes = dict(AuditEntry.objects.filter(seq__in=ends.values()).values_list("seq", "hash"))
    said = [
        signed("checkpoint", {"seq": seq, "hash": hashes[seq], "at": canonical_time(at)})
        for at, seq in ends.items()
    ]
    has_folder = settings.CHECKPOINTS_TO and not settings.CHECKPOINTS_TO.startswith("https://")
    for start in range(0, len(said) if has_folder else 0, LINES_AT_ONCE):
        put_outside(*said[start : start + LINES_AT_ONCE])
    AuditCheckpoint.objects.bulk_create(
        AuditCheckpoint(**each, outside_at=at if has_folder else None)
        for each, at in zip(said, ends, strict=True)
    )
