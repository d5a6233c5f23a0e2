"""Verifies the ledger in the database, in parts of a size that one request has time for.

Each part follows some entries, and checks the checkpoints of these entries alone: those in the
database, and those in files outside. A file is read on from the place where the part before it
stopped. So each checkpoint is checked once in a run, and memory does not grow with the ledger.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from console.audit.actions import Action
from console.audit.checkpoints import file_outside, those_signed, trusted_keys
from console.audit.export import (
    as_hashed,
    ledger_lines,
    ledger_said,
    sealed_to,
    seals_said,
    signatures_said,
)
from console.audit.models import (
    AuditCertificate,
    AuditCheckpoint,
    AuditEntry,
    AuditSignature,
)
from console.audit.rollback import newest_kept_outside
from console.audit.tlog.checking import TreeCheck
from console.audit.verify import (
    ANCHOR_ENTRIES,
    OF_APPROVALS,
    Approvals,
    Batches,
    Head,
    Keys,
    Report,
    begin_after,
    beyond,
    checked_marks,
    checkpoints_from,
    follow,
    must_be_signed,
    rewritten,
    signed_and_gone,
    take_signed,
)

# A second or two of work.
ENTRIES_A_PART = 20_000
# A signature takes as long as hashing a hundred entries.
CHECKPOINTS_A_PART = 2000

Said = Mapping[str, Any]


def verify_database(
    elsewhere: Path | None = None, *, told: Callable[[Report], object] = lambda _report: None
) -> Report:
    """Verify the chain in the database against the checkpoints in it, outside, and in the file
    `elsewhere`. Call `told` after each part of it.

    Raises console.audit.verify.Unreadable if the checkpoints outside can't be read.
    """
    verification = Verification(elsewhere=elsewhere)
    while not verification.go_on(ENTRIES_A_PART):
        told(verification.report)
    return verification.report


@dataclass
class CheckpointFile:
    """Checkpoints in a file, of which those before `place` have been read."""

    path: Path
    place: int = 0

    def reach(self, upto: int) -> int:
        """Return up to which entry a part can read, without taking more than it has time for."""
        seqs = []
        for said, _end in checkpoints_from(self.path, self._place()):
            if _seq(said) > upto:
                return upto
            seqs.append(_seq(said))
            if len(seqs) == CHECKPOINTS_A_PART:
                return max(seqs)
        return upto

    def take(self, upto: int | None) -> list[Said]:
        """Return the next checkpoints, to the first of an entry after `upto`: at most a part."""
        found: list[Said] = []
        place = self._place()
        for said, end in checkpoints_from(self.path, place):
            if (upto is not None and _seq(said) > upto) or len(found) == CHECKPOINTS_A_PART:
                break
            found.append(said)
            place = end
        self.place = place
        return found

    @property
    def is_read(self) -> bool:
        return next(checkpoints_from(self.path, self._place()), None) is None

    def _place(self) -> int:
        """Return where to read on: at the beginning, if another file is there meanwhile."""
        return self.place if self.place <= self.path.stat().st_size else 0


@dataclass
class Verification:
    """A run, or the rest of one that stopped with `report`, at `place` of the file outside, and
    after `tiles` of archived entries."""

    report: Report = field(default_factory=Report)
    place: int = 0
    elsewhere: Path | None = None
    tiles: int = 0

    def __post_init__(self) -> None:
        outside = file_outside()
        self._outside = CheckpointFile(outside, self.place) if outside else None
        more = CheckpointFile(self.elsewhere) if self.elsewhere else None
        self._files = [file for file in (self._outside, more) if file is not None]

    def progress(self) -> list[Any]:
        """Return what `resumed` makes the rest of this run of, as JSON can hold it."""
        report, head = self.report, self.report.head
        chain = [report.followed, head.seq, head.hash, report.vouched, report.checked]
        signed = [report.signed_from, report.signed, report.unsigned]
        return [
            *(*chain, report.checkpoints, *signed),
            *(report.foreign, report.revoked, report.treed, self.tiles, self.place),
        ]

    @classmethod
    def resumed(cls, progress: Sequence[Any]) -> "Verification":
        """Return the rest of a run. Raises ValueError if it is none."""
        followed, seq, digest, vouched, checked, checkpoints, *signed, tiles, place = progress
        report = Report(followed, Head(seq, digest), vouched, checked, checkpoints)
        report.signed_from, report.signed, report.unsigned, *signed = signed
        report.foreign, report.revoked, report.treed = signed
        return cls(report, place, tiles=tiles)

    def go_on(self, most: int) -> bool:
        """Continue by at most `most` entries. Return whether all is done: the end was reached, or
        something was found.

        Raises console.audit.verify.Unreadable.
        """
        report, keys = self.report, trusted_keys()
        with transaction.atomic():
            after, tree = report.checked, TreeCheck(report, self.tiles)
            newest = _newest_entry()  # before all, so that the signatures up to it are there too
            upto = self._reach(after, max(report.head.seq, after) + most, tree)
            upto = _whole_batch(upto)
            if after < 0:
                self._begin(keys)
            else:
                report.sealed = [*seals_said()]
            found = [*_stored(after, upto), *(s for file in self._files for s in file.take(upto))]
            marks = self._checked(found, after, keys)
            if report.holds:
                # By number, not up to an entry: what comes after a gap shows that there is one.
                number = max(0, min(upto, newest) - report.head.seq)
                batches = batches_after(report.head.seq, min(upto, newest), keys)
                said = ledger_said(report.head.seq, most=number)
                follow(tree.lines(said), report, marks, batches)
                must_be_signed(report)
            if report.holds:
                tree.heads(after, upto)
            is_end = report.head.seq < upto
            if is_end and report.holds:
                self._end(upto, marks, keys)
                tree.end()
                is_end = all(file.is_read for file in self._files) and tree.archived()
            report.checked, self.tiles = upto, tree.place
        self.place = self._outside.place if self._outside else 0
        return is_end or not report.holds

    def _reach(self, after: int, upto: int, tree: TreeCheck) -> int:
        """Return up to which entry this part goes, so that it has no more checkpoints than it has
        time for."""
        stored = AuditCheckpoint.objects.filter(seq__gt=after, seq__lte=upto).order_by("seq")
        numbers = stored.values_list("seq", flat=True)
        last = [*numbers[CHECKPOINTS_A_PART - 1 : CHECKPOINTS_A_PART], *tree.reach(after, upto)]
        return max(after, 0, min([*last, *(file.reach(upto) for file in self._files), upto]))

    def _require_signed_entries(self) -> None:
        """Report signatures whose entries are gone."""
        with connection.cursor() as cursor:
            cursor.execute(GONE)
            row = cursor.fetchone()
        if row is not None and self.report.holds:
            self.report.findings.append(signed_and_gone(*row))

    def _begin(self, keys: Keys) -> None:
        """Start after the archived entries, and report any that is still in the database."""
        report, ends = self.report, _ends_of_seals()
        report.signed_from, report.foreign = said_of_signatures()
        stored = AuditCheckpoint.objects.filter(seq__in=ends)
        found: list[Said] = [each.said for each in stored]
        for file in self._files if ends else ():
            found += [said for said, _end in checkpoints_from(file.path) if _seq(said) in ends]
        begin_after(seals_said(), keys, checked_marks(_unique(found), keys, report), report)
        before = AuditEntry.objects.filter(seq__lte=report.head.seq).order_by("seq")
        stray = before.only("seq").first()
        if report.holds and stray is not None:
            report.fault(
                stray.seq,
                "Entry {seq} is in an archive, by the seal of entries up to {head}, and stands "
                "here all the same: it was put in.",
                head=report.head.seq,
            )

    def _checked(self, found: Sequence[Said], after: int, keys: Keys) -> dict[int, str]:
        """Return the hashes in valid checkpoints, by entry. Those of entries that were followed
        before, since a file is not in order, are compared at once."""
        ends = _ends_of_seals()  # whose checkpoints were checked at the beginning
        marks = checked_marks(
            _unique(said for said in found if _seq(said) not in ends), keys, self.report
        )
        self._compare({seq: digest for seq, digest in marks.items() if seq <= after})
        return marks

    def _compare(self, marks: Mapping[int, str]) -> None:
        if not marks or not self.report.holds:
            return
        entries = AuditEntry.objects.filter(seq__in=marks, seq__gt=sealed_to().seq)
        for seq, digest in entries.order_by("seq").values_list("seq", "hash"):
            if marks[seq] != digest:
                before = AuditCheckpoint.objects.filter(seq__lt=seq).first()
                self.report.findings.append(rewritten(seq, before.seq if before else 0))
                return

    def _end(self, upto: int, marks: Mapping[int, str], keys: Keys) -> None:
        """Check what is left: checkpoints of entries after the last one."""
        stored = AuditCheckpoint.objects.filter(seq__gt=upto)[:CHECKPOINTS_A_PART]
        found: list[Said] = [each.said for each in stored]
        found += [said for file in self._files for said in file.take(None)]
        self._require_signed_entries()
        beyond(self.report, {**marks, **self._checked(found, upto, keys)})
        if self.report.holds:
            _approvals().tell(self.report)


def _approvals() -> Approvals:
    """Follow what concerns approvals alone, which is a small part of the ledger."""
    approvals = Approvals(is_whole=sealed_to().seq == 0)
    for entry in AuditEntry.objects.filter(action__in=OF_APPROVALS).order_by("seq").iterator():
        approvals.take(as_hashed(entry))
    return approvals


GONE = """
SELECT first, last FROM audit_auditsignature
WHERE last > (SELECT coalesce(max(seq), 0) FROM audit_auditentry)
ORDER BY last LIMIT 1
"""


def _stored(after: int, upto: int) -> list[Said]:
    found = AuditCheckpoint.objects.filter(seq__gt=after, seq__lte=upto)
    return [each.said for each in found]


def _unique(found: Iterable[Said]) -> list[Said]:
    """Return the checkpoints in the order of their entries, each that stands in several places
    once."""
    by_entry: dict[int, list[Said]] = {}
    for said in found:
        same = by_entry.setdefault(_seq(said), [])
        if said not in same:
            same.append(said)
    return [said for seq in sorted(by_entry) for said in by_entry[seq]]


def _seq(said: Said) -> int:
    """Return of which entry a checkpoint is; 0, which the first part has, if it does not say so."""
    seq = said.get("seq")
    return max(seq, 0) if isinstance(seq, int) else 0


def _ends_of_seals() -> set[int]:
    return {said["last"] for said in seals_said()}


# --- Signatures of processes ---------------------------------------------------------------------


def batches_after(after: int, upto: int, keys: Keys) -> Batches:
    """Return the check of the signatures of the entries after `after` up to `upto`, which ends a
    batch, beside what stands in the database before them."""
    before = AuditEntry.objects.filter(seq__lte=after)
    revocations = before.filter(action=Action.AUDIT_KEY_REVOKED).order_by("seq")
    revoked = dict(revocations.values_list("target_ref", "seq"))
    return Batches(
        signatures_said(after, upto),
        [each.said for each in AuditCertificate.objects.all()],
        keys,
        known=_streams_before(after),
        revoked=revoked,
        hash_of=lambda seq: before.filter(seq=seq).values_list("hash", flat=True).first(),
    )


def _streams_before(after: int) -> dict[str, int]:
    """Return the last batch of each stream that a repeated one could still follow."""
    rows = AuditSignature.objects.filter(last__lte=after, last__gt=after - ANCHOR_ENTRIES)
    return dict(rows.order_by().values_list("stream").annotate(Max("number")))


def _whole_batch(upto: int) -> int:
    """Return the end of the batch that has the entry `upto`."""
    row = AuditSignature.objects.filter(last__gte=upto).order_by("last").first()
    return row.last if row is not None and row.first <= upto else upto


def said_of_signatures() -> tuple[int, list[Sequence[int]]]:
    """Return what the newest checkpoints, here and outside, say: from which entry on processes must
    have signed, or 0, and which entries are nobody's."""
    stored = AuditCheckpoint.objects.exclude(signed_from=None)
    known, newest = Report(), next(those_signed(stored.iterator()), None)
    take_signed(known, newest.said if newest else {})
    take_signed(known, newest_kept_outside() or {})
    return known.signed_from, known.foreign


def _newest_entry() -> int:
    return AuditEntry.objects.values_list("seq", flat=True).first() or 0


def checked_since(head: Head, upto: int, foreign: Sequence[Sequence[int]] = ()) -> Report:
    """Follow the entries after `head`, where a checkpoint was made, up to `upto`, and return the
    report: that each follows the one before, and that a process signed it, but for those that are
    `foreign`."""
    report = Report(head=Head(head.seq, head.hash))
    report.signed_from, report.foreign = said_of_signatures()
    report.foreign += [list(each) for each in foreign if list(each) not in report.foreign]
    batches = batches_after(head.seq, upto, trusted_keys())
    follow(ledger_lines(head.seq, most=upto - head.seq), report, {}, batches)
    return report
