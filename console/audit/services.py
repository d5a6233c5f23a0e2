"""Writes the ledger. Every service calls it, in the transaction that it records."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Subquery
from msgspec import Struct

from console.actors import Actor, Permission, system_actor
from console.audit import outside
from console.audit.actions import Action
from console.audit.chain import canonical_data, canonical_parts, canonical_time
from console.audit.checkpoints import kept_outside, most_at_once, put_outside, signed, trusted_keys
from console.audit.export import export_to, sealed_to
from console.audit.models import AuditCheckpoint, AuditEntry, AuditSeal
from console.audit.sentences import as_sentence
from console.audit.tlog.tree import newest_head
from console.audit.verify import verify_export
from console.database.clock import near_now
from console.database.committing import add_to_commit, carry_out_now
from console.errors import Conflict, Unavailable
from console.site.fsync import to_disk
from console.text.sentences import term

# An arbitrary fixed number of the lock for making checkpoints. That for extending the chain is in
# migration 0006_append.
CHECKPOINT_LOCK = 0x4C45444745520002

CONSOLE = system_actor("audit")
# PostgreSQL refuses to delete younger entries (migration 0005_seals).
KEPT_DAYS = 28

logger = structlog.get_logger("console.audit")

Target = tuple[str, object, str]


class Record(Struct, frozen=True, gc=False):
    """The content of an entry. `target` is (kind, id, name)."""

    action: Action
    target: Target
    data: dict[str, Any] = {}


def record(
    actor: Actor, action: Action, *, target: Target, data: dict[str, Any] | None = None
) -> None:
    """Append one entry.

    Must be called in a transaction, so that the act and its entry commit together.
    """
    record_many(actor, [Record(action, target, data or {})])


def record_many(actor: Actor, records: Iterable[Record]) -> None:
    """Append entries in order, chained to the newest, with the commit of the transaction.

    PostgreSQL chains them, while it holds the chain's lock (migration 0006_append). They are
    visible in the transaction itself only after `entries_write`.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit entry must be written in the transaction that it records")
    # Evaluated before anything is added, since a lazy iterable may need the connection itself.
    for statement, values in appending(actor, list(records), near_now()):
        add_to_commit(statement, values)


def appending(
    actor: Actor, records: Sequence[Record], at: datetime
) -> Iterator[tuple[str, list[Any]]]:
    """Yield the statements, with their values, that append these entries, which happened `at`."""
    when = canonical_time(at)
    for start in range(0, len(records), ENTRIES_A_CALL):
        part = records[start : start + ENTRIES_A_CALL]
        rows = [_row(actor, item, when) for item in part]
        columns = [value for column in zip(*rows, strict=True) for value in column]
        arrays = ", ".join([f"ARRAY[{', '.join(['%s'] * len(part))}]::text[]"] * len(rows[0]))
        yield (
            f"SELECT audit_append(%s, %s, %s, {arrays})",
            [when, actor.ref, actor.name, *columns],
        )


ENTRIES_A_CALL = 500


def _row(actor: Actor, item: Record, at: str) -> tuple[str, ...]:
    """Return an entry's elements for the arrays of `audit_append`."""
    kind, ref, name = item.target
    action, ref, name = str(item.action), str(ref), name[:255]
    head, tail = canonical_parts(
        action=action,
        actor_name=actor.name,
        actor_ref=actor.ref,
        at=at,
        target=(kind, name, ref),
    )
    return action, kind, ref, name, head, canonical_data(item.data).decode(), tail


def entries_write() -> None:
    """Write the entries of the present transaction now, for whoever reads them in it. It holds the
    chain's lock from now on until it ends, so callers do this last."""
    carry_out_now()


# --- Checkpoints and exports -------------------------------------------------------------------


def checkpoint_make() -> AuditCheckpoint | None:
    """Sign the newest entry, and store all pending checkpoints outside.

    Return None if nothing is new. If the outside can't be reached, the checkpoint stays in the
    database and the next call retries. Raises Unsigned if there is no key.
    """
    made = _checkpoint_newest()
    if settings.CHECKPOINTS_TO:
        _put_pending_outside()
    return made


def _put_pending_outside() -> None:
    """Put outside what does not stand there. `outside_at` is for people to read: nothing follows
    from it."""
    if outside.is_of_another():
        logger.error("checkpoints not kept outside", error="those there are of another ledger")
        return
    most, waiting = most_at_once(), outside.pending()
    for start in range(0, len(waiting), most):
        part = AuditCheckpoint.objects.filter(seq__in=waiting[start : start + most])
        said = [checkpoint.said for checkpoint in part.order_by("seq")]
        try:
            put_outside(*said)
        except OSError as error:
            logger.error("checkpoint not kept outside", seq=said[0]["seq"], error=str(error))
            return
        outside.receipt_write(settings.CHECKPOINTS_TO, said[-1]["seq"], said[-1]["hash"])
        part.filter(outside_at=None).update(outside_at=near_now())


def _checkpoint_newest() -> AuditCheckpoint | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHECKPOINT_LOCK])
        last = AuditCheckpoint.objects.first()
        newest = AuditEntry.objects.first()
        if newest is None or (last is not None and last.seq >= newest.seq):
            return None
        key_id = signed("checkpoint", {})["key_id"]
        if last is not None and last.key_id != key_id:
            target = ("key", key_id, f"key {key_id}")
            record(CONSOLE, Action.AUDIT_KEY_CHANGED, target=target, data={"from": last.key_id})
            entries_write()
            newest = AuditEntry.objects.latest("seq")  # that entry; this holds the chain's lock
        at = canonical_time(near_now())
        said = signed("checkpoint", {"seq": newest.seq, "hash": newest.hash, "at": at})
        return AuditCheckpoint.objects.create(**said)


