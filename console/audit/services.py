"""Writes the ledger. Every service calls it, in the transaction that it records."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import structlog
from django.conf import settings
from django.db import Error, connection, transaction
from django.db.models import Subquery
from django.utils import timezone
from msgspec import Struct

from console.actors import Actor, Permission, system_actor
from console.audit import outside
from console.audit.actions import Action
from console.audit.chain import canonical_data, canonical_parts, canonical_time
from console.audit.checkpoints import (
    kept_outside,
    most_at_once,
    newest_checkpoint,
    put_outside,
    signed,
    those_signed,
    trusted_keys,
)
from console.audit.export import export_to, sealed_to
from console.audit.models import (
    AuditCertificate,
    AuditCheckpoint,
    AuditEntry,
    AuditRefusal,
    AuditSeal,
    AuditSignature,
)
from console.audit.sentences import as_sentence
from console.audit.signing import (
    Signer,
    as_text,
    certified_key,
    process_signer,
    require_signer,
)
from console.audit.state.carrying import rows_told_to
from console.audit.tlog.tree import newest_head
from console.audit.verification import checked_since
from console.audit.verify import (
    Finding,
    Head,
    Report,
    beyond,
    checked_marks,
    must_be_signed,
    verify_export,
)
from console.database.clock import near_now
from console.database.committing import add_made_to_commit, carry_out_now, in_full
from console.errors import Conflict, NotFound, Unavailable
from console.site.fsync import to_disk
from console.text.sentences import term

if TYPE_CHECKING:
    from console.database.backend.base import DatabaseWrapper

# An arbitrary fixed number of the lock for making checkpoints. That for extending the chain is in
# migration 0008_signatures.
CHECKPOINT_LOCK = 0x4C45444745520002

CERTIFICATE = ("key", "name", "from", "to", "key_id", "signature")
CONSOLE = system_actor("audit")
# PostgreSQL refuses to delete younger entries (migration 0005_seals).
KEPT_DAYS = 28

logger = structlog.get_logger("console.audit")

Target = tuple[str, object, str]
Foreign = Sequence[Sequence[int]]


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

    This process signs them, and PostgreSQL chains them while it holds the chain's lock (migration
    0008_signatures). They are visible in the transaction itself only after `entries_write`.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an audit entry must be written in the transaction that it records")
    require_signer()  # now, since an error of the commit itself says less
    at = canonical_time(near_now())
    add_made_to_commit(_append, [Happened(actor, item, at) for item in records])


class Happened(Struct, frozen=True, gc=False):
    """An entry to be: what `actor` did `at` some time, in canonical form."""

    actor: Actor
    record: Record
    at: str


def append(happened: Sequence[Happened]) -> None:
    """Append entries of several actors and times, as `record_many` does."""
    add_made_to_commit(_append, happened)


def _append(wrapper: "DatabaseWrapper", happened: Sequence[Happened]) -> list[str]:
    """Return the statements that append the entries of a transaction."""
    signer = process_signer()
    statements: list[str] = []
    for start in range(0, len(happened), ENTRIES_A_CALL):
        rows = [_row(each) for each in happened[start : start + ENTRIES_A_CALL]]
        if start and start % ENTRIES_A_MESSAGE == 0:
            wrapper.carry_out(statements)  # so that the next anchor is near
            statements = []
        signature = _signature(signer, wrapper, rows)
        columns = [value for column in zip(*rows, strict=True) for value in column]
        arrays = ", ".join([f"ARRAY[{', '.join(['%s'] * len(rows))}]::text[]"] * len(rows[0]))
        statements.append(
            in_full(f"SELECT audit_append({arrays}, {_SIGNED})", [*columns, *signature])
        )
    if signer is not None and signer.may_be_unknown():
        # After the entries, so that whoever waits for it waits for the chain's lock.
        statements.append(_certificate(signer))
        wrapper.when_committed(signer.certificate_is_stored)
    return statements


ENTRIES_A_CALL = 500
# An anchor must be nearer than verify.ANCHOR_ENTRIES.
ENTRIES_A_MESSAGE = 20_000
_SIGNED = "%s, %s, %s, %s, %s, %s, %s::bytea"


def _signature(
    signer: Signer | None, wrapper: "DatabaseWrapper", rows: Sequence[tuple[str, ...]]
) -> tuple[Any, ...]:
    if signer is None:
        return "", "", 0, 0, "", "", b""
    contents: list[bytes] = []
    for *_fields, head, data, tail in rows:
        contents += [(head + data).encode(), tail.encode()]
    made = signer.sign(wrapper, contents)
    return (
        *(made.key_id, made.stream, made.number, made.after, made.after_hash),
        *(made.prev, made.signature),
    )


def _certificate(signer: Signer) -> str:
    said = signer.key.certificate
    return in_full(
        "INSERT INTO audit_auditcertificate "
        '(id, key, name, "from", "to", key_id, signature) VALUES (%s, %s, %s, %s, %s, %s, %s) '
        "ON CONFLICT DO NOTHING",
        [signer.key.id, *(said[name] for name in CERTIFICATE)],
    )


def _row(happened: Happened) -> tuple[str, ...]:
    """Return an entry's elements for the arrays of `audit_append`."""
    actor, item = happened.actor, happened.record
    kind, ref, name = item.target
    action, ref, name = str(item.action), str(ref), name[:255]
    head, tail = canonical_parts(
        action=action,
        actor_name=actor.name,
        actor_ref=actor.ref,
        at=happened.at,
        target=(kind, name, ref),
    )
    data = canonical_data(item.data).decode()
    return happened.at, actor.ref, actor.name, action, kind, ref, name, head, data, tail