def audit_export(actor: Actor, file: IO[bytes] | Path) -> tuple[int, int]:
    """Write the ledger without archived entries to `file`. Return its first and last number.

    The export itself is recorded in the ledger. Raises PermissionRefused, Unsigned.
    """
    actor.require(Permission.VIEW_AUDIT)
    first, last = export_to(file)
    with transaction.atomic():
        record(actor, Action.AUDIT_EXPORTED, target=("ledger", last, f"entries {first} to {last}"))
    return first, last


# --- Archives ----------------------------------------------------------------------------------


def audit_archive(actor: Actor, *, before: datetime, folder: Path) -> AuditSeal:
    """Move entries older than `before` from the database into a sealed file in `folder`.

    It moves them up to the last one that a checkpoint covers, and verifies the file before it
    deletes them. Raises Conflict if there are none, they are younger than four weeks, or the file
    does not verify; Unavailable if PostgreSQL does not answer whether they were deleted; Unsigned;
    FileExistsError and other OSErrors.
    """
    actor.require(Permission.ADMINISTER)
    checkpoint = _last_checkpoint(before)
    _require_in_tree(checkpoint.seq)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"ledger-to-{checkpoint.seq}.zip"
    with path.open("xb"):
        pass
    is_sealed = False
    try:
        first, last = export_to(path, archive_to=checkpoint.seq)
        to_disk(path)
        to_disk(folder)
        _require_whole(path, last)
        with transaction.atomic():
            seal = _seal(actor, path, first, last)
            is_sealed = True
    except BaseException as error:
        if not is_sealed:
            path.unlink()
        elif isinstance(error, Error):
            raise _unanswered(path, first, last, error) from error
        raise
    return seal


def _unanswered(path: Path, first: int, last: int, error: Error) -> Unavailable:
    """Return the error for a commit without an answer. Its result is unknown, so the file stays."""
    return Unavailable(
        "archive_unanswered",
        "It is not known whether entries {first} to {last} have left the database: {error}. Keep "
        "{path}, which may be all there is of them, and run manage.py audit_verify. Says it that "
        "they are in {name}, all is done; otherwise delete that file and begin again.",
        first=first,
        last=last,
        error=error,
        path=path,
        name=path.name,
    )


def _last_checkpoint(before: datetime) -> AuditCheckpoint:
    if before > near_now() - timedelta(days=KEPT_DAYS):
        raise Conflict("too_young", "What is younger than {days} days stays here.", days=KEPT_DAYS)
    newest = AuditEntry.objects.order_by("-seq")
    # The newest of all stays, since the next one follows it.
    old = newest.filter(at__lt=before, seq__lt=Subquery(newest.values("seq")[:1])).first()
    checkpoints = AuditCheckpoint.objects.filter(seq__gt=sealed_to().seq).order_by("-seq")
    found = checkpoints.filter(seq__lte=old.seq).first() if old else None
    if found is None:
        raise Conflict(
            "nothing_to_archive",
            "There is no entry from before {before:%Y-%m-%d} for which a checkpoint vouches.",
            before=before,
        )
    return found


def _require_in_tree(last: int) -> None:
    """Raise Conflict unless a signed head of the tree covers the entries: once they are gone, the
    tree can't take them any more."""
    head = newest_head()
    if head is None or head.size < last:
        raise Conflict(
            "not_in_tree",
            "Nothing was archived, since the tree has entries up to {size} only, and those up to "
            "{last} are to go. Let it grow first: manage.py audit_tree",
            size=head.size if head else 0,
            last=last,
        )


def _require_whole(path: Path, last: int) -> None:
    """Raise Conflict unless the file verifies: otherwise the entries stay, as the only evidence."""
    report = verify_export(path, trusted_keys(), kept_outside(), [])
    if report.holds and (report.head.seq, report.vouched) == (last, last):
        return
    found = [as_sentence(finding.sentence) for finding in report.findings]
    raise Conflict(
        "archive_does_not_hold",
        term(
            "Nothing was archived, since what was written does not hold. {found:spaced}",
            found=found,
        )
        if found
        else term("Nothing was archived, since what was written does not hold."),
    )


def _seal(actor: Actor, path: Path, first: int, last: int) -> AuditSeal:
    """Seal a file and delete its entries, in the caller's transaction."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHECKPOINT_LOCK])
    entries = AuditEntry.objects.filter(seq__gte=first, seq__lte=last)
    said = {
        "first": first,
        "before": entries.get(seq=first).prev_hash,
        "last": last,
        "hash": entries.get(seq=last).hash,
        "file": path.name,
        "sha256": sha256,
        "at": canonical_time(near_now()),
    }
    seal = AuditSeal.objects.create(**signed("seal", said))
    entries.delete()
    data = {"file": path.name, "sha256": sha256, "hash": seal.hash}
    target = ("ledger", last, f"entries {first} to {last}")
    record(actor, Action.AUDIT_ARCHIVED, target=target, data=data)
    entries_write()  # a refusal must come before the commit, of which none may be known
    return seal