def entries_write() -> None:
    """Write the entries of the present transaction now, for whoever reads them in it. It holds the
    chain's lock from now on until it ends, so callers do this last."""
    carry_out_now()


# --- Checkpoints and exports -------------------------------------------------------------------


def checkpoint_make(foreign: Foreign = ()) -> AuditCheckpoint | None:
    """Sign the newest entry, and store all pending checkpoints outside.

    Return None if nothing is new. If the outside can't be reached, the checkpoint stays in the
    database and the next call retries. `foreign` are the first and last numbers of entries that an
    operator found to be nobody's of the console. Raises Unsigned if there is no key, DoesNotHold if
    the entries since the last checkpoint are not what processes signed.
    """
    try:
        made = _checkpoint_newest(foreign)
    except DoesNotHold as error:
        _refused(error.finding)
        raise
    finally:
        if settings.CHECKPOINTS_TO:
            _put_pending_outside()
    AuditRefusal.objects.all().delete()
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


def _checkpoint_newest(foreign: Foreign = ()) -> AuditCheckpoint | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHECKPOINT_LOCK])
        last = newest_checkpoint()
        newest = AuditEntry.objects.only("seq", "hash").first()
        if last is None and (made_up := AuditCheckpoint.objects.first()) is not None:
            signed("checkpoint", {})  # without a key nothing can be told of it
            raise DoesNotHold(_worth_nothing(made_up))
        if last is not None and (newest is None or last.seq > newest.seq):
            raise DoesNotHold(_gone(last, newest.seq if newest else 0))
        if newest is None or (last is not None and last.seq == newest.seq):
            return None
        key_id = signed("checkpoint", {})["key_id"]
        if last is not None and last.key_id != key_id:
            target = ("key", key_id, f"key {key_id}")
            record(CONSOLE, Action.AUDIT_KEY_CHANGED, target=target, data={"from": last.key_id})
            entries_write()
            # That entry, since this transaction holds the chain's lock.
            newest = AuditEntry.objects.only("seq", "hash").latest("seq")
        said = _require_signed(last, newest.seq, foreign)
        at = canonical_time(near_now())
        said |= {"seq": newest.seq, "hash": newest.hash, "at": at}
        return AuditCheckpoint.objects.create(**signed("checkpoint", said))


def _worth_nothing(checkpoint: AuditCheckpoint) -> Finding:
    """Return the finding that a checkpoint is not signed by a key that is trusted."""
    report = Report()
    checked_marks([checkpoint.said], trusted_keys(), report)
    return report.findings[0]


def _gone(last: AuditCheckpoint, newest: int) -> Finding:
    """Return the finding that the entry of a checkpoint is gone."""
    report = Report(head=Head(newest))
    beyond(report, {last.seq: last.hash})
    return report.findings[0]


def _require_signed(last: AuditCheckpoint | None, upto: int, foreign: Foreign) -> dict[str, Any]:
    """Return what a checkpoint says of signatures: from which entry on processes must have signed,
    if one has, and which entries are nobody's.

    Raises DoesNotHold if the entries after the last checkpoint do not follow it, or if a process
    must have signed one of them and has not.
    """
    head = Head(last.seq, last.hash) if last is not None else sealed_to()
    report = checked_since(head, upto, foreign)
    if not report.signed_from and (first := AuditSignature.objects.order_by("last").first()):
        report.signed_from = first.first
        must_be_signed(report)
    if not report.holds:
        raise DoesNotHold(report.findings[0])
    said: dict[str, Any] = {"signed_from": report.signed_from} if report.signed_from else {}
    return {**said, **({"foreign": report.foreign} if report.foreign else {})}


class DoesNotHold(Conflict):
    """What stands in the ledger since the last checkpoint is not what processes signed."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(
            "ledger_does_not_hold",
            "No checkpoint is made. {finding} Find out who wrote to the database. Then "
            "manage.py audit_checkpoint --foreign FIRST-LAST goes on, and says of these entries "
            "for good that they are nobody's.",
            finding=as_sentence(finding.sentence),
        )
        self.finding = finding


def _refused(finding: Finding) -> None:
    """Note why there is no checkpoint, for pages, metrics and alerts."""
    logger.error("no checkpoint: the ledger does not hold", found=str(finding.sentence))
    AuditRefusal.objects.get_or_create(seq=finding.seq or 0, defaults={"at": near_now()})


def process_key_make(actor: Actor, *, name: str, days: int) -> str:
    """Return a new key of a process with its certificate, as CONSOLE_PROCESS_KEY takes it. Raises
    PermissionRefused, Unsigned."""
    actor.require(Permission.ADMINISTER)
    return as_text(certified_key(name, timezone.now(), timedelta(days=days)))


def process_key_revoke(actor: Actor, *, key: str, after: int | None = None) -> None:
    """Let nobody trust a process's key any more. What it signed after the entry `after` may be
    somebody else's; None: nothing that stands in the ledger.

    Raises PermissionRefused, Unsigned, NotFound, and Conflict if this process itself signs with it.
    """
    actor.require(Permission.ADMINISTER)
    if not AuditCertificate.objects.filter(pk=key).exists():
        raise NotFound("unknown_process_key", "No process has signed with the key {key}.", key=key)
    signer = process_signer()
    if signer is not None and signer.key.id == key:
        raise Conflict(
            "own_process_key",
            "This process itself signs with the key {key}. Set a new CONSOLE_PROCESS_KEY first.",
            key=key,
        )
    with transaction.atomic():
        newest = AuditEntry.objects.values_list("seq", flat=True).first() or 0
        said = {"revoked": key, "after": newest if after is None else after}
        revocation = signed("revocation", {**said, "at": canonical_time(near_now())})
        target = ("key", key, f"key {key}")
        record(actor, Action.AUDIT_KEY_REVOKED, target=target, data={"revocation": revocation})


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
    signed("seal", {})  # fail before anything is written
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
    found = (
        next(those_signed(checkpoints.filter(seq__lte=old.seq).iterator()), None) if old else None
    )
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
    carried = rows_told_to(last)
    entries.delete()
    AuditSignature.objects.filter(last__lte=last).delete()
    data = {"file": path.name, "sha256": sha256, "hash": seal.hash}
    target = ("ledger", last, f"entries {first} to {last}")
    record(actor, Action.AUDIT_ARCHIVED, target=target, data=data)
    record_many(
        CONSOLE,
        [Record(Action.AUDIT_ROWS_CARRIED, target, {"rows": rows}) for rows in carried],
    )
    entries_write()  # a refusal must come before the commit, of which none may be known
    return seal
